//! Room events: every change of a room, numbered by `seq`; the truth for every reader.

mod hints;
pub mod ports;

pub(crate) use hints::RoomHints;

use crate::clock::Timestamp;
use crate::rooms::word_enum;
use uuid::Uuid;

word_enum! {
    /// What changed.
    RoomEventKind {
        /// A message was stored.
        MessageCreated = "message.created",
        /// A message's text or state changed.
        MessageUpdated = "message.updated",
        /// A message was deleted.
        MessageDeleted = "message.deleted",
        /// A turn was taken up.
        TurnStarted = "turn.started",
        /// A turn has ended.
        TurnDone = "turn.done",
        /// The room's own fields changed.
        RoomUpdated = "room.updated",
        /// The messages were cleared.
        RoomCleared = "room.cleared",
    }
}

/// One change of a room. It names what changed and not how it looked: an edited or deleted text
/// must not live on in the log (promise R12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomEvent {
    /// Its number in the room: 1, 2, 3 and so on.
    pub seq: i64,
    /// What changed.
    pub kind: RoomEventKind,
    /// The id of the message, turn or room that changed.
    pub subject: Uuid,
    /// When.
    pub at: Timestamp,
}
