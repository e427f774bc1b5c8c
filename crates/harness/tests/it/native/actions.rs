//! Actions without fields of their own: what their bodies may be, and what their answers name.

use super::{at, refused, room};
use crate::support::{Site, on_both};
use serde_json::{Value, json};

on_both! {
    bodies_of_actions_are_read the_head_of_a_stream_ends a_new_password_is_named
    what_has_no_turn_is_edited_by_the_id_that_is_shown
}

async fn bodies_of_actions_are_read(site: &Site) {
    let user = site.user().await;
    let made = room(&user, json!({})).await;
    for action in ["/end", "/clear"] {
        let path = at(&made, action);
        refused(&user.post(&path).body("application/json", "{").await, 400, "invalid_json");
        refused(&user.post(&path).body("text/plain", "x").await, 415, "unsupported_media_type");
    }
    assert_eq!(user.get(&at(&made, "")).await.json()["ended_at"], Value::Null, "nothing was done");
    let end = || user.post(&at(&made, "/end")).key("the end");
    end().json(&json!({"why": "done"})).await.has_status(200);
    refused(&end().json(&json!({"why": "another"})).await, 422, "idempotency_key_reused");
}

async fn the_head_of_a_stream_ends(site: &Site) {
    let user = site.user().await;
    let made = room(&user, json!({})).await;
    let head = user.ask("HEAD", &at(&made, "/events")).header("Accept", "text/event-stream").await;
    assert_eq!((head.status, head.header("content-type").as_deref()), (200, Some("text/event-stream")));
}

async fn a_new_password_is_named(site: &Site) {
    let user = site.user().await;
    let body = json!({"old": "correct horse battery", "new": "p"});
    let answer = user.post("/v1/auth/password").json(&body).await;
    assert_eq!((answer.status, &answer.json()["errors"][0]["field"]), (400, &json!("new")), "{answer}");
}

async fn what_has_no_turn_is_edited_by_the_id_that_is_shown(site: &Site) {
    let user = site.user().await;
    let made = room(&user, json!({})).await;
    let note = json!({"content": "a note", "reply": false});
    user.post(&at(&made, "/messages")).json(&note).await.has_status(201);
    let chat = user.get("/api/chats/").await.json()[0].clone();
    let id = chat["conversation"][0]["message_id"].as_str().expect("an id").to_owned();
    let path = format!("/api/chats/{}/messages/{id}/", chat["chat_id"]);
    user.ask("PATCH", &path).json(&json!({"content": "another"})).await.has_status(200);
    assert_eq!(user.get("/api/chats/").await.json()[0]["conversation"][0]["You"], "another");
}
