//! The ids of chats: what they may look like, and which room one means.

use super::Refusal;
use crate::http::State;
use maru_domain::access::{Action, Actor, Authorized, Write};
use maru_domain::error::codes;
use maru_domain::ids::RoomRef;
use maru_domain::rooms::{Room, RoomKind};

/// The longest id (contract §0.9).
const CHARS: usize = 50;
/// Words that stand in the place of an id in other routes (contract §0.1).
const RESERVED: [&str; 2] = ["chats", "completions"];

/// True when a chat may have this id.
pub fn is_valid(chat_id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-');
    (1..=CHARS).contains(&chat_id.len()) && chat_id.bytes().all(plain) && !RESERVED.contains(&chat_id)
}

/// The room that an id means: a chat of this contract; for its owner also any room by id or number.
pub async fn room<A: Action>(
    state: &State,
    actor: &Actor,
    chat_id: &str,
) -> Result<Authorized<Room, A>, Refusal> {
    let missing = || Refusal::no_chat(chat_id);
    if !is_valid(chat_id) {
        return Err(missing());
    }
    let rooms = &state.services.rooms;
    let named = rooms.named(actor, RoomKind::Plc, chat_id.to_owned()).await;
    let found = match (named, chat_id.parse::<RoomRef>(), actor) {
        (Err(fault), Ok(room), Actor::User(_)) if *fault.code == codes::ROOM_NOT_FOUND => {
            rooms.find(actor, room).await
        }
        (named, ..) => named,
    };
    found.map_err(|fault| if *fault.code == codes::ROOM_NOT_FOUND { missing() } else { fault.into() })
}

/// The same to be changed; `None` when it is not there or not the caller's, which is one answer.
pub async fn find(
    state: &State,
    actor: &Actor,
    chat_id: &str,
) -> Result<Option<Authorized<Room, Write>>, Refusal> {
    match room(state, actor, chat_id).await {
        Ok(room) => Ok(Some(room)),
        Err(refusal) if refusal.is_no_chat() => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// How this contract calls a room.
pub fn of(room: &Room) -> String {
    room.public_id.clone().unwrap_or_else(|| room.id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_plain_and_short() {
        for good in ["c", "chat001", "A.b_c:d-9", "history", &"x".repeat(50)] {
            assert!(is_valid(good), "{good}");
        }
        for bad in ["", " ", "chat 1", "a/b", "채팅", "a\0", "chats", "completions", &"x".repeat(51)] {
            assert!(!is_valid(bad), "{bad}");
        }
    }
}
