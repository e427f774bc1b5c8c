//! What events need from outside.

use super::RoomEvent;
use crate::error::StoreError;
use crate::ids::{RoomId, TurnId, UserId};
use crate::page::{Page, PageRequest};
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use std::collections::HashMap;

/// The log of a room.
#[async_trait]
pub trait EventStore: Send + Sync {
    /// Events after `after`, oldest first, at most `limit`.
    async fn after(&self, room: RoomId, after: i64, limit: i64) -> Result<Vec<RoomEvent>, StoreError>;

    /// A page of a room's events, by their numbers.
    async fn page(&self, room: RoomId, page: PageRequest<i64>) -> Result<Page<RoomEvent>, StoreError>;

    /// The numbers of the last events of those of the rooms that are still there.
    async fn heads(&self, rooms: Vec<RoomId>) -> Result<HashMap<RoomId, i64>, StoreError>;
}

/// A hint between instances. Losing one costs time, never data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A room has reached event `seq`.
    Room {
        /// Which room.
        room: RoomId,
        /// The latest event.
        seq: i64,
    },
    /// Somebody wants this turn to stop: whoever runs it should look.
    Cancel(TurnId),
    /// Something of this user's was revoked: whoever remembers the user should forget.
    User(UserId),
    /// Notices of other instances may have been lost: whoever waits for one should look.
    Missed,
}

/// Carries hints to whoever listens.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Tells everybody.
    async fn publish(&self, notice: Notice);

    /// What is told from now on. A slow listener may miss some.
    fn listen(&self) -> BoxStream<'static, Notice>;
}
