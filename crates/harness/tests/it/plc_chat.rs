//! The PLC chat API over HTTP (contract §4), on both databases.

mod access;
mod away;
mod cancel;
mod chats;
mod edges;
mod files;
mod history;
mod masks;
mod native;
mod registry;
mod replies;
mod seed;

use crate::support::{Ask, Http, Reply, Site, name};
use serde_json::{Value, json};

/// The masters of the seed's first example.
pub fn seed_masters() -> Value {
    json!({
        "plants": [{"id": "plant001", "code": "P001", "name": "공장1"}],
        "processes": [{"id": "process001", "code": "PR001", "name": "공정1", "plant_id": "plant001"}],
        "lines": [{"id": "line001", "code": "L001", "name": "라인1", "process_id": "process001"}],
    })
}

/// The row of a PLC on the seed's line.
pub fn row(plc_id: &str) -> Value {
    json!({
        "plant_id": "plant001", "process_id": "process001", "line_id": "line001",
        "plc_name": "01_01_CELL_FABRICATOR", "unit": "1", "plc_id": plc_id, "create_user": "ann",
    })
}

/// Registers a PLC of a new name on the seed's line; answers it as the registry shows it.
pub async fn registered(http: &Http) -> Value {
    let plc_id = name("M1CFB");
    http.post("/v1/plcs/masters").json(&seed_masters()).await.has_status(200);
    let batch = http.post("/v1/plcs/batch").json(&json!({"items": [row(&plc_id)]})).await;
    assert_eq!(batch.json()["created_count"], 1, "{batch}");
    let listed = http.get(&format!("/v1/plcs?plc_id={plc_id}")).await;
    assert_eq!(listed.json()["total_count"], 1, "{listed}");
    listed.json()["items"][0].clone()
}

/// A PLC's id as text.
pub fn uuid(plc: &Value) -> String {
    plc["plc_uuid"].as_str().expect("a plc_uuid").to_owned()
}

pub fn say(http: &Http, chat: &str, message: &str) -> Ask {
    http.post(&format!("/v1/chat/{chat}/message")).json(&json!({ "message": message }))
}

pub fn say_about(http: &Http, chat: &str, message: &str, plc: &str) -> Ask {
    http.post(&format!("/v1/chat/{chat}/message")).json(&json!({ "message": message, "plc_uuid": plc }))
}

pub fn stream(http: &Http, chat: &str, message: &str) -> Ask {
    http.post(&format!("/v1/chat/{chat}/stream")).json(&json!({ "message": message }))
}

pub fn cancel(http: &Http, chat: &str) -> Ask {
    http.post(&format!("/v1/chat/{chat}/cancel?user_id=user"))
}

/// A history, which must be there.
pub async fn history(http: &Http, chat: &str) -> Vec<Value> {
    let answer = http.get(&format!("/v1/chat/{chat}/history")).await;
    answer.has_status(200);
    answer.json()["history"].as_array().expect("a history").clone()
}

/// The texts of a history with their roles.
pub async fn said(http: &Http, chat: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    history(http, chat).await.iter().map(|one| (text(&one["role"]), text(&one["content"]))).collect()
}

/// The same to be compared with.
pub fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(role, text)| ((*role).to_owned(), (*text).to_owned())).collect()
}

/// The answer to a chat that is not there, or not the caller's.
#[track_caller]
pub fn is_no_chat(answer: &Reply, chat: &str) {
    answer.is(
        404,
        &json!({"status": "error", "code": "CHAT_SESSION_NOT_FOUND", "message": "채팅 세션을 찾을 수 없습니다.", "detail": format!("chat_id: {chat}")}),
    );
}

/// A refusal of this status and code, in the contract's shape.
#[track_caller]
pub fn refused(answer: &Reply, status: u16, code: &str) {
    answer.has_status(status);
    let body = answer.json();
    let keys: Vec<_> = body.as_object().expect("an object").keys().cloned().collect();
    assert_eq!(keys, ["status", "code", "message", "detail"], "{answer}");
    assert_eq!((&body["status"], &body["code"]), (&json!("error"), &json!(code)), "{answer}");
    assert_eq!(answer.header("content-type").as_deref(), Some("application/json"), "{answer}");
}

/// The frames of a stream that has ended. It has data lines and nothing else.
#[track_caller]
pub fn frames(answer: &Reply) -> Vec<Value> {
    answer.has("content-type", "text/event-stream").has_status(200);
    let text = answer.text();
    let mut frames = Vec::new();
    for frame in text.split("\n\n").filter(|frame| !frame.is_empty()) {
        let data = frame.strip_prefix("data: ").unwrap_or_else(|| panic!("{frame:?} of {answer}"));
        assert!(!data.contains('\n'), "{frame:?}");
        frames.push(serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}")));
    }
    frames
}

/// What kinds of frames there are, chunks told once.
pub fn kinds(frames: &[Value]) -> Vec<String> {
    let mut kinds: Vec<String> = frames
        .iter()
        .map(|frame| match frame["step"].as_str() {
            Some(step) => format!("progress {step}"),
            None => frame["type"].as_str().expect("a type").to_owned(),
        })
        .collect();
    kinds.dedup();
    kinds
}

/// A site of its own for what shares nothing.
pub async fn alone(backend: crate::support::Backend) -> Site {
    Site::start(backend, &[]).await
}
