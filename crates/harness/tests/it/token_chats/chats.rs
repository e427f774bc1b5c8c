//! Start, continue, end and list sessions (contract §1.5, §1.6, times §0.5).

use crate::support::{Reply, Site, on_both};
use maru_domain::clock::Timestamp;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;

on_both! { a_session_starts_goes_on_and_ends the_list_shows_every_session end_session_is_read_leniently refuses_messages content_is_kept_as_sent }

/// Five hours ahead of UTC all year: Asia/Karachi.
fn karachi(utc: &str) -> String {
    let time: Timestamp = utc.parse().unwrap_or_else(|error| panic!("{utc}: {error}"));
    let local = time.checked_add(Duration::from_secs(5 * 3600)).expect("a time of today");
    local.strftime("%d/%m/%Y %H:%M:%S").to_string()
}

/// `24/10/2024 10:00:00`, and not long ago.
#[track_caller]
fn is_local_now(text: &Value) {
    let text = text.as_str().unwrap_or_else(|| panic!("no time: {text}"));
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "00/00/0000 00:00:00", "{text}");
    let now = maru_now();
    let around: HashSet<String> = (0..60)
        .map(|ago| karachi(&now.checked_sub(Duration::from_secs(ago)).expect("a time").to_string()))
        .collect();
    assert!(around.contains(text), "{text} is not within the minute before {}", karachi(&now.to_string()));
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test compares the server's times with the machine's clock"
)]
fn maru_now() -> Timestamp {
    Timestamp::now()
}

/// `2024-10-24T22:47:26.507862Z`
#[track_caller]
fn is_utc_micros(text: &str) {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000000Z", "{text}");
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.parse::<uuid::Uuid>().is_ok()
}

/// A turn as the contract shows it, with the reply of the test's model.
fn turn(answer: &Reply, n: usize, you: &str) -> Value {
    let conversation = answer.json()["conversation"][n].clone();
    json!({"message_id": conversation["message_id"], "You": you, "Bot": format!("reply to: {you}"), "timestamp": conversation["timestamp"]})
}

async fn a_session_starts_goes_on_and_ends(site: &Site) {
    let (user, registered) = site.user_named(&crate::support::name("talker")).await;
    let user_id = registered["user"]["id"].clone();
    let first = user.say("How many planets are there?").await;
    let shown = first.json();
    let (chat_id, session, start) =
        (&shown["chat_id"], first.string("/session_identifier"), first.string("/start_time"));
    let body = json!({"chat_id": chat_id, "user_id": user_id, "conversation": [turn(&first, 0, "How many planets are there?")],
        "start_time": start, "end_time": null, "session_identifier": session});
    first.is(201, &body);
    assert!(chat_id.as_i64().is_some_and(|id| id > 0) && is_uuid(&session), "{first}");
    assert!(is_uuid(&first.string("/conversation/0/message_id")), "{first}");
    is_utc_micros(&start);
    is_local_now(&shown["conversation"][0]["timestamp"]);

    let second = user.say("And moons?").await;
    let conversation = [turn(&first, 0, "How many planets are there?"), turn(&second, 1, "And moons?")];
    let body = json!({"chat_id": chat_id, "user_id": user_id, "conversation": conversation,
        "start_time": start, "end_time": null, "session_identifier": session});
    second.is(200, &body);
    // The model is told all that was said before.
    let prompt = site.prompts_for("And moons?").pop().expect("a call of the model");
    assert_eq!(
        prompt,
        ["How many planets are there?", "reply to: How many planets are there?", "And moons?"]
    );

    // The end takes a content, stores it nowhere and asks no model.
    let ended = user.post("/api/chats/").json(&json!({"content": "farewell", "end_session": true})).await;
    let end_time = ended.json()["end_time"].clone();
    ended.is(200, &json!({"message": "Chat session ended successfully", "start_time": karachi(&start), "end_time": end_time, "session_id": session}));
    is_local_now(&end_time);
    assert_eq!(site.prompts_for("farewell"), Vec::<Vec<String>>::new());
    let listed = user.chats().await;
    assert_eq!(
        (&listed[0]["end_time"], listed[0]["conversation"].as_array().map(Vec::len)),
        (&end_time, Some(2))
    );
    user.end().await.is(404, &json!({"error": "No active chat session found to end."}));

    // What comes next opens another one, which knows nothing of the first.
    let next = user.say("Hello again").await;
    next.has_status(201);
    assert!(
        next.json()["chat_id"].as_i64() > chat_id.as_i64() && next.string("/session_identifier") != session,
        "{next}"
    );
    assert_eq!(site.prompts_for("Hello again"), [["Hello again"]]);
    assert_eq!(next.json()["conversation"].as_array().map(Vec::len), Some(1));
}

async fn the_list_shows_every_session(site: &Site) {
    let (user, registered) = site.user_named(&crate::support::name("lister")).await;
    user.get("/api/chats/").await.is(200, &json!([]));
    let mut sent = Vec::new();
    for session in 0..3 {
        user.say(&format!("{session} one")).await.has_status(201);
        sent.push(user.say(&format!("{session} two")).await);
        if session < 2 {
            user.end().await.has_status(200);
        }
    }
    let listed = user.get("/api/chats/").await;
    let shown = listed.json();
    let chats: Vec<Value> = (0..3)
        .map(|n| {
            let (chat, there) = (sent[n].json(), &shown[n]);
            // The same turns, to the letter, as the answer to the last message had.
            json!({"chat_id": chat["chat_id"], "user_id": registered["user"]["id"], "start_time": karachi(chat["start_time"].as_str().expect("a time")),
                "end_time": there["end_time"], "session_id": chat["session_identifier"], "conversation": chat["conversation"]})
        })
        .collect();
    listed.is(200, &json!(chats));
    is_local_now(&shown[0]["end_time"]);
    is_local_now(&shown[1]["end_time"]);
    assert_eq!(shown[2]["end_time"], Value::Null);
    let ids: Vec<_> = shown.as_array().expect("a list").iter().map(|chat| chat["chat_id"].as_i64()).collect();
    assert!(ids.is_sorted(), "{ids:?}");

    for chat in &chats {
        let id = chat["session_id"].as_str().expect("an id");
        for path in [
            format!("/api/chats/?session_id={id}"),
            format!("/api/chats?session_id={id}&other=1"),
            format!("/api/chats/?session_id=x&session_id={id}"),
        ] {
            user.get(&path).await.is(200, &json!([chat]));
        }
    }
    user.get("/api/chats/?session_id=").await.is(200, &json!(chats));
    user.get("/api/chats/?session=1&page=7").await.is(200, &json!(chats));
    for id in [
        "x",
        "0",
        "null",
        "01890000-0000-7000-8000-000000000000",
        "%00",
        "%FF",
        "'%20or%20''='",
        "🙂",
        "..",
        &"a".repeat(4000),
    ] {
        user.get(&format!("/api/chats/?session_id={id}")).await.is(200, &json!([]));
    }
    let chat_id = chats[0]["chat_id"].to_string();
    user.get(&format!("/api/chats/?session_id={chat_id}")).await.is(200, &json!([]));
}

async fn end_session_is_read_leniently(site: &Site) {
    let user = site.user().await;
    let ends = [
        json!(true),
        json!("true"),
        json!("TRUE"),
        json!("1"),
        json!("yes"),
        json!("Yes"),
        json!(1),
        json!(7),
        json!(-1),
    ];
    let goes_on = [
        json!(false),
        json!("false"),
        json!("no"),
        json!("0"),
        json!(""),
        json!("on"),
        json!(0),
        json!(null),
    ];
    for value in &ends {
        user.say("open").await.has_status(201);
        let answer = user.post("/api/chats/").json(&json!({"content": "x", "end_session": value})).await;
        assert_eq!(answer.json()["message"], "Chat session ended successfully", "{value}: {answer}");
    }
    user.say("open").await.has_status(201);
    for value in &goes_on {
        let answer = user.post("/api/chats/").json(&json!({"content": "x", "end_session": value})).await;
        assert!(answer.status == 200 && answer.json()["end_time"].is_null(), "{value}: {answer}");
    }
}

async fn refuses_messages(site: &Site) {
    let user = site.user().await;
    let missing = json!({"error": "Content is required."});
    for ending in [json!(false), json!(true)] {
        for body in [
            json!({}),
            json!({"content": ""}),
            json!({"content": null}),
            json!({"content": "  \n\t"}),
            json!({"content": "\u{3000}\u{2003}"}),
            json!({"Content": "x", "message": "x"}),
        ] {
            let mut body = body;
            body["end_session"] = ending.clone();
            user.post("/api/chats/").json(&body).await.is(400, &missing);
        }
    }
    for content in ["\u{0}", "a\u{0}b", "\u{1b}[31m", "a\u{7f}", "\u{8}"] {
        user.say(content).await.is(400, &json!({"error": "Content may not hold control characters."}));
    }
    // Nothing of all this has opened a session.
    user.end().await.is(404, &json!({"error": "No active chat session found to end."}));
    user.get("/api/chats/").await.is(200, &json!([]));
    user.say("now").await.has_status(201);
}

async fn content_is_kept_as_sent(site: &Site) {
    let user = site.user().await;
    let texts = [
        "  leading and trailing  ",
        "\r\n\ttabs and lines\r\n",
        "<b>bold</b> & \"quoted\" \\ / '",
        "안녕하세요 👩‍👩‍👧‍👦 e\u{301} \u{202e}rtl\u{202c} \u{200b}\u{feff}",
        "\u{fdd0}\u{ffff}\u{10ffff} \u{85} \u{2028}\u{2029}",
        "{\"content\": \"json\"}",
        "a\u{300}\u{301}\u{302}\u{303}\u{304}",
    ];
    for (n, text) in texts.iter().enumerate() {
        let sent = user.say(text).await;
        assert_eq!(sent.json()["conversation"][n]["You"], *text);
        assert_eq!(sent.json()["conversation"][n]["Bot"], format!("reply to: {text}"));
        assert_eq!(site.prompts_for(text).len(), 1, "the model is asked with the very text: {text:?}");
    }
    let listed = user.chats().await;
    let kept: Vec<_> =
        listed[0]["conversation"].as_array().expect("turns").iter().map(|turn| turn["You"].clone()).collect();
    assert_eq!(kept, texts);
}
