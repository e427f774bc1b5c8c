//! What the pages do not take, and how they say so.

use super::{form, goes_to, is_page, is_secured, room, said, say};
use crate::support::{Reply, Site, name, on_both};
use maru_app::http::routes::{Policy, table};
use serde_json::json;

on_both! {
    forms_of_other_sites_change_nothing
    bad_messages_are_refused_and_kept_in_the_form
    bad_bodies_are_refused
    what_is_not_there_is_a_page
    other_verbs_are_refused
    other_contracts_rooms_of_nobody_are_not_shown
    an_ended_room_takes_nothing
    tokens_open_the_pages_too
}

#[track_caller]
pub fn is_missing(reply: &Reply) {
    let dom = is_page(reply, 404);
    assert!(dom.all("a").iter().any(|link| link.attribute("href") == Some("/chat/")), "{reply}");
}

async fn forms_of_other_sites_change_nothing(site: &Site) {
    let http = site.http();
    let room = room(&http, &name("ours"), "").await;
    let forms = [
        "/chat/new/",
        &room,
        &format!("{room}messages/new/"),
        &format!("{room}messages/stream/"),
        &format!("{room}edit/"),
    ];
    let fields = [("name", "theirs"), ("content", "theirs"), ("system_prompt", "theirs")];
    for path in forms {
        for (header, value) in [
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Site", "same-site"),
            ("Origin", "https://evil.example"),
            ("Origin", "null"),
        ] {
            is_page(&form(http.post(path), &fields).header(header, value).await, 403);
        }
    }
    for path in ["/login/", "/register/", "/logout/"] {
        is_page(&form(http.post(path), &[]).header("Sec-Fetch-Site", "cross-site").await, 403);
    }
    let page = is_page(&http.get(&room).await, 200);
    assert_eq!((said(&page), page.first("h1").expect("a name").text().contains("ours")), (vec![], true));
    // Our own pages, and programs that are no browser, come through.
    let own = [("Sec-Fetch-Site", "same-origin"), ("Origin", http.base.as_str())];
    for (header, value) in own {
        goes_to(&form(http.post(&room), &[("content", "ours")]).header(header, value).await, &room);
    }
    // What a browser would ask before a script of another site sends a header of htmx: it is told nothing.
    let asked = http.ask("OPTIONS", &room).header("Origin", "https://evil.example");
    let asked = asked.header("Access-Control-Request-Method", "POST").await;
    assert_eq!(asked.header("access-control-allow-origin"), None, "{asked}");
}

async fn bad_messages_are_refused_and_kept_in_the_form(site: &Site) {
    let http = site.http();
    let room = room(&http, &name("bad"), "").await;
    let long = "가".repeat(32_001);
    for bad in ["", " \n ", "a\0b", "a\u{1b}b", &long] {
        let piece = say(&http, &room, bad).await;
        let dom = is_page(&piece, 400);
        assert!(!dom.with_class("wrong").is_empty() && dom.all("article").is_empty(), "{piece}");
        for path in [room.clone(), format!("{room}messages/new/")] {
            let page = is_page(&form(http.post(&path), &[("content", bad)]).await, 400);
            let kept = page.by_id("content").expect("the form").text();
            if bad == long {
                assert_eq!(kept, bad, "what was written is not lost");
            }
            assert!(!page.with_class("wrong").is_empty());
        }
        let streamed = form(http.post(&format!("{room}messages/stream/")), &[("content", bad)]);
        is_page(&streamed.header("HX-Request", "true").await, 400);
    }
    assert_eq!(said(&is_page(&http.get(&room).await, 200)), []);
    for bad in ["a\0b", "a\nb", "a\u{7f}"] {
        is_page(&form(http.post("/chat/new/"), &[("name", bad)]).await, 200);
        assert!(!is_page(&http.get("/chat/").await, 200).text().contains(bad));
    }
}

async fn bad_bodies_are_refused(site: &Site) {
    let http = site.http();
    let room = room(&http, &name("bodies"), "").await;
    let send = format!("{room}messages/new/");
    is_page(&http.post(&send).body("application/json", r#"{"content":"x"}"#).await, 415);
    is_page(&http.post(&send).body("text/plain", "content=x").await, 415);
    is_page(&http.post(&send).body("application/x-www-form-urlencoded", vec![b'x'; 2 << 20]).await, 413);
    is_page(&http.post(&send).body("multipart/form-data; boundary=x", "no form").await, 400);
    is_page(
        &http
            .post(&send)
            .body("application/x-www-form-urlencoded", "content=%ff%fe")
            .header("Content-Encoding", "gzip")
            .await,
        415,
    );
    let parts = "--x\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\nby parts\r\n--x--\r\n";
    goes_to(&http.post(&send).body("multipart/form-data; boundary=x", parts).await, &room);
    assert_eq!(said(&is_page(&http.get(&room).await, 200))[0].1, "by parts");
    for key in ["", "\u{e9}"] {
        assert_eq!(
            form(http.post("/chat/new/"), &[("name", "x")]).header("Idempotency-Key", key).await.status,
            400
        );
    }
}

async fn what_is_not_there_is_a_page(site: &Site) {
    let http = site.http();
    let room = room(&http, &name("there"), "").await;
    let none = "01890000-0000-7000-8000-000000000000";
    for pk in ["0", "-1", "999999999", "99999999999999999999999", "x", "1.0", "+1", none, "%00", "..%2f"] {
        for path in ["", "edit/", "messages/new"] {
            let path = format!("/chat/{pk}/{path}");
            let reply = if path.ends_with("new") {
                form(http.post(&path), &[("content", "x")]).await
            } else {
                http.get(&path).await
            };
            is_missing(&reply);
        }
    }
    for path in [
        format!("{room}turns/{none}/stream/"),
        format!("{room}messages/{none}/edit/"),
        format!("{room}messages/x/edit/"),
        format!("{room}nothing/"),
        "/chat/1/2/3".to_owned(),
        "/assets/nothing.js".to_owned(),
        "/assets/..%2fCargo.toml".to_owned(),
    ] {
        is_missing(&http.get(&path).await);
    }
    for verb in ["stop", "retry"] {
        is_missing(&form(http.post(&format!("{room}turns/{none}/{verb}/")), &[]).await);
    }
    let piece = say(&http, "/chat/0/", "x").await;
    let dom = is_page(&piece, 404);
    assert!(dom.all("header").is_empty(), "a piece is no page: {piece}");
}

async fn other_verbs_are_refused(site: &Site) {
    let room = room(&site.http(), &name("verbs"), "").await;
    let refused = site.http().get(&format!("{room}messages/new/")).await;
    is_page(&refused, 405);
    refused.has("allow", "POST");
    for (verb, path, allow) in [
        ("DELETE", "/chat/", "GET"),
        ("PUT", room.as_str(), "GET, POST"),
        ("POST", "/", "GET"),
        ("GET", "/logout/", "POST"),
        ("OPTIONS", "/logout/", "POST"),
    ] {
        let refused = site.http().ask(verb, path).await;
        assert_eq!(refused.status, 405, "{refused}");
        refused.has("allow", allow);
        is_secured(&refused);
    }
    let head = site.http().ask("HEAD", &room).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
}

/// Whoever guesses the number of a thread does not know its name, which is the key to it.
async fn other_contracts_rooms_of_nobody_are_not_shown(site: &Site) {
    let http = site.http();
    let (user, thread) = (name("user"), name("thread"));
    let body = json!({"userId": user, "threadNum": thread, "content": "a secret", "timestamp": "2024-01-15T10:30:00.000Z"});
    http.post("/api/chat/send").json(&body).await.has_status(200);
    let room = room(&http, &name("after"), "").await;
    let newest: i64 = room.trim_matches(|c: char| !c.is_ascii_digit()).parse().expect("a number");
    assert!(newest > 1);
    for number in 1..newest {
        let reply = http.get(&format!("/chat/{number}/")).await;
        assert!(!reply.text().contains("a secret"), "{reply}");
    }
    assert!(!http.get("/chat/").await.text().contains("a secret"));
}

async fn an_ended_room_takes_nothing(site: &Site) {
    let http = site.user().await;
    http.say("hello").await.has_status(201);
    let chat = http.chats().await[0]["chat_id"].clone();
    assert_eq!(http.end().await.status, 200);
    // A room of the token API, on the pages of its owner.
    let room = format!("/chat/{chat}/");
    let page = is_page(&http.get(&room).await, 200);
    assert_eq!(said(&page).len(), 2);
    assert!(page.by_id("composer").is_none(), "nothing can be said in it");
    is_page(&form(http.post(&room), &[("content", "more")]).await, 409);
    is_page(&say(&http, &room, "more").await, 409);
}

async fn tokens_open_the_pages_too(site: &Site) {
    let nobody = site.http().with_token("maru_sk_nobody");
    let ours = ["/chat", "/login", "/register", "/logout", "/assets"];
    let is_ours = |path: &str| {
        path.is_empty() || ours.iter().any(|word| path == *word || path.starts_with(&format!("{word}/")))
    };
    let entries: Vec<_> = table().into_iter().filter(|entry| is_ours(entry.path)).collect();
    assert!(entries.len() >= 20, "{}", entries.len());
    for entry in entries {
        let path = entry.path.replace("{pk}", "1").replace(['{', '}'], "");
        let path = if path.is_empty() { "/".to_owned() } else { path };
        let reply = nobody.ask(entry.verb.as_str(), &path).await;
        if entry.policy == Policy::Open {
            assert_ne!(reply.status, 401, "{reply}");
        } else {
            is_page(&reply, 401);
        }
    }
}
