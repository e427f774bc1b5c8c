//! What messages need from outside.

use super::Message;
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::ids::{MessageId, RoomId, TurnId, UserId};
use crate::once::{Once, OnceKey};
use crate::rooms::Room;
use crate::turns::Turn;
use crate::turns::ports::Lease;
use async_trait::async_trait;
use serde_json::{Map, Value};

/// Where a message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendTarget {
    /// A room that is there.
    Room(RoomId),
    /// The owner's open session, or a new room with this id when none is open (004). Two first
    /// messages at the same instant open one.
    Session {
        /// Whose session.
        owner: UserId,
        /// The id of the room, if one must be opened.
        new_room: RoomId,
    },
}

/// A message to be stored, with the turn that will answer it.
#[derive(Clone, Debug)]
pub struct NewSend {
    /// Where it goes.
    pub target: SendTarget,
    /// Its id.
    pub message_id: MessageId,
    /// What is said.
    pub content: String,
    /// The client's own notes.
    pub metadata: Map<String, Value>,
    /// The turn's id.
    pub turn_id: TurnId,
    /// The reply's id.
    pub reply_id: MessageId,
    /// The model for this turn, when it is not the room's.
    pub model: Option<String>,
    /// When the reply fails before the server does, take the turn back as if it had never been sent (004).
    pub withdraw_on_failure: bool,
    /// How many turns may wait in a room.
    pub queue_limit: i64,
    /// Takes the new turn at once when no other runs in the room.
    pub lease: Lease,
    /// Guards against a second arrival.
    pub once: Option<OnceKey>,
    /// Now.
    pub now: Timestamp,
}

/// What a send has stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// The room after it.
    pub room: Room,
    /// The message.
    pub message: Message,
    /// The turn that answers it.
    pub turn: Turn,
    /// The room was opened by this message.
    pub opened: bool,
    /// The turn is leased to the sender and is to be run now.
    pub claimed: bool,
    /// Turns that the room's policy cancels in favour of this one.
    pub interrupted: Vec<TurnId>,
}

/// What became of a send.
#[derive(Clone, Debug, PartialEq)]
pub enum SendOutcome {
    /// Stored, now or before.
    Stored(Once<Box<Sent>>),
    /// There is no such room (any more).
    RoomMissing,
    /// The room has ended.
    RoomEnded,
    /// The room's policy refuses a message while a turn runs.
    TurnInProgress,
    /// Too many turns wait.
    QueueFull,
}

/// An edit of a person's message.
#[derive(Clone, Debug)]
pub struct Edit {
    /// Where it was said.
    pub room_id: RoomId,
    /// The turn whose message it is.
    pub turn_id: TurnId,
    /// The new text.
    pub content: String,
    /// Now.
    pub now: Timestamp,
}

/// Messages.
#[async_trait]
pub trait MessageStore: Send + Sync {
    /// Stores a message, its reply-to-be, its turn and the room's events; one transaction.
    async fn send(&self, send: NewSend) -> Result<SendOutcome, StoreError>;

    /// Replaces the text of the user's message of a turn. `None` when the room has no such turn.
    async fn edit(&self, edit: Edit) -> Result<Option<Message>, StoreError>;
}
