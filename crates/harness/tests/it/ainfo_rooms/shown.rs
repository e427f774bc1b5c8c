//! Which messages are logs (contract §2.1, §7).

use super::client::{logs, open, said, say};
use crate::support::{Site, on_both};
use serde_json::json;

on_both! { messages_without_a_reply_are_logs_too }

async fn messages_without_a_reply_are_logs_too(site: &Site) {
    let user = site.user().await;
    let room = open(&user, "x").await;
    let path = format!("/v1/rooms/{}/messages", room["id"]);
    user.post(&path).json(&json!({"content": "a note", "reply": false})).await.has_status(201);
    say(&user, &room, "question").await;
    assert_eq!(
        logs(&user, &room).await,
        said(&[("user", "a note"), ("user", "question"), ("bot", "reply to: question")])
    );
    let page = user.get(&path).await.json();
    let note = page["data"][0]["id"].as_str().expect("an id").to_owned();
    user.ask("DELETE", &format!("{path}/{note}")).await.has_status(204);
    assert_eq!(logs(&user, &room).await, said(&[("user", "question"), ("bot", "reply to: question")]));
    user.post(&format!("/v1/rooms/{}/clear", room["id"])).await.has_status(200);
    assert_eq!(logs(&user, &room).await, []);
}
