//! Somebody else's chat is a missing one (contract §0.4): same status, same headers, same bytes.

use crate::support::{Http, Reply, Site, on_both};
use serde_json::{Value, json};

on_both! { foreign_is_missing }

fn headers(answer: &Reply) -> Vec<(String, usize)> {
    let mut headers: Vec<_> =
        answer.headers.iter().map(|(name, value)| (name.to_string(), value.len())).collect();
    headers.sort();
    headers
}

#[track_caller]
fn same(foreign: &Reply, missing: &Reply) {
    assert_eq!(
        (foreign.status, foreign.text(), headers(foreign)),
        (missing.status, missing.text(), headers(missing)),
        "{foreign}\n{missing}"
    );
}

async fn foreign_is_missing(site: &Site) {
    let (owner, stranger) = (site.user().await, site.user().await);
    let theirs = owner.say("mine alone").await.json();
    let own = stranger.say("my own").await.json();
    let before = owner.chats().await;
    let (chat, message) = (&theirs["chat_id"], &theirs["conversation"][0]["message_id"]);
    let nowhere = json!(chat.as_i64().unwrap_or_default() + 1_000_000);
    let unknown = json!("01890000-0000-7000-8000-000000000000");
    let listed = |http: &Http, id: &Value| {
        http.get(&format!("/api/chats/?session_id={}", id.as_str().unwrap_or_default()))
    };
    same(&listed(&stranger, &theirs["session_identifier"]).await, &listed(&stranger, &unknown).await);
    same(&stranger.edit(chat, message, "y").await, &stranger.edit(&nowhere, &unknown, "y").await);
    same(
        &stranger.edit(&own["chat_id"], message, "y").await,
        &stranger.edit(&own["chat_id"], &unknown, "y").await,
    );
    same(
        &stranger.ask("PATCH", &format!("/api/chats/{chat}/messages/x/")).json(&json!({})).await,
        &stranger.ask("PATCH", &format!("/api/chats/{nowhere}/messages/x/")).json(&json!({})).await,
    );
    same(&stranger.delete(chat).await, &stranger.delete(&nowhere).await);
    // Neither the session's id nor the turn's stands for a number.
    for id in [&theirs["session_identifier"], message] {
        stranger
            .ask("DELETE", &format!("/api/chats/{}/", id.as_str().unwrap_or_default()))
            .await
            .has_status(404);
        owner
            .ask("DELETE", &format!("/api/chats/{}/", id.as_str().unwrap_or_default()))
            .await
            .is(404, &json!({"detail": "Not found."}));
    }
    // Fields that name another user or chat are no way in.
    let body = json!({"content": "x", "user_id": theirs["user_id"], "chat_id": chat, "session_id": theirs["session_identifier"], "session_identifier": theirs["session_identifier"]});
    let sent = stranger.post("/api/chats/").json(&body).await.json();
    assert_eq!((&sent["chat_id"], &sent["user_id"]), (&own["chat_id"], &own["user_id"]));
    assert!(stranger.chats().await.as_array().is_some_and(|chats| chats.len() == 1));
    assert_eq!(owner.chats().await, before, "nothing of it has changed");
    // One's end is not the other's.
    stranger.end().await.has_status(200);
    owner.say("still open").await.has_status(200);
}
