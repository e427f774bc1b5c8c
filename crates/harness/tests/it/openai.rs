//! OpenAI's API over HTTP (contract §6.1), on both databases. What its SDKs make of it is tested with
//! the SDKs themselves, in `clients`.

mod completions;
mod conversations;
mod parameters;
mod refusals;
mod responses;
mod streams;
mod who;

use crate::native::sse::{Event, Stream, open};
use crate::support::{Http, Reply, Site};
use maru_testkit::upstream::Script;
use serde_json::{Value, json};
use std::time::Duration;

/// A refusal in OpenAI's shape: its status, its code, and the parameter that it names.
#[track_caller]
pub fn refused(answer: &Reply, status: u16, code: &str, param: &Value) -> Value {
    answer.has_status(status);
    let error = answer.json()["error"].clone();
    assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{answer}");
    assert!(error["type"].as_str().is_some_and(|text| text.ends_with("_error")), "{answer}");
    let code = if code.is_empty() { Value::Null } else { json!(code) };
    assert_eq!((&error["code"], &error["param"]), (&code, param), "{answer}");
    error
}

/// Nothing of that kind and id.
#[track_caller]
pub fn missing(answer: &Reply, what: &str, id: &str) {
    let error = refused(answer, 404, "", &Value::Null);
    assert_eq!(error["message"], format!("{what} with id '{id}' not found."), "{answer}");
}

/// A response to this body.
pub async fn respond(user: &Http, body: Value) -> Value {
    user.post("/v1/responses").json(&body).await.has_status(200).json()
}

/// The room of a response's conversation.
pub fn room_path(response: &Value) -> String {
    let id = response["conversation"]["id"].as_str().expect("a conversation");
    format!("/v1/rooms/{}", id.trim_start_matches("conv_"))
}

/// What all messages of a room say at the native API, oldest first, with who says it.
pub async fn said(user: &Http, room: &str) -> Vec<(String, String)> {
    let page = user.get(&format!("{room}/messages?limit=200")).await.has_status(200).json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let messages = page["data"].as_array().expect("a page");
    messages.iter().map(|message| (text(&message["role"]), text(&message["content"]))).collect()
}

/// The same, as it is expected.
pub fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(role, text)| ((*role).to_owned(), (*text).to_owned())).collect()
}

/// The text of a response.
pub fn text(response: &Value) -> &str {
    response["output"][0]["content"][0]["text"].as_str().unwrap_or_default()
}

/// A stream that answers a POST.
pub async fn stream(user: &Http, path: &str, body: Value) -> Stream {
    open(user, "POST", path, &[], Some(body)).await
}

/// The texts of the deltas of a response's stream.
pub fn deltas(events: &[Event]) -> String {
    events.iter().filter_map(|event| event.data["delta"].as_str()).collect()
}

/// A model that says `text` word by word, slowly.
pub fn slow(site: &Site, model: &str, text: &str) {
    let words = text.split_inclusive(' ');
    let said =
        words.fold(Script::stream().role(), |script, word| script.say(word).wait(Duration::from_millis(150)));
    site.upstream.script(model, said.finish("stop").usage(3, 4).done().end());
}
