//! What rooms need from outside.

use super::{Memory, Room, RoomKind, TurnPolicy};
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::ids::{RoomId, RoomRef, TurnId, UserId};
use crate::messages::Message;
use crate::once::{Once, OnceKey};
use crate::page::{Page, PageRequest};
use crate::turns::Turn;
use async_trait::async_trait;
use serde_json::{Map, Value};

/// The name that a foreign contract's client gave a room: unique among its owner's rooms of a kind,
/// and among those that nobody owns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoomName {
    /// Which contract opened it.
    pub kind: RoomKind,
    /// Whose it is.
    pub owner: Option<UserId>,
    /// The id that the client chose.
    pub public_id: String,
}

/// A room to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// A room's place among its owner's rooms: the time of its last message, or of its opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomKey {
    /// When something was last said, or when the room was opened.
    pub active_at: Timestamp,
    /// Breaks ties.
    pub number: i64,
}

impl RoomKey {
    /// The place of a room.
    #[must_use]
    pub fn of(room: &Room) -> Self {
        Self { active_at: room.last_message_at.unwrap_or(room.created_at), number: room.number }
    }
}

/// Which rooms are listed by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// Everybody's and nobody's.
    All,
    /// All of an owner's.
    Owned(UserId),
    /// Those of a kind that nobody owns.
    Ownerless(RoomKind),
}

/// What is to become of a room. A field that is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct RoomFields {
    /// Its name.
    pub name: Option<String>,
    /// What the model is told first. Another value clears the messages, unless they are to be kept:
    /// a conversation under one prompt makes little sense under another (contract §3, §8).
    pub system_prompt: Option<String>,
    /// Keep the messages though the prompt changes.
    pub keep_messages: bool,
    /// The model that answers here; `Some(None)` for the server's default.
    pub model: Option<Option<String>>,
    /// What happens to a message that arrives while a turn runs.
    pub turn_policy: Option<TurnPolicy>,
    /// The client's own notes, all of them.
    pub metadata: Option<Map<String, Value>>,
    /// End the room, if it has not ended.
    pub end: bool,
    /// Delete every message.
    pub clear: bool,
    /// Where messages are cleared, keep them where nobody reads them instead (contract §4.3).
    pub archive: bool,
}

/// A change of one room.
#[derive(Clone, Debug)]
pub struct RoomChange {
    /// Which room.
    pub room: RoomId,
    /// What is to become of it.
    pub fields: RoomFields,
    /// Now.
    pub now: Timestamp,
}

/// What a change has left.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// The room after it.
    pub room: Room,
    /// Turns that had not ended and went with the messages; whoever runs them is to be told.
    pub abandoned: Vec<TurnId>,
}

/// Rooms.
#[async_trait]
pub trait RoomStore: Send + Sync {
    /// Opens a room.
    ///
    /// # Errors
    /// `Conflict` when the public id is taken, or when the owner's session is open already.
    async fn create(&self, room: NewRoom, once: Option<OnceKey>) -> Result<Once<Room>, StoreError>;

    /// A page of an owner's rooms by [`RoomKey`].
    async fn page(&self, owner: UserId, page: PageRequest<RoomKey>) -> Result<Page<Room>, StoreError>;

    /// A page of an owner's rooms by number; or of those of a kind that nobody owns.
    async fn numbered(&self, shelf: Shelf, page: PageRequest<i64>) -> Result<Page<Room>, StoreError>;
    /// A page of the chat completions that an owner has stored, by number: rooms of that contract with
    /// a public id. `model` leaves only those that name it.
    async fn completions(
        &self,
        owner: UserId,
        model: Option<String>,
        page: PageRequest<i64>,
    ) -> Result<Page<Room>, StoreError>;

    /// Changes a room's own fields; clears its messages where the change says so. `None` when the
    /// room is gone.
    async fn change(&self, change: RoomChange) -> Result<Option<Changed>, StoreError>;

    /// The room, whoever owns it.
    async fn find(&self, room: RoomRef) -> Result<Option<Room>, StoreError>;

    /// The room of that name.
    async fn named(&self, name: RoomName) -> Result<Option<Room>, StoreError>;

    /// The rooms of a kind and owner that a foreign contract's client opened for a user of its own
    /// (its notes name it as `user_id`), the newest first.
    async fn of_client(
        &self,
        kind: RoomKind,
        owner: Option<UserId>,
        user_id: String,
    ) -> Result<Vec<Room>, StoreError>;

    /// Every room of an owner, by number.
    async fn owned(&self, owner: UserId) -> Result<Vec<Room>, StoreError>;

    /// The room with all its messages, read at one instant.
    async fn conversation(&self, room: RoomId) -> Result<Option<Conversation>, StoreError>;

    /// Those of the rooms that are still there, by number, with all their messages, read at one
    /// instant: a list of rooms with what was said in them costs one read, not one a room.
    async fn conversations(&self, rooms: Vec<RoomId>) -> Result<Vec<Conversation>, StoreError>;

    /// Ends the owner's open session (004). `None` when none is open; then nothing is kept under the key.
    async fn end_session(
        &self,
        owner: UserId,
        once: Option<OnceKey>,
        now: Timestamp,
    ) -> Result<Once<Option<Room>>, StoreError>;

    /// Takes a room away from everybody and keeps it and its messages where nobody reads them
    /// (contract §4.3); its public id is free again. Answers the turns that had not ended; `None`
    /// when there was no such room.
    async fn hide(&self, room: RoomId, now: Timestamp) -> Result<Option<Vec<TurnId>>, StoreError>;

    /// Deletes a room with messages, turns and events. Answers the turns that had not ended, so that
    /// whoever runs them can be told; `None` when there was no such room.
    async fn delete(&self, room: RoomId) -> Result<Option<Vec<Turn>>, StoreError>;
}

/// Where programs beside the server read what a room's model is told. A copy: nothing is read back.
#[async_trait]
pub trait RoomMemory: Send + Sync {
    /// Replaces what is laid out of a room, unless that is newer. False when it could not.
    async fn keep(&self, memory: Memory) -> bool;

    /// Takes away what is laid out of a room that is gone. False when it could not.
    async fn forget(&self, room: RoomId) -> bool;
}
