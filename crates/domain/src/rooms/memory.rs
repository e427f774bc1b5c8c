//! What a room's model is told, kept up to date where others read it: whenever a room changes, its newest messages are
//! laid out anew.

use super::Room;
use super::ports::{RoomMemory, RoomStore};
use crate::accounts::ports::UserStore;
use crate::clock::Clock;
use crate::error::StoreError;
use crate::events::ports::{Bus, Notice};
use crate::ids::{RoomId, RoomRef};
use crate::messages::ports::MessageStore;
use crate::messages::{Message, MessageStatus, Role};
use crate::page::{Order, PageRequest, Part};
use futures_util::{FutureExt, StreamExt};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What could not be laid out is tried again after this long.
const AGAIN: Duration = Duration::from_secs(5);

/// What is laid out of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Which room.
    pub room: RoomId,
    /// Its number.
    pub number: i64,
    /// Its owner's number.
    pub owner: i64,
    /// Its version: an older one does not replace a newer one.
    pub version: i64,
    /// What a person and the model have said, the newest first.
    pub said: Vec<(Role, String)>,
}

/// Lays out rooms whenever they change.
#[derive(Clone)]
pub struct MemoryKeeping {
    /// Where it is laid out.
    pub memory: Arc<dyn RoomMemory>,
    /// Rooms.
    pub rooms: Arc<dyn RoomStore>,
    /// Messages.
    pub messages: Arc<dyn MessageStore>,
    /// Their owners.
    pub users: Arc<dyn UserStore>,
    /// Who says that a room has changed.
    pub bus: Arc<dyn Bus>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How many of the newest messages.
    pub messages_kept: usize,
}

impl MemoryKeeping {
    /// Lays out every room that changes, until the server stops.
    pub async fn run(self, stop: CancellationToken) {
        let mut notices = self.bus.listen();
        let (mut changed, mut late) = (HashSet::new(), HashSet::new());
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                notice = notices.next() => note(notice, &mut changed),
                () = self.clock.sleep(AGAIN), if !late.is_empty() => changed.extend(late.drain()),
            }
            while let Some(room) = changed.iter().next().copied() {
                changed.remove(&room);
                if !self.lay_out(room).await {
                    late.insert(room);
                }
                // A room that changes again meanwhile is one room, and no notice waits long enough to be lost.
                while let Some(notice) = notices.next().now_or_never() {
                    if notice.is_none() {
                        break;
                    }
                    note(notice, &mut changed);
                }
                if stop.is_cancelled() {
                    return;
                }
            }
        }
    }

    /// False when it did not work and should be tried again.
    async fn lay_out(&self, room: RoomId) -> bool {
        match self.look(room).await {
            Ok(Some(memory)) => self.memory.keep(memory).await,
            Ok(None) => self.memory.forget(room).await,
            Err(error) => {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "could not read a room for its memory"
                );
                false
            }
        }
    }

    /// `None` for a room that is gone, or that nobody owns.
    async fn look(&self, room: RoomId) -> Result<Option<Memory>, StoreError> {
        // The version is read first: what is laid out is as new as it says, or newer.
        let Some(found) = self.rooms.find(RoomRef::Id(room)).await? else { return Ok(None) };
        let Some(owner) = self.owner(&found).await? else { return Ok(None) };
        let request = PageRequest { limit: self.messages_kept, order: Order::Descending, part: Part::Start };
        let page = self.messages.page(room, request).await?;
        let (number, version) = (found.number, found.version);
        Ok(Some(Memory { room, number, owner, version, said: said(page.items) }))
    }

    async fn owner(&self, room: &Room) -> Result<Option<i64>, StoreError> {
        let Some(owner) = room.owner else { return Ok(None) };
        Ok(self.users.find(owner).await?.map(|user| user.number))
    }
}

fn note(notice: Option<Notice>, changed: &mut HashSet<RoomId>) {
    if let Some(Notice::Room { room, .. }) = notice {
        changed.insert(room);
    }
}

/// What counts as said: nothing of a cancelled turn, as for the model, and no reply that is still being made.
fn said(messages: Vec<Message>) -> Vec<(Role, String)> {
    let cancelled: HashSet<_> = messages
        .iter()
        .filter(|message| message.status == MessageStatus::Cancelled)
        .filter_map(|message| message.turn_id)
        .collect();
    let counts = |message: &Message| {
        message.status.is_terminal()
            && message.role != Role::System
            && !message.content.is_empty()
            && message.turn_id.is_none_or(|turn| !cancelled.contains(&turn))
    };
    let said = messages.into_iter().filter(counts);
    said.map(|message| (message.role, message.content)).collect()
}
