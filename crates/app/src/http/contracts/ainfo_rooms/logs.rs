//! The logs of rooms, made once for each version of a room.

use super::shapes::{LogShape, iso, logged_at, role};
use crate::http::State;
use maru_domain::access::{Authorized, Read};
use maru_domain::error::{Fault, codes};
use maru_domain::ids::RoomId;
use maru_domain::rooms::Room;
use maru_domain::rooms::ports::Conversation;
use std::collections::HashMap;
use std::slice;
use std::sync::Arc;

/// The finished list of a room's logs.
pub async fn of_one(state: &State, room: &Authorized<Room, Read>) -> Result<Arc<[u8]>, Fault> {
    let mut logs = of_all(state, slice::from_ref(room)).await?;
    logs.remove(&room.get().id).ok_or_else(|| Fault::new(&codes::ROOM_NOT_FOUND))
}

/// The same for many rooms: those that are not at hand are read together. A room that was deleted
/// meanwhile is left out.
pub async fn of_all(
    state: &State,
    rooms: &[Authorized<Room, Read>],
) -> Result<HashMap<RoomId, Arc<[u8]>>, Fault> {
    let mut logs = HashMap::with_capacity(rooms.len());
    let mut missing = Vec::new();
    for room in rooms {
        let Room { id, version, .. } = *room.get();
        match state.services.pages.get(key(id, version)).await {
            Some(page) => drop(logs.insert(id, page)),
            None => missing.push(room),
        }
    }
    for conversation in state.services.rooms.conversations(&missing).await? {
        logs.insert(conversation.room.id, made(state, &conversation).await?);
    }
    Ok(logs)
}

async fn made(state: &State, conversation: &Conversation) -> Result<Arc<[u8]>, Fault> {
    let Room { id, number, version, .. } = conversation.room;
    let logs: Vec<LogShape<'_>> = conversation
        .messages
        .iter()
        .filter_map(|message| {
            Some(LogShape {
                id: message.number,
                role: role(message)?,
                message: &message.content,
                timestamp: iso(logged_at(message), &state.zone),
                chatroom: number,
            })
        })
        .collect();
    let page = serde_json::to_vec(&logs).map_err(|error| Fault::new(&codes::INTERNAL).caused_by(error))?;
    let page: Arc<[u8]> = Arc::from(page);
    state.services.pages.put(key(id, version), Arc::clone(&page)).await;
    Ok(page)
}

/// The key carries the room's version, so a page cannot be stale.
fn key(room: RoomId, version: i64) -> String {
    format!("ainfo_rooms:1:{room}:{version}")
}
