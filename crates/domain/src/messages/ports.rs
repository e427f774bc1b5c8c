//! What messages need from outside.

use super::{Message, Role};
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::ids::{MessageId, RoomId, TurnId, UserId};
use crate::once::{Once, OnceKey};
use crate::page::{Page, PageRequest};
use crate::plcs::PlcUuid;
use crate::rooms::Room;
use crate::rooms::ports::NewRoom;
use crate::turns::ports::Lease;
use crate::turns::{Turn, TurnOptions};
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
    /// The room of this kind, owner and public id, which must be there; opened as given here when
    /// there is none (002, 003, `useChat`). Two first messages at the same instant open one.
    Named(Box<NewRoom>),
    /// A new room, opened as given here.
    New(Box<NewRoom>),
    /// The room of a turn, if nothing was said there since.
    After {
        /// The room.
        room: RoomId,
        /// The turn that must be its last.
        turn: TurnId,
    },
}

/// A message that stands in a room without a turn of its own: what was said elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Its id.
    pub id: MessageId,
    /// Who speaks.
    pub role: Role,
    /// What was said.
    pub content: String,
    /// The client's own notes.
    pub metadata: Map<String, Value>,
}

/// Messages to be stored without a turn.
#[derive(Clone, Debug)]
pub struct NewTold {
    /// Where they go: [`SendTarget::Room`] or [`SendTarget::New`].
    pub target: SendTarget,
    /// What is told, oldest first; at least one.
    pub told: Vec<Told>,
    /// Guards against a second arrival.
    pub once: Option<OnceKey>,
    /// Now.
    pub now: Timestamp,
}

/// What was told to a room.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// The room after it.
    pub room: Room,
    /// The messages, oldest first.
    pub messages: Vec<Message>,
}

/// What became of messages without a turn.
#[derive(Clone, Debug, PartialEq)]
pub enum TellOutcome {
    /// Stored, now or before.
    Stored(Once<Box<Heard>>),
    /// There is no such room (any more).
    RoomMissing,
    /// The room has ended.
    RoomEnded,
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
    /// The PLC it is about: how that is now is kept with the message.
    pub plc: Option<PlcUuid>,
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
    /// What is told along with it, oldest first: stored just before it. Of these,
    /// [`TurnOptions::past`] are the turn's own.
    pub told: Vec<Told>,
    /// The id that the client gave the message: the same id again in a room is the same message.
    pub client_id: Option<String>,
    /// What else is asked of the turn.
    pub options: TurnOptions,
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
    /// The room has no such message (any more).
    MessageMissing,
    /// The room has ended.
    RoomEnded,
    /// The room's policy refuses a message while a turn runs.
    TurnInProgress,
    /// Too many turns wait.
    QueueFull,
    /// There is no such PLC.
    PlcMissing,
    /// Something was said after the turn that was to be the last.
    NotLast,
}

/// What became of a message without a turn.
#[derive(Clone, Debug, PartialEq)]
pub enum AddOutcome {
    /// Stored, now or before.
    Stored(Once<Box<Message>>),
    /// There is no such room (any more).
    RoomMissing,
    /// The room has ended.
    RoomEnded,
    /// There is no such PLC.
    PlcMissing,
}

/// Whose text is edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditTarget {
    /// The person's message of a turn.
    Turn(TurnId),
    /// A message of role user.
    Message(MessageId),
}

/// An edit of a person's message.
#[derive(Clone, Debug)]
pub struct Edit {
    /// Where it was said.
    pub room_id: RoomId,
    /// Which message.
    pub target: EditTarget,
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

    /// Replaces the text of a person's message. `None` when the room has no such message.
    async fn edit(&self, edit: Edit) -> Result<Option<Message>, StoreError>;

    /// Stores a message without a turn.
    async fn add(&self, add: NewSend) -> Result<AddOutcome, StoreError>;

    /// Stores messages without a turn, and opens their room where that is asked for; one transaction.
    async fn tell(&self, told: NewTold) -> Result<TellOutcome, StoreError>;

    /// Gives a person's message a new turn; the old one, its reply and everything later go.
    async fn regenerate(&self, again: Regenerate) -> Result<SendOutcome, StoreError>;

    /// The message of a room to which a client gave this id.
    async fn of_client(&self, room: RoomId, client_id: String) -> Result<Option<Message>, StoreError>;

    /// A page of a room's messages by `seq`.
    async fn page(&self, room: RoomId, page: PageRequest<i64>) -> Result<Page<Message>, StoreError>;

    /// A message of a room.
    async fn find(&self, room: RoomId, message: MessageId) -> Result<Option<Message>, StoreError>;

    /// Deletes a message; false when the room has none such.
    async fn delete(&self, room: RoomId, message: MessageId, now: Timestamp) -> Result<bool, StoreError>;
}

/// A new turn for a message that is there.
#[derive(Clone, Debug)]
pub struct Regenerate {
    /// Where it was said.
    pub room_id: RoomId,
    /// The person's message.
    pub message_id: MessageId,
    /// The message's turn as somebody has seen it, where nothing else may be lost: it must be there still, and nothing
    /// said after it.
    pub instead_of: Option<TurnId>,
    /// Its new text, if that changes too.
    pub content: Option<String>,
    /// The new turn's id.
    pub turn_id: TurnId,
    /// The new reply's id.
    pub reply_id: MessageId,
    /// The model for this turn, when it is not the room's.
    pub model: Option<String>,
    /// Takes the new turn at once.
    pub lease: Lease,
    /// Guards against a second arrival.
    pub once: Option<OnceKey>,
    /// Now.
    pub now: Timestamp,
}
