//! How the domain's objects look in the native API.

use maru_domain::accounts::{ApiKey, Session, User};
use maru_domain::clock::Timestamp;
use maru_domain::messages::Message;
use maru_domain::rooms::Room;
use maru_domain::turns::TurnView;
use serde_json::{Value, json};

/// RFC 3339, UTC, microseconds.
pub fn time(time: Timestamp) -> String {
    format!("{time:.6}")
}

fn some_time(at: Option<Timestamp>) -> Option<String> {
    at.map(time)
}

/// A user.
pub fn user(user: &User) -> Value {
    json!({
        "id": user.id,
        "number": user.number,
        "username": user.username,
        "email": user.email,
        "created_at": time(user.created_at),
    })
}

/// A session; `current` marks the caller's own.
pub fn session(session: &Session, current: bool) -> Value {
    json!({
        "id": session.id,
        "created_at": time(session.created_at),
        "expires_at": time(session.expires_at),
        "last_used_at": time(session.last_used_at),
        "current": current,
    })
}

/// A key, without the key.
pub fn key(key: &ApiKey) -> Value {
    json!({
        "id": key.id,
        "name": key.name,
        "created_at": time(key.created_at),
        "expires_at": some_time(key.expires_at),
        "last_used_at": some_time(key.last_used_at),
    })
}

/// A room.
pub fn room(room: &Room) -> Value {
    json!({
        "id": room.id,
        "number": room.number,
        "kind": room.kind.as_str(),
        "name": room.name,
        "system_prompt": room.system_prompt,
        "model": room.model,
        "turn_policy": room.turn_policy.as_str(),
        "metadata": room.metadata,
        "created_at": time(room.created_at),
        "updated_at": time(room.updated_at),
        "last_message_at": some_time(room.last_message_at),
        "ended_at": some_time(room.ended_at),
        "message_count": room.message_count,
    })
}

/// A message.
pub fn message(message: &Message) -> Value {
    let cancelled = message.status == maru_domain::messages::MessageStatus::Cancelled;
    json!({
        "id": message.id,
        "room_id": message.room_id,
        "seq": message.seq,
        "turn_id": message.turn_id,
        "role": message.role.as_str(),
        "content": message.content,
        "status": message.status.as_str(),
        "cancelled": cancelled,
        "plc": null,
        "quote": null,
        "metadata": message.metadata,
        "created_at": time(message.created_at),
        "updated_at": time(message.updated_at),
        "edited_at": some_time(message.edited_at),
    })
}

/// A turn with its reply so far.
pub fn turn(view: &TurnView) -> Value {
    let turn = &view.turn;
    json!({
        "id": turn.id,
        "room_id": turn.room_id,
        "status": turn.status.as_str(),
        "message_id": turn.message_id,
        "reply_id": turn.reply_id,
        "reply": view.reply,
        "model": turn.model,
        "usage": turn.usage.map(|usage| {
            json!({ "input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens })
        }),
        "error": turn.error.as_ref().map(|error| json!({ "code": error.code, "detail": error.detail })),
        "attempt": turn.attempt,
        "created_at": time(turn.created_at),
        "finished_at": some_time(turn.finished_at),
    })
}
