//! What turns need from outside: a store, a model, a buffer of events and a way to run tasks.

use super::{Prompt, PromptSource, Turn, TurnError, TurnStatus, TurnView, Usage};
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::ids::{InstanceId, RoomId, TurnId};
use crate::quotes::Quote;
use crate::rooms::word_enum;
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use std::sync::Arc;
use std::time::Duration;

/// The right to run a turn, until it expires by the store's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Who runs it.
    pub owner: InstanceId,
    /// For how long, without a sign of life.
    pub lasts: Duration,
}

/// A turn that was taken up.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    /// The turn, with its new fence and attempt.
    pub turn: Turn,
    /// What an earlier run had stored of the reply.
    pub reply: String,
}

/// Partial text to be stored.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// Which turn.
    pub turn: TurnId,
    /// Under which fence.
    pub fence: i64,
    /// The whole text so far.
    pub text: String,
    /// The full name of the model that says it.
    pub model: Option<String>,
    /// Now.
    pub now: Timestamp,
}

/// What became of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Stored.
    Kept,
    /// Not stored: somebody wants the turn to stop.
    CancelRequested,
    /// Not stored: the turn has ended, was taken over or is gone. The writer stops at once.
    Fenced,
}

/// The end of a turn.
#[derive(Clone, Debug)]
pub struct Ending {
    /// Which turn.
    pub turn: TurnId,
    /// Under which fence.
    pub fence: i64,
    /// How it ends; a final state.
    pub status: TurnStatus,
    /// All that the model said.
    pub text: String,
    /// The full name of the model that was asked; of a turn that asked none, as the turn has it.
    pub model: Option<String>,
    /// What it has cost.
    pub usage: Option<Usage>,
    /// Why it did not complete.
    pub error: Option<TurnError>,
    /// The quote that goes with the reply.
    pub quote: Option<Quote>,
    /// How the model said that it had ended, where it did.
    pub finish: Option<Finish>,
    /// Take the turn back, with its messages, its idempotency key and the room that it opened.
    pub withdraw: bool,
    /// Now.
    pub now: Timestamp,
}

/// What the end of a turn has left.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// The turn; as it was, when it was withdrawn.
    pub turn: Turn,
    /// The room's version after it.
    pub room_version: i64,
    /// The room's last event.
    pub last_seq: i64,
    /// Another turn waits in the room.
    pub queued: bool,
}

/// Turns.
#[async_trait]
pub trait TurnStore: Send + Sync {
    /// The turn with its reply so far.
    async fn find(&self, turn: TurnId) -> Result<Option<TurnView>, StoreError>;

    /// The first turn of a room.
    async fn first(&self, room: RoomId) -> Result<Option<TurnView>, StoreError>;

    /// Takes a turn away with all that it told: its message, those told along with it and its reply,
    /// and the room that it opened, when nothing else is left there. False when it is gone already.
    async fn delete(&self, turn: TurnId, now: Timestamp) -> Result<bool, StoreError>;

    /// Takes up turns that nobody runs: the oldest unfinished one of each room whose lease is free
    /// or has expired. Each claim raises `fence` and `attempt`.
    async fn claim(&self, lease: Lease, room: Option<RoomId>, limit: i64)
    -> Result<Vec<Claimed>, StoreError>;

    /// What the model is to be told: the room's prompt and at most `max_messages` messages up to and
    /// with the turn's own, as they read now. `None` when the turn is gone.
    async fn prompt(&self, turn: TurnId, max_messages: i64) -> Result<Option<PromptSource>, StoreError>;

    /// Stores partial text; the first makes the turn `streaming`.
    async fn checkpoint(&self, checkpoint: Checkpoint) -> Result<Written, StoreError>;

    /// Ends a turn. `None` when it has ended already, was taken over or is gone: nothing was written.
    async fn finish(&self, ending: Ending) -> Result<Option<Ended>, StoreError>;

    /// The turns of a room that have not ended, in their order.
    async fn unfinished(&self, room: RoomId) -> Result<Vec<TurnId>, StoreError>;

    /// Asks for a turn to stop; a turn that nobody runs is ended at once. Answers the turn after it.
    async fn request_cancel(&self, turn: TurnId, now: Timestamp) -> Result<Option<TurnView>, StoreError>;

    /// Ends a turn as cancelled whoever runs it, and shuts that worker out by a new fence.
    async fn force_cancel(&self, turn: TurnId, now: Timestamp) -> Result<Option<TurnView>, StoreError>;

    /// Renews an instance's leases on the turns that it runs. Answers those of them that must stop:
    /// somebody wants them to, or they have ended, were taken over or are gone. A lease that the
    /// instance does not know of (the answer to its claim was lost) is not among them and expires.
    async fn renew(&self, lease: Lease, running: Vec<TurnId>) -> Result<Vec<TurnId>, StoreError>;

    /// Gives a turn back that has no text yet, so that another instance takes it up.
    async fn release(&self, turn: TurnId, fence: i64) -> Result<bool, StoreError>;

    /// Voids every lease of any other instance. Only for a store that one instance has to itself.
    async fn void_leases(&self, except: InstanceId) -> Result<usize, StoreError>;
}

/// A piece of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// More text.
    Text(String),
    /// The end, said by the model. A stream that stops without it was cut off.
    End {
        /// How it ended.
        finish: Finish,
        /// What it has cost, where the provider says so.
        usage: Option<Usage>,
    },
}

word_enum! {
    /// How a model says that it has ended.
    Finish {
        /// It had nothing more to say.
        Stop = "stop",
        /// It was not allowed to say more.
        Length = "length",
        /// The provider withheld the rest.
        ContentFilter = "content_filter",
    }
}

/// A reply as it comes.
pub type Pieces = BoxStream<'static, Result<Piece, ModelError>>;

/// Why a model did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}: {detail}")]
pub struct ModelError {
    /// What sort of failure.
    pub fault: ModelFault,
    /// For the log: may hold the provider's words.
    pub detail: String,
    /// When the provider wants to be asked again.
    pub retry_after: Option<Duration>,
}

impl ModelError {
    /// A failure with words for the log.
    pub fn new(fault: ModelFault, detail: impl Into<String>) -> Self {
        Self { fault, detail: detail.into(), retry_after: None }
    }
}

/// The documented ends of a failing model (`docs/UPSTREAM-FAULTS.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ModelFault {
    /// No connection could be made.
    Unreachable,
    /// No connection, first token or next token in time, or too long in all.
    TimedOut,
    /// The provider does not accept our key.
    Unauthorized,
    /// The provider does not know the model.
    UnknownModel,
    /// The provider refuses the request, for good.
    Refused,
    /// Too many requests; the provider says when again.
    RateLimited,
    /// The provider is broken or overloaded.
    Failing,
    /// The provider answers something that is not the protocol.
    Malformed,
    /// The stream stopped without saying that it had ended.
    Truncated,
    /// A line or the reply was larger than is allowed.
    TooLarge,
    /// The breaker is open: the provider failed too often lately.
    CircuitOpen,
    /// Too many replies wait for this provider.
    Busy,
}

impl ModelFault {
    /// The stable code that a turn keeps.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "model_unreachable",
            Self::TimedOut => "model_timed_out",
            Self::Unauthorized => "model_unauthorized",
            Self::UnknownModel => "model_unknown",
            Self::Refused => "model_refused",
            Self::RateLimited => "model_rate_limited",
            Self::Failing => "model_failing",
            Self::Malformed => "model_malformed",
            Self::Truncated => "model_truncated",
            Self::TooLarge => "model_too_large",
            Self::CircuitOpen => "model_circuit_open",
            Self::Busy => "model_busy",
        }
    }

    /// What it means, for the person who asked.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Unreachable => "the model's server cannot be reached",
            Self::TimedOut => "the model took too long",
            Self::Unauthorized => "the model's server does not accept the key in the settings",
            Self::UnknownModel => "the model's server does not know this model",
            Self::Refused => "the model's server refused the request",
            Self::RateLimited => "the model's server is asked too often; try again later",
            Self::Failing => "the model's server is failing; try again",
            Self::Malformed => "the model's server gave an answer that cannot be read",
            Self::Truncated => "the reply was cut off",
            Self::TooLarge => "the reply was too large",
            Self::CircuitOpen => "the model's server failed too often lately; try again in half a minute",
            Self::Busy => "too many replies wait for this model; try again",
        }
    }
}

impl std::fmt::Display for ModelFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}

/// Something that answers.
#[async_trait]
pub trait ChatModel: Send + Sync {
    /// Begins a reply. Dropping the stream stops it and closes the provider's connection.
    async fn reply(&self, prompt: Prompt) -> Result<Pieces, ModelError>;
}

/// The models of this server.
pub trait Models: Send + Sync {
    /// The model of that name, `<provider>/<model>` or a bare name; the default when none is named.
    fn resolve(&self, name: Option<&str>) -> Option<Arc<dyn ChatModel>>;

    /// The one full name of the model that [`Models::resolve`] finds.
    fn full_name(&self, name: Option<&str>) -> Option<String>;

    /// Every name, the default first.
    fn names(&self) -> Vec<String>;
}

/// What the buffer holds of a turn's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buffered {
    /// Which taking-up of the turn it is.
    pub fence: i64,
    /// The number of the oldest delta that is still held, `last + 1` when none is.
    pub first: u64,
    /// The number of the newest delta.
    pub last: u64,
    /// The deltas asked for, with their numbers.
    pub deltas: Vec<(u64, Arc<str>)>,
    /// No more will come.
    pub closed: bool,
}

/// The latest deltas of running turns and of those that ended within ten minutes. May be lost: the
/// store then tells the text.
#[async_trait]
pub trait StreamBuffer: Send + Sync {
    /// Begins a stream anew.
    async fn open(&self, turn: TurnId, fence: i64);

    /// Adds delta `n`, the next in order.
    async fn append(&self, turn: TurnId, fence: i64, n: u64, text: Arc<str>);

    /// Says that no more will come.
    async fn close(&self, turn: TurnId, fence: i64);

    /// What is held after delta `after`. `None` when nothing is known of the turn.
    async fn read(&self, turn: TurnId, after: u64) -> Option<Buffered>;

    /// Returns when something beyond delta `after` may be there, or the stream was closed or forgotten.
    async fn changed(&self, turn: TurnId, after: u64);
}

/// Runs tasks that belong to the server and not to a request; shutdown waits for them.
pub trait Spawner: Send + Sync {
    /// Runs `task` to its end.
    fn spawn(&self, task: BoxFuture<'static, ()>);
}
