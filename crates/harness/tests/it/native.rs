//! The native API over HTTP (contract §8), on both databases.

mod accounts;
mod actions;
mod departures;
mod events;
mod messages;
mod pages;
mod readers;
mod refusals;
mod resume;
mod rooms;
pub mod sse;
mod table;
mod turns;

use crate::support::{Http, Reply};
use maru_app::http::routes::table;
use serde_json::{Value, json};

/// A new room of this user's.
async fn room(user: &Http, fields: Value) -> Value {
    let made = user.post("/v1/rooms").json(&fields).await;
    made.has_status(201).json()
}

/// `/v1/rooms/{id}` and more.
fn at(room: &Value, more: &str) -> String {
    format!("/v1/rooms/{}{more}", room["id"].as_str().expect("a room's id"))
}

/// Sends a message and waits for the end of its turn.
async fn exchange(user: &Http, room: &Value, content: &str) -> Value {
    let sent =
        user.post(&at(room, "/messages")).header("Prefer", "wait=30").json(&json!({"content": content}));
    let sent = sent.await;
    sent.has("preference-applied", "wait=30").has_status(200).json()
}

/// What all messages of a room say, the oldest first.
async fn texts(user: &Http, room: &Value) -> Vec<String> {
    let page = user.get(&at(room, "/messages?limit=200")).await.has_status(200).json();
    let messages = page["data"].as_array().expect("a page").clone();
    messages.iter().map(|message| message["content"].as_str().unwrap_or_default().to_owned()).collect()
}

/// A refusal: its status, its code, the shape of RFC 9457, and a word of it in the OpenAPI document.
#[track_caller]
fn refused(answer: &Reply, status: u16, code: &str) -> Value {
    answer.has("content-type", "application/problem+json").has_status(status);
    let body = answer.json();
    assert_eq!(
        (&body["type"], &body["status"], &body["code"]),
        (&json!("about:blank"), &json!(status), &json!(code)),
        "{answer}"
    );
    assert!(
        body["title"].is_string() && body["detail"].as_str().is_some_and(|text| !text.is_empty()),
        "{answer}"
    );
    assert_eq!(body["request_id"].as_str(), answer.header("x-request-id").as_deref(), "{answer}");
    assert!(
        is_documented(&answer.line, status, code),
        "the document does not say {status} {code} of {}",
        answer.line
    );
    body
}

/// The fields that a refusal names, with the rules that they break.
#[track_caller]
fn broken(answer: &Reply) -> Vec<(String, String)> {
    let body = refused(answer, 400, "invalid_request");
    let errors = body["errors"].as_array().expect("errors").clone();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    assert!(errors.iter().all(|error| !text(&error["detail"]).is_empty()), "{answer}");
    errors.iter().map(|error| (text(&error["field"]), text(&error["code"]))).collect()
}

fn is_documented(line: &str, status: u16, code: &str) -> bool {
    let (verb, path) = line.split_once(' ').unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default().trim_end_matches('/');
    let same = |pattern: &str| {
        let (one, other): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
        one.len() == other.len()
            && one.iter().zip(other).all(|(one, other)| one.starts_with('{') || *one == other)
    };
    let Some(entry) = table().into_iter().find(|entry| entry.verb.as_str() == verb && same(entry.path))
    else {
        // No route: a path or a verb that is not there.
        return true;
    };
    let document = serde_json::to_value(maru_app::http::document()).expect("the document");
    let response = &document["paths"][entry.path][verb.to_lowercase()]["responses"][status.to_string()];
    response["description"].as_str().is_some_and(|text| text.contains(&format!("`{code}`")))
}
