//! The use cases of rooms.

use super::Room;
use super::ports::{Conversation, RoomStore};
use crate::access::{Action, Actor, Authorized, Read, Write, authorize};
use crate::clock::Clock;
use crate::error::{Fault, codes};
use crate::ids::{RoomRef, UserId};
use crate::once::{Once, OnceKey};
use crate::turns::Engine;
use std::sync::Arc;

/// The use cases of rooms.
#[derive(Clone)]
pub struct Rooms {
    pub(crate) store: Arc<dyn RoomStore>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Rooms {
    /// The room, when `actor` may do `A` to it.
    ///
    /// # Errors
    /// `ROOM_NOT_FOUND` for a missing and for a foreign room alike, or when the store is away.
    pub async fn find<A: Action>(&self, actor: &Actor, room: RoomRef) -> Result<Authorized<Room, A>, Fault> {
        let found = self.store.find(room).await?;
        found.and_then(|room| authorize(actor, room)).ok_or_else(|| Fault::new(&codes::ROOM_NOT_FOUND))
    }

    /// Every room of an owner, oldest first.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn owned(&self, owner: UserId) -> Result<Vec<Authorized<Room, Read>>, Fault> {
        let actor_rooms = self.store.owned(owner).await?;
        Ok(actor_rooms.into_iter().map(Authorized::of_owner).collect())
    }

    /// The room with everything said in it, at one instant.
    ///
    /// # Errors
    /// `ROOM_NOT_FOUND` when it was deleted meanwhile, or when the store is away.
    pub async fn conversation(&self, room: &Authorized<Room, Read>) -> Result<Conversation, Fault> {
        let found = self.store.conversation(room.get().id).await?;
        found.ok_or_else(|| Fault::new(&codes::ROOM_NOT_FOUND))
    }

    /// Ends the owner's open session (004).
    ///
    /// # Errors
    /// `NO_OPEN_SESSION`, `IDEMPOTENCY_KEY_REUSED`, or when the store is away.
    pub async fn end_session(&self, owner: UserId, once: Option<OnceKey>) -> Result<Once<Room>, Fault> {
        let ended = self.store.end_session(owner, once, self.clock.now()).await?;
        match ended {
            Once::Done(Some(room)) => Ok(Once::Done(room)),
            Once::Replayed(Some(room)) => Ok(Once::Replayed(room)),
            Once::Done(None) | Once::Replayed(None) => Err(Fault::new(&codes::NO_OPEN_SESSION)),
            Once::KeyReused => Err(Fault::new(&codes::IDEMPOTENCY_KEY_REUSED)),
        }
    }

    /// Deletes a room for good, with its messages, and stops its turns.
    ///
    /// # Errors
    /// `ROOM_NOT_FOUND`, or when the store is away.
    pub async fn delete(&self, room: Authorized<Room, Write>) -> Result<(), Fault> {
        let running = self.store.delete(room.get().id).await?;
        let running = running.ok_or_else(|| Fault::new(&codes::ROOM_NOT_FOUND))?;
        self.engine.abandon(running.iter().map(|turn| turn.id));
        Ok(())
    }
}
