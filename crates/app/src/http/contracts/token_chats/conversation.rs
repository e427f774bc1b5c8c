//! A room as this contract shows it: turn by turn, made once for each version of the room.

use super::shapes::{TurnShape, local};
use crate::http::State;
use maru_domain::access::{Authorized, Read};
use maru_domain::error::{Fault, codes};
use maru_domain::ids::RoomId;
use maru_domain::messages::ports::Sent;
use maru_domain::messages::{Message, Role};
use maru_domain::rooms::Room;
use maru_domain::turns::{SettledVersion, TurnView};
use serde::Serialize;
use std::sync::Arc;

/// The finished list of turns. The key carries the room's version, so it cannot be stale.
pub async fn rendered(state: &State, room: &Authorized<Room, Read>) -> Result<Arc<[u8]>, Fault> {
    let Room { id, version, .. } = *room.get();
    if let Some(page) = state.services.pages.get(key(id, version)).await {
        return Ok(page);
    }
    let conversation = state.services.rooms.conversation(room).await?;
    let page: Arc<[u8]> = Arc::from(json(&turns(state, &conversation.messages))?);
    state.services.pages.put(key(id, conversation.room.version), Arc::clone(&page)).await;
    Ok(page)
}

/// The same after a turn that has just ended, made from the page before its send, so that the cost
/// of a message does not grow with the conversation. `None` when that page is not at hand, or when
/// somebody else has written to the room meanwhile.
pub async fn extended(
    state: &State,
    sent: &Sent,
    view: &TurnView,
    version: SettledVersion,
) -> Result<Option<Arc<[u8]>>, Fault> {
    if version.room_version != sent.room.version + version.own_writes {
        return Ok(None);
    }
    let pages = &state.services.pages;
    let old = key(sent.room.id, sent.room.version - 1);
    let before = if sent.opened {
        Arc::from(b"[]".as_slice())
    } else {
        match pages.get(old.clone()).await {
            Some(page) => page,
            None => return Ok(None),
        }
    };
    let turn = json(&TurnShape {
        message_id: view.turn.id.0,
        you: &sent.message.content,
        bot: &view.reply,
        timestamp: local(sent.message.created_at, &state.token_chats_zone),
    })?;
    let Some(open) = before.strip_suffix(b"]") else { return Ok(None) };
    let comma: &[u8] = if open.len() > 1 { b"," } else { b"" };
    let page: Arc<[u8]> = Arc::from([open, comma, &turn, b"]"].concat());
    pages.put(key(sent.room.id, version.room_version), Arc::clone(&page)).await;
    pages.forget(old).await;
    Ok(Some(page))
}

fn key(room: RoomId, version: i64) -> String {
    format!("token_chats:1:{room}:{version}")
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(value).map_err(|error| Fault::new(&codes::INTERNAL).caused_by(error))
}

fn turns<'m>(state: &State, messages: &'m [Message]) -> Vec<TurnShape<'m>> {
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
    turns
}
