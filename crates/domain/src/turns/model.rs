//! A turn and its states.

use crate::clock::Timestamp;
use crate::error::{Code, codes};
use crate::ids::{MessageId, RoomId, TurnId};
use crate::messages::MessageStatus;
use crate::quotes::Quote;
use crate::rooms::word_enum;
use crate::turns::TurnOptions;
use crate::turns::ports::Finish;
use std::fmt;
use std::str::FromStr;

word_enum! {
    /// `pending → streaming → completed | failed | cancelled | interrupted`; the last four are final.
    TurnStatus {
        /// Waits for its place in the queue, or for the model's first token.
        Pending = "pending",
        /// The model speaks.
        Streaming = "streaming",
        /// The model has said what it had to say.
        Completed = "completed",
        /// The model failed.
        Failed = "failed",
        /// Somebody stopped it.
        Cancelled = "cancelled",
        /// The server died after the model had begun to speak.
        Interrupted = "interrupted",
    }
}

impl TurnStatus {
    /// True for the states that are final.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Pending | Self::Streaming)
    }

    /// The state of the reply of a turn in this state.
    #[must_use]
    pub const fn of_reply(self) -> MessageStatus {
        match self {
            Self::Pending => MessageStatus::Pending,
            Self::Streaming => MessageStatus::Streaming,
            Self::Completed => MessageStatus::Completed,
            Self::Failed => MessageStatus::Failed,
            Self::Cancelled => MessageStatus::Cancelled,
            Self::Interrupted => MessageStatus::Interrupted,
        }
    }
}

/// What a reply has cost, as the provider counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub input_tokens: i64,
    /// Tokens of the reply.
    pub output_tokens: i64,
}

/// Why a turn did not complete. The detail is ours, never the provider's own words: those may hold
/// a key, and go to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnError {
    /// A stable code; see `docs/UPSTREAM-FAULTS.md`.
    pub code: String,
    /// What it means.
    pub detail: String,
}

/// One user message and its reply.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Its id.
    pub id: TurnId,
    /// Where.
    pub room_id: RoomId,
    /// How far it has come.
    pub status: TurnStatus,
    /// The person's message.
    pub message_id: MessageId,
    /// The model's reply.
    pub reply_id: MessageId,
    /// Its place in the room: the `seq` of the person's message.
    pub position: i64,
    /// The model that answers. Before it has begun: the one that was asked for, if one was; from then on its full
    /// name, whoever has chosen it. What was asked for stays in [`TurnOptions::model`].
    pub model: Option<String>,
    /// What it has cost.
    pub usage: Option<Usage>,
    /// Why it did not complete.
    pub error: Option<TurnError>,
    /// How the model said that it had ended, where it did.
    pub finish: Option<Finish>,
    /// How often it has been taken up.
    pub attempt: i32,
    /// Grows each time the turn is taken up; a worker writes only under its own.
    pub fence: i64,
    /// Somebody wants it to stop.
    pub cancel_requested: bool,
    /// A failure before a crash takes the turn back (004).
    pub withdraw_on_failure: bool,
    /// What was asked beside the message.
    pub options: TurnOptions,
    /// When it was sent.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// A turn with what the model has said so far.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnView {
    /// The turn.
    pub turn: Turn,
    /// The reply so far; all of it once the turn has ended.
    pub reply: String,
    /// The quote that goes with the reply of a quote thread, once the turn has completed.
    pub quote: Option<Quote>,
}

/// Names one event of a turn's stream: `<turn>.<fence>-<n>` (design §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnEventId {
    /// Which turn.
    pub turn: TurnId,
    /// Which taking-up of it.
    pub fence: i64,
    /// Which delta: 1, 2, 3 and so on.
    pub n: u64,
}

impl fmt::Display for TurnEventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}-{}", self.turn, self.fence, self.n)
    }
}

impl FromStr for TurnEventId {
    type Err = &'static Code;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('.').and_then(|(turn, rest)| Some((turn, rest.split_once('-')?)));
        let (turn, (fence, n)) = parts.ok_or(&codes::INVALID_PARAMETER)?;
        match (turn.parse(), fence.parse(), n.parse()) {
            (Ok(turn), Ok(fence), Ok(n)) if fence >= 0 => Ok(Self { turn, fence, n }),
            _ => Err(&codes::INVALID_PARAMETER),
        }
    }
}

/// One event of a turn's stream.
#[derive(Clone, Debug, PartialEq)]
pub enum TurnEvent {
    /// More text, to be appended.
    Delta {
        /// Its name.
        id: TurnEventId,
        /// The text.
        text: String,
    },
    /// The text so far, to be put in place of what the reader has: where the reader stopped could
    /// not be found.
    Reset {
        /// The name of the last delta in it.
        id: TurnEventId,
        /// The whole text so far.
        text: String,
    },
    /// The turn has ended; its text is stored. Always the last event.
    Done(Box<TurnView>),
    /// The turn is gone: its room was deleted, or it was taken back.
    Gone,
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn event_ids_survive_the_wire() {
        let id = TurnEventId { turn: TurnId(Uuid::from_u128(7)), fence: 3, n: 12 };
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn malformed_event_ids_are_refused() {
        let turn = Uuid::from_u128(7);
        for bad in [
            String::new(),
            "1".into(),
            format!("{turn}.1"),
            format!("{turn}.-1-2"),
            format!("{turn}.1--2"),
            format!("{turn}.1-99999999999999999999"),
            format!("x.{turn}-1"),
        ] {
            assert_eq!(bad.parse::<TurnEventId>(), Err(&codes::INVALID_PARAMETER), "{bad}");
        }
    }
}
