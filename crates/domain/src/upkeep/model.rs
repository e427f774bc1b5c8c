//! What upkeep speaks of.

use crate::clock::Timestamp;
use crate::messages::{MessageStatus, Role};
use crate::text::CleanText;
use serde_json::{Map, Value};

/// The longest text that is taken over from elsewhere, in characters: a reply may be longer than what a
/// person may send here.
pub const FOREIGN_CHARS: usize = 1_000_000;

/// A conversation from elsewhere.
#[derive(Clone, Debug)]
pub struct ForeignRoom {
    /// What names it where it comes from: it is taken over once, however often it is brought.
    pub public_id: String,
    /// Its name.
    pub name: CleanText,
    /// What the model was told first.
    pub system_prompt: CleanText,
    /// The client's own notes.
    pub metadata: Map<String, Value>,
    /// When it was opened; as old as its first message when nobody knows.
    pub created_at: Option<Timestamp>,
    /// When it ended, if it did.
    pub ended_at: Option<Timestamp>,
    /// What was said, in order.
    pub said: Vec<ForeignMessage>,
}

/// A message from elsewhere.
#[derive(Clone, Debug)]
pub struct ForeignMessage {
    /// Who speaks.
    pub role: Role,
    /// What was said.
    pub content: CleanText,
    /// How it stood; only final states are taken over.
    pub status: MessageStatus,
    /// The client's own notes.
    pub metadata: Map<String, Value>,
    /// When it was said; as old as the one before when nobody knows.
    pub created_at: Option<Timestamp>,
}

/// What became of a conversation from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is a room of this number now.
    Added(i64),
    /// It was taken over before.
    Known,
}

/// Something in the store that breaks a rule of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The rule.
    pub rule: &'static str,
    /// The number of the room in which it is broken, if it is in one that is there.
    pub room: Option<i64>,
    /// Where it is broken, for a person.
    pub what: String,
}

impl Broken {
    /// A rule that is broken in a room.
    #[must_use]
    pub fn in_room(rule: &'static str, room: i64) -> Self {
        Self { rule, room: Some(room), what: format!("room {room}") }
    }
}

/// What went with an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// Rooms.
    pub rooms: usize,
    /// Messages in them.
    pub messages: i64,
    /// Turns that ran and were stopped first.
    pub stopped: usize,
}
