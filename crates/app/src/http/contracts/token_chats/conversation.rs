//! A room as this contract shows it: turn by turn, made once for each version of the room.

use super::shapes::{local, TurnShape};
use crate::http::State;
use maru_domain::access::{Authorized, Read};
use maru_domain::error::{codes, Fault};
use maru_domain::messages::{Message, Role};
use maru_domain::rooms::Room;
use serde_json::value::RawValue;
use std::sync::Arc;

/// The finished list of turns. The key carries the room's version, so it cannot be stale.
pub async fn rendered(state: &State, room: &Authorized<Room, Read>) -> Result<Box<RawValue>, Fault> {
    let key = key(room.get());
    if let Some(page) = state.services.pages.get(key).await {
        return raw(&page);
    }
    let conversation = state.services.rooms.conversation(room).await?;
    let page = render(state, &conversation.messages)?;
    state.services.pages.put(self::key(&conversation.room), Arc::clone(&page)).await;
    raw(&page)
}

fn key(room: &Room) -> String {
    format!("token_chats:1:{}:{}", room.id, room.version)
}

fn raw(page: &[u8]) -> Result<Box<RawValue>, Fault> {
    let text = String::from_utf8(page.to_vec()).map_err(|error| Fault::new(&codes::INTERNAL).caused_by(error))?;
    RawValue::from_string(text).map_err(|error| Fault::new(&codes::INTERNAL).caused_by(error))
}

fn render(state: &State, messages: &[Message]) -> Result<Arc<[u8]>, Fault> {
    let mut turns: Vec<TurnShape<'_>> = Vec::with_capacity(messages.len() / 2 + 1);
    for message in messages {
        // A reply completes the turn of its message, which comes before it.
        let asked = turns.last_mut().filter(|turn| message.turn_id.is_some_and(|id| id.0 == turn.message_id));
        match (message.role, asked) {
            (Role::Assistant, Some(turn)) => turn.bot = &message.content,
            (Role::System, _) => {}
            (role, _) => turns.push(TurnShape {
                message_id: message.turn_id.map_or(message.id.0, |turn| turn.0),
                you: if role == Role::User { &message.content } else { "" },
                bot: if role == Role::User { "" } else { &message.content },
                timestamp: local(message.created_at, &state.token_chats_zone),
            }),
        }
    }
    let page = serde_json::to_vec(&turns).map_err(|error| Fault::new(&codes::INTERNAL).caused_by(error))?;
    Ok(Arc::from(page))
}
