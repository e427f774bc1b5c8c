//! What comes before any handler, in this contract's shape (contract §0.6).

use super::refused;
use crate::support::{Site, on_both};
use serde_json::json;

on_both! { unknown_paths_and_verbs bodies_that_are_not_read browsers_may_call }

async fn unknown_paths_and_verbs(site: &Site) {
    let http = site.http();
    for path in ["/v1/chat", "/v1/chat/", "/v1/chat/a/b/c", "/v1/chat/a/nothing", "/v1/plcs/masters/x/y"] {
        refused(&http.get(path).await, 404, "NOT_FOUND");
    }
    let cases = [
        ("POST", "/v1/chat/chat001/history", "GET, OPTIONS"),
        ("DELETE", "/v1/chat/chat001/message", "POST, OPTIONS"),
        ("GET", "/v1/chat/chat001/stream", "POST, OPTIONS"),
        ("PATCH", "/v1/chat/chats", "POST, GET, OPTIONS"),
        ("POST", "/v1/chat/chats/chat001", "GET, DELETE, OPTIONS"),
        ("GET", "/v1/chat/chats/chat001/title", "PUT, OPTIONS"),
        ("POST", "/v1/plcs", "GET, DELETE, OPTIONS"),
        ("PUT", "/v1/plcs/x", "GET, PATCH, OPTIONS"),
    ];
    for (verb, path, allow) in cases {
        let answer = http.ask(verb, path).await;
        refused(&answer, 405, "METHOD_NOT_ALLOWED");
        answer.has("allow", allow);
    }
    // Before CORS and all that, and in the contract's shape.
    let long = http.get(&format!("/v1/chat/{}/history", "x".repeat(9_000))).await;
    assert_eq!((long.status, &long.json()["code"]), (414, &json!("VALIDATION_ERROR")));
    // Beside them the native API keeps its own shape.
    let native = http.get("/v1/nothing").await;
    assert_eq!(native.header("content-type").as_deref(), Some("application/problem+json"));
    let native = http.get("/v1/chats").await;
    assert_eq!((native.status, native.json()["code"].clone()), (404, json!("not_found")));
}

async fn bodies_that_are_not_read(site: &Site) {
    let http = site.http();
    for path in
        ["/v1/chat/x/message", "/v1/chat/x/stream", "/v1/chat/chats", "/v1/plcs/batch", "/v1/plcs/masters"]
    {
        refused(&http.post(path).body("text/plain", "{}").await, 415, "VALIDATION_ERROR");
        refused(&http.post(path).body("", "{}").await, 415, "VALIDATION_ERROR");
        for bad in ["{", "[]", "null", "\"x\"", "\u{0}", "{\"message\":}"] {
            refused(&http.post(path).body("application/json", bad).await, 400, "VALIDATION_ERROR");
        }
        refused(
            &http.post(path).body("application/json", vec![b' '; (1 << 20) + 1]).await,
            413,
            "VALIDATION_ERROR",
        );
        let packed = http.post(path).header("Content-Encoding", "gzip").body("application/json", "{}").await;
        refused(&packed, 415, "VALIDATION_ERROR");
        let bad_key = http
            .post(path)
            .key("\u{e9}")
            .json(&json!({"message": "x", "user_id": "x", "chat_title": "x", "items": []}))
            .await;
        refused(&bad_key, 400, "VALIDATION_ERROR");
    }
}

async fn browsers_may_call(site: &Site) {
    let answer = site
        .http()
        .ask("OPTIONS", "/v1/chat/chat001/message")
        .header("Origin", "http://example.com")
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", "content-type,authorization")
        .await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin").as_deref()), (204, Some("*")));
    answer.has("access-control-allow-headers", "content-type,authorization");
}
