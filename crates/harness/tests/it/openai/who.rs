//! Who may: nobody unknown, and everybody their own.

use super::{missing, refused, respond};
use crate::support::{Site, on_both};
use maru_app::http::routes::{Policy, table};
use serde_json::{Value, json};

on_both! { nobody_unknown_gets_in somebody_elses_is_missing the_plc_chats_own_words_stay_its_own }

const OWN: [&str; 4] = ["/v1/responses", "/v1/conversations", "/v1/chat/completions", "/v1/models"];

async fn nobody_unknown_gets_in(site: &Site) {
    let none = site.http();
    let mut asked = 0;
    for entry in table().iter().filter(|entry| OWN.iter().any(|own| entry.path.starts_with(own))) {
        assert_eq!(entry.policy, Policy::Token, "{}", entry.path);
        let path = entry.path.replace(['{', '}'], "");
        for http in [&none, &none.with_token("sk-nobody")] {
            let answer = http.ask(entry.verb.as_str(), &path).body("text/plain", "x").await;
            let error = refused(&answer, 401, "invalid_api_key", &Value::Null);
            assert_eq!(error["type"], "invalid_request_error");
            answer.has("www-authenticate", "Bearer");
        }
        asked += 1;
    }
    assert!(asked >= 21, "{asked}");
}

async fn somebody_elses_is_missing(site: &Site) {
    let (owner, stranger) = (site.user().await, site.user().await);
    let response = respond(&owner, json!({"input": "mine"})).await;
    let stored = json!({"store": true, "messages": [{"role": "user", "content": "mine"}]});
    let completion = owner.post("/v1/chat/completions").json(&stored).await.string("/id");
    let text = |value: &Value| value.as_str().expect("an id").to_owned();
    let (resp, conv) = (text(&response["id"]), text(&response["conversation"]["id"]));
    let item = text(&response["output"][0]["id"]);
    let before = owner.get(&format!("/v1/conversations/{conv}/items")).await.json();
    for (verb, path, what, id) in [
        ("GET", format!("/v1/responses/{resp}"), "Response", &resp),
        ("GET", format!("/v1/responses/{resp}?stream=true"), "Response", &resp),
        ("DELETE", format!("/v1/responses/{resp}"), "Response", &resp),
        ("POST", format!("/v1/responses/{resp}/cancel"), "Response", &resp),
        ("GET", format!("/v1/responses/{resp}/input_items"), "Response", &resp),
        ("GET", format!("/v1/conversations/{conv}"), "Conversation", &conv),
        ("DELETE", format!("/v1/conversations/{conv}"), "Conversation", &conv),
        ("GET", format!("/v1/conversations/{conv}/items"), "Conversation", &conv),
        ("GET", format!("/v1/conversations/{conv}/items/{item}"), "Conversation", &conv),
        ("DELETE", format!("/v1/conversations/{conv}/items/{item}"), "Conversation", &conv),
        ("GET", format!("/v1/chat/completions/{completion}"), "Chat completion", &completion),
        ("GET", format!("/v1/chat/completions/{completion}/messages"), "Chat completion", &completion),
        ("DELETE", format!("/v1/chat/completions/{completion}"), "Chat completion", &completion),
    ] {
        missing(&stranger.ask(verb, &path).await, what, id);
    }
    let items = json!({"items": [{"role": "user", "content": "x"}]});
    missing(
        &stranger.post(&format!("/v1/conversations/{conv}/items")).json(&items).await,
        "Conversation",
        &conv,
    );
    let body = json!({"input": "x", "conversation": conv});
    missing(&stranger.post("/v1/responses").json(&body).await, "Conversation", &conv);
    let body = json!({"input": "x", "previous_response_id": resp});
    refused(
        &stranger.post("/v1/responses").json(&body).await,
        400,
        "previous_response_not_found",
        &json!("previous_response_id"),
    );
    assert_eq!(owner.get(&format!("/v1/conversations/{conv}/items")).await.json(), before);
    // A room of another kind is no chat completion, to its owner neither.
    let room = format!("chatcmpl-{}", conv.trim_start_matches("conv_"));
    missing(&owner.get(&format!("/v1/chat/completions/{room}")).await, "Chat completion", &room);
}

/// An API key works as a token does; and `/v1/chat/completions/history` is no completion.
async fn the_plc_chats_own_words_stay_its_own(site: &Site) {
    let user = site.user().await;
    let key = user.post("/v1/keys").json(&json!({"name": "sdk"})).await.has_status(201).string("/key");
    let keyed = site.http().with_token(&key);
    keyed.get("/v1/models").await.has_status(200);
    let history = site.http().get("/v1/chat/completions/history").await;
    assert_eq!(
        (history.status, &history.json()["code"]),
        (404, &json!("CHAT_SESSION_NOT_FOUND")),
        "{history}"
    );
    missing(&keyed.get("/v1/chat/completions/chatcmpl-x").await, "Chat completion", "chatcmpl-x");
}
