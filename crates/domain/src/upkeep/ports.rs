//! What upkeep needs from outside.

use super::Broken;
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::ids::{MessageId, RoomId};
use crate::messages::{MessageStatus, Role};
use crate::rooms::Room;
use crate::rooms::ports::NewRoom;
use async_trait::async_trait;
use serde_json::{Map, Value};

/// A message that is stored as it was said elsewhere, without a turn.
#[derive(Clone, Debug)]
pub struct NewSaid {
    /// Its id.
    pub id: MessageId,
    /// Who speaks.
    pub role: Role,
    /// What was said.
    pub content: String,
    /// How it stands; a final state.
    pub status: MessageStatus,
    /// The client's own notes.
    pub metadata: Map<String, Value>,
    /// When it was said.
    pub created_at: Timestamp,
}

/// Rooms as whoever runs the server sees them.
#[async_trait]
pub trait UpkeepStore: Send + Sync {
    /// Rooms after number `after` in which nothing was said or changed since `before` and in which no turn
    /// runs or waits, by number; hidden ones too.
    async fn idle(&self, before: Timestamp, after: i64, limit: i64) -> Result<Vec<Room>, StoreError>;

    /// Deletes a room with messages, turns and events if it is still idle; false when it is not, or gone.
    async fn delete_idle(&self, room: RoomId, before: Timestamp) -> Result<bool, StoreError>;

    /// Stores a room with everything said in it.
    ///
    /// # Errors
    /// `Conflict` when the public id is taken.
    async fn take_over(
        &self,
        room: NewRoom,
        ended_at: Option<Timestamp>,
        said: Vec<NewSaid>,
        now: Timestamp,
    ) -> Result<Room, StoreError>;

    /// Where the store breaks a rule of ours, at one instant; of each rule the first few.
    async fn broken(&self) -> Result<Vec<Broken>, StoreError>;
}
