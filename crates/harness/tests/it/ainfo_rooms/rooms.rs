//! Open, list, look, rename, delete (contract §2.1, §2.2).

use super::client::{MISSING, open, say};
use crate::support::{Http, Site, name, on_both};
use serde_json::{Value, json};

on_both! {
    a_room_is_opened_as_the_contract_shows_it rooms_are_listed_newest_first_with_their_logs
    a_room_is_renamed_and_nothing_else a_deleted_room_takes_everything_along
    a_key_opens_one_room the_older_addresses_work_too
}

/// `2026-11-21T11:10:20.154272+09:00`, and the fraction may be missing.
#[track_caller]
fn is_seoul_time(value: &Value) {
    let text = value.as_str().unwrap_or_default();
    let (time, zone) = text.split_at_checked(text.len().saturating_sub(6)).unwrap_or_default();
    let digits = time.split_once('.').map_or(6, |(_, digits)| digits.len());
    assert!(zone == "+09:00" && text.as_bytes().get(10) == Some(&b'T') && digits == 6, "{text:?}");
}

async fn a_room_is_opened_as_the_contract_shows_it(site: &Site) {
    let (user, registered) = site.user_named(&name("ainfo")).await;
    let me = &registered["user"]["id"];
    let ignored = json!({"user": 1, "id": 7, "created_at": "2000-01-01", "chatlogs": [1], "other": {}});
    let cases = [
        (json!({}), "새 채팅"),
        (ignored, "새 채팅"),
        (json!({"title": "  여행 계획 \n"}), "여행 계획"),
        (json!({"title": 5}), "5"),
        (json!({"title": "<b>'\"\\ 😀"}), "<b>'\"\\ 😀"),
    ];
    for (body, title) in cases {
        let answer = user.post("/chatbot/room/").json(&body).await;
        let room = answer.json();
        is_seoul_time(&room["created_at"]);
        assert!(room["id"].is_i64(), "{answer}");
        let whole = json!({"id": room["id"], "chatlogs": [], "user": me, "title": title, "created_at": room["created_at"]});
        answer.is(201, &whole);
        user.get(&format!("/chatbot/room/{}/", room["id"])).await.is(200, &whole);
        user.get(&format!("/chatbot/room/{}/logs/", room["id"])).await.is(200, &json!([]));
    }
    // No body at all, and a form, as browsers and old clients send them.
    user.post("/chatbot/room/").await.has_status(201);
    let form = "application/x-www-form-urlencoded";
    let answer = user.post("/chatbot/room/").body(form, "title=%EC%95%88%EB%85%95+a").await;
    assert_eq!((answer.status, &answer.json()["title"]), (201, &json!("안녕 a")), "{answer}");
    let multipart = "--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\n안녕\r\n--x--\r\n";
    let answer = user.post("/chatbot/room/").body("multipart/form-data; boundary=x", multipart).await;
    assert_eq!((answer.status, &answer.json()["title"]), (201, &json!("안녕")), "{answer}");
}

async fn rooms_are_listed_newest_first_with_their_logs(site: &Site) {
    let user = site.user().await;
    user.get("/chatbot/room/").await.is(200, &json!([]));
    let mut rooms = Vec::new();
    for title in ["one", "two", "three"] {
        rooms.push(open(&user, title).await);
    }
    // Talking in an old room does not make it a new one.
    say(&user, &rooms[0], "첫 질문").await;
    say(&user, &rooms[2], "안녕").await;
    say(&user, &rooms[2], "또").await;
    let listed = user.get("/chatbot/room/").await;
    listed.has("content-type", "application/json").has_status(200);
    let listed = listed.json();
    let titles: Vec<&Value> = listed.as_array().expect("a list").iter().map(|room| &room["title"]).collect();
    assert_eq!(titles, ["three", "two", "one"]);
    for (room, said) in listed.as_array().expect("a list").iter().zip([2, 0, 1]) {
        assert_eq!(room["chatlogs"].as_array().map(Vec::len), Some(2 * said), "{room}");
        user.get(&format!("/chatbot/room/{}/", room["id"])).await.is(200, room);
        user.get(&format!("/chatbot/room/{}/logs/", room["id"])).await.is(200, &room["chatlogs"]);
    }
    let logs = listed[0]["chatlogs"].as_array().expect("logs");
    let said: Vec<(&Value, &Value)> = logs.iter().map(|log| (&log["role"], &log["message"])).collect();
    let (me, bot) = (json!("user"), json!("bot"));
    let texts = [json!("안녕"), json!("reply to: 안녕"), json!("또"), json!("reply to: 또")];
    assert_eq!(said, [(&me, &texts[0]), (&bot, &texts[1]), (&me, &texts[2]), (&bot, &texts[3])]);
    for (log, next) in logs.iter().zip(logs.iter().skip(1)) {
        assert!(log["id"].as_i64() < next["id"].as_i64(), "{log} {next}");
        assert!(log["timestamp"].as_str() <= next["timestamp"].as_str(), "{log} {next}");
    }
    for log in logs {
        is_seoul_time(&log["timestamp"]);
        let keys: Vec<&String> = log.as_object().expect("a log").keys().collect();
        assert_eq!(keys, ["id", "role", "message", "timestamp", "chatroom"]);
        assert_eq!(log["chatroom"], listed[0]["id"]);
    }
    // The same again, from pages that are kept, and after one of the rooms has changed.
    user.get("/chatbot/room/").await.is(200, &listed);
    say(&user, &rooms[1], "middle").await;
    let again = user.get("/chatbot/room/").await.json();
    assert_eq!((&again[0], &again[2]), (&listed[0], &listed[2]));
    assert_eq!(again[1]["chatlogs"][1]["message"], "reply to: middle");
}

async fn a_room_is_renamed_and_nothing_else(site: &Site) {
    let user = site.user().await;
    let room = open(&user, "old").await;
    say(&user, &room, "안녕").await;
    let path = format!("/chatbot/room/{}/", room["id"]);
    let before = user.get(&path).await.json();
    let titled = |title: &str| {
        let mut room = before.clone();
        room["title"] = json!(title);
        room
    };
    for verb in ["PATCH", "PUT"] {
        let ask = |body: Value| user.ask(verb, &path).json(&body);
        let new = format!("new by {verb}");
        ask(json!({"title": format!(" {new}\t")})).await.is(200, &titled(&new));
        ask(json!({})).await.is(200, &titled(&new));
        ask(json!({"user": 9, "id": 9, "chatlogs": [], "created_at": "x"})).await.is(200, &titled(&new));
        user.ask(verb, &path).await.is(200, &titled(&new));
        user.get(&path).await.is(200, &titled(&new));
        user.get("/chatbot/room/").await.is(200, &json!([titled(&new)]));
        ask(json!({"title": "가".repeat(100)})).await.is(200, &titled(&"가".repeat(100)));
    }
}

async fn a_deleted_room_takes_everything_along(site: &Site) {
    let user = site.user().await;
    let (gone, stays) = (open(&user, "gone").await, open(&user, "stays").await);
    say(&user, &gone, "forget me").await;
    let path = format!("/chatbot/room/{}/", gone["id"]);
    let deleted = user.ask("DELETE", &path).await;
    assert_eq!((deleted.status, deleted.body.len()), (204, 0), "{deleted}");
    for (verb, path) in [
        ("DELETE", path.clone()),
        ("GET", path.clone()),
        ("PATCH", path.clone()),
        ("PUT", path.clone()),
        ("GET", format!("{path}logs/")),
    ] {
        user.ask(verb, &path).await.is(404, &json!({"detail": MISSING}));
    }
    user.get("/chatbot/room/").await.is(200, &json!([stays]));
    // The model does not remember it either.
    say(&user, &stays, "what did I say?").await;
    assert_eq!(site.prompts_for("what did I say?").last(), Some(&vec!["what did I say?".to_owned()]));
}

async fn a_key_opens_one_room(site: &Site) {
    let user = site.user().await;
    let key = name("key");
    let send = |title: &str| user.post("/chatbot/room/").key(&key).json(&json!({ "title": title }));
    let first = send("once").await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (201, None), "{first}");
    user.ask("PATCH", &format!("/chatbot/room/{}/", first.json()["id"]))
        .json(&json!({"title": "renamed"}))
        .await;
    let again = send("once").await;
    again.has("idempotency-replayed", "true").has_status(201);
    assert_eq!(again.body, first.body);
    send("other").await.has_status(422);
    assert_eq!(user.get("/chatbot/room/").await.json().as_array().map(Vec::len), Some(1));
    user.post("/chatbot/room/").key("").json(&json!({})).await.has_status(400);
}

/// The original serves its rooms under `/api/v1` as well.
async fn the_older_addresses_work_too(site: &Site) {
    let user: Http = site.user().await;
    let room = user.post("/api/v1/chatbot/room/").json(&json!({"title": "x"})).await;
    room.has_status(201);
    let room = room.json();
    user.get("/api/v1/chatbot/room").await.is(200, &json!([room]));
    user.get(&format!("/api/v1/chatbot/room/{}/", room["id"])).await.is(200, &room);
    user.get(&format!("/api/v1/chatbot/room/{}/logs/", room["id"])).await.is(200, &json!([]));
    user.ask("DELETE", &format!("/api/v1/chatbot/room/{}/", room["id"])).await.has_status(204);
    user.get("/api/v1/chatbot/rooms/").await.is(404, &json!({"detail": "찾을 수 없습니다."}));
}
