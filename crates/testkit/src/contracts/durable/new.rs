//! Things to put into a store.

use super::{LONG, at, id};
use maru_domain::accounts::ports::{NewSession, NewUser};
use maru_domain::ids::{InstanceId, MessageId, RoomId, SessionId, TurnId, UserId};
use maru_domain::messages::ports::{NewSend, SendTarget};
use maru_domain::rooms::ports::NewRoom;
use maru_domain::rooms::{RoomKind, TurnPolicy};
use maru_domain::turns::ports::{Checkpoint, Ending, Lease};
use maru_domain::turns::{Turn, TurnOptions, TurnStatus};
use serde_json::Map;
use std::time::Duration;

/// The right of `owner`.
#[must_use]
pub fn lease(owner: &str, lasts: Duration) -> Lease {
    Lease { owner: InstanceId(owner.into()), lasts }
}

/// A user of that name.
#[must_use]
pub fn new_user(name: &str) -> NewUser {
    NewUser {
        id: UserId(id()),
        username: name.into(),
        email: format!("{name}@example.com"),
        password_hash: "$argon2id$first".into(),
        created_at: at(0),
    }
}

/// A session of an hour, from second `from` on.
#[must_use]
pub fn new_session(from: i64) -> NewSession {
    NewSession { id: SessionId(id()), created_at: at(from), expires_at: at(from + 3_600) }
}

/// A native room of nobody's.
#[must_use]
pub fn new_room() -> NewRoom {
    NewRoom {
        id: RoomId(id()),
        kind: RoomKind::Native,
        owner: None,
        public_id: None,
        name: String::new(),
        system_prompt: String::new(),
        model: None,
        turn_policy: TurnPolicy::Queue,
        metadata: Map::new(),
        created_at: at(0),
    }
}

/// A message to a room, from instance `one`.
#[must_use]
pub fn send_to(room: RoomId, content: &str) -> NewSend {
    NewSend {
        target: SendTarget::Room(room),
        message_id: MessageId(id()),
        content: content.into(),
        metadata: Map::new(),
        plc: None,
        turn_id: TurnId(id()),
        reply_id: MessageId(id()),
        model: None,
        withdraw_on_failure: false,
        queue_limit: 20,
        lease: lease("one", LONG),
        told: Vec::new(),
        client_id: None,
        options: TurnOptions::default(),
        once: None,
        now: at(10),
    }
}

/// A message to the open session of an owner.
#[must_use]
pub fn send_to_session(owner: UserId, content: &str) -> NewSend {
    let new_room = RoomId(id());
    NewSend { target: SendTarget::Session { owner, new_room }, ..send_to(new_room, content) }
}

/// The end of a turn under the fence that `turn` shows.
#[must_use]
pub fn ending(turn: &Turn, status: TurnStatus, text: &str) -> Ending {
    Ending {
        turn: turn.id,
        fence: turn.fence,
        status,
        text: text.into(),
        model: turn.model.clone(),
        usage: None,
        error: None,
        quote: None,
        finish: None,
        withdraw: false,
        now: at(20),
    }
}

/// The end that takes the turn back.
#[must_use]
pub fn withdrawal(turn: &Turn) -> Ending {
    Ending { withdraw: true, ..ending(turn, TurnStatus::Failed, "") }
}

/// Partial text under the fence that `turn` shows.
#[must_use]
pub fn partial(turn: &Turn, text: &str) -> Checkpoint {
    Checkpoint { turn: turn.id, fence: turn.fence, text: text.into(), model: turn.model.clone(), now: at(15) }
}
