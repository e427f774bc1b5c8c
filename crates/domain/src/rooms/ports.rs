//! What rooms need from outside.

use super::{Room, RoomKind, TurnPolicy};
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::ids::{RoomId, RoomRef, UserId};
use crate::messages::Message;
use crate::once::{Once, OnceKey};
use crate::turns::Turn;
use async_trait::async_trait;
use serde_json::{Map, Value};

/// A room to be opened.
#[derive(Clone, Debug)]
pub struct NewRoom {
    /// Its id.
    pub id: RoomId,
    /// Which contract opens it.
    pub kind: RoomKind,
    /// Whose it is.
    pub owner: Option<UserId>,
    /// The id that a foreign contract's client chose.
    pub public_id: Option<String>,
    /// Its name.
    pub name: String,
    /// What the model is told before the conversation.
    pub system_prompt: String,
    /// The model that answers here.
    pub model: Option<String>,
    /// What happens to a message that arrives while a turn runs.
    pub turn_policy: TurnPolicy,
    /// The client's own notes.
    pub metadata: Map<String, Value>,
    /// Now.
    pub created_at: Timestamp,
}

/// A room with everything said in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversation {
    /// The room.
    pub room: Room,
    /// Its messages, oldest first.
    pub messages: Vec<Message>,
}

/// Rooms.
#[async_trait]
pub trait RoomStore: Send + Sync {
    /// Opens a room.
    ///
    /// # Errors
    /// `Conflict` when the public id is taken, or when the owner's session is open already.
    async fn create(&self, room: NewRoom) -> Result<Room, StoreError>;

    /// The room, whoever owns it.
    async fn find(&self, room: RoomRef) -> Result<Option<Room>, StoreError>;

    /// Every room of an owner, by number.
    async fn owned(&self, owner: UserId) -> Result<Vec<Room>, StoreError>;

    /// The room with all its messages, read at one instant.
    async fn conversation(&self, room: RoomId) -> Result<Option<Conversation>, StoreError>;

    /// Ends the owner's open session (004). `None` when none is open; then nothing is kept under the key.
    async fn end_session(
        &self,
        owner: UserId,
        once: Option<OnceKey>,
        now: Timestamp,
    ) -> Result<Once<Option<Room>>, StoreError>;

    /// Deletes a room with messages, turns and events. Answers the turns that had not ended, so that
    /// whoever runs them can be told; `None` when there was no such room.
    async fn delete(&self, room: RoomId) -> Result<Option<Vec<Turn>>, StoreError>;
}
