//! A message and its states.

use crate::clock::Timestamp;
use crate::ids::{MessageId, RoomId, TurnId};
use crate::plcs::MessagePlc;
use crate::quotes::Quote;
use crate::rooms::word_enum;
use serde_json::{Map, Value};

word_enum! {
    /// Who speaks. Each contract has its own words for it.
    Role {
        /// The person.
        User = "user",
        /// The model.
        Assistant = "assistant",
        /// Neither.
        System = "system",
    }
}

word_enum! {
    /// How far a message has come. A user's message is completed when it is stored; a reply goes
    /// with its turn.
    MessageStatus {
        /// Waits for the model.
        Pending = "pending",
        /// The model speaks.
        Streaming = "streaming",
        /// All there.
        Completed = "completed",
        /// The model failed.
        Failed = "failed",
        /// Somebody stopped it; the text so far is kept.
        Cancelled = "cancelled",
        /// The server died in the middle; the text so far is kept.
        Interrupted = "interrupted",
    }
}

impl MessageStatus {
    /// True for the states that are final.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Pending | Self::Streaming)
    }
}

/// One utterance.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Its integer number among all messages.
    pub number: i64,
    /// Where it was said.
    pub room_id: RoomId,
    /// Its place in the room: 1, 2, 3 and so on in the order in which messages were stored.
    pub seq: i64,
    /// The turn it belongs to, if any.
    pub turn_id: Option<TurnId>,
    /// Who speaks.
    pub role: Role,
    /// What was said.
    pub content: String,
    /// How far it has come.
    pub status: MessageStatus,
    /// The PLC it is about, if any.
    pub plc: Option<MessagePlc>,
    /// The quote that goes with a reply of a quote thread.
    pub quote: Option<Quote>,
    /// The client's own notes.
    pub metadata: Map<String, Value>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When a person last changed the text.
    pub edited_at: Option<Timestamp>,
}
