//! Stands between a turn and a model that may hang, fail or be too slow: time limits, retries before
//! the first token, a breaker, and a place in the line.

use crate::breaker::{Breaker, BreakerSettings, Ticket};
use crate::retry::{Budget, RetrySettings, may_pass};
use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use maru_domain::turns::Prompt;
use maru_domain::turns::ports::{ChatModel, ModelError, ModelFault, Piece, Pieces};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout_at};

/// How long a model is waited for, and how many may be asked at once. Defaults in brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardSettings {
    /// From the call to the model's first sign of life (60 s).
    pub first_token: Duration,
    /// From one sign of life to the next (30 s).
    pub idle: Duration,
    /// In all, with every retry and every wait (10 min).
    pub total: Duration,
    /// So many replies of one provider run at once (64).
    pub at_once: usize,
    /// So long a reply waits for its place among them (30 s).
    pub queue: Duration,
    /// When a call is made again.
    pub retry: RetrySettings,
    /// When no call is made.
    pub breaker: BreakerSettings,
}

impl Default for GuardSettings {
    fn default() -> Self {
        Self {
            first_token: Duration::from_secs(60),
            idle: Duration::from_secs(30),
            total: Duration::from_secs(600),
            at_once: 64,
            queue: Duration::from_secs(30),
            retry: RetrySettings::default(),
            breaker: BreakerSettings::default(),
        }
    }
}

impl GuardSettings {
    /// The places of one provider, for [`Guard::sharing`]. At least one.
    #[must_use]
    pub fn places(&self) -> Arc<Semaphore> {
        Arc::new(Semaphore::new(self.at_once.clamp(1, Semaphore::MAX_PERMITS)))
    }
}

/// One model of one provider, guarded. The breaker and the retry budget are this guard's; the places
/// may be shared with the provider's other models.
pub struct Guard {
    name: String,
    model: Arc<dyn ChatModel>,
    settings: GuardSettings,
    breaker: Arc<Breaker>,
    budget: Budget,
    places: Arc<Semaphore>,
}

/// A failed call.
struct Failure {
    error: ModelError,
    /// Asking again may help.
    again: bool,
}

/// A reply that has begun.
struct Begun {
    first: Piece,
    rest: Pieces,
    ticket: Ticket,
}

impl Guard {
    /// Guards `model`; `name` is for the log.
    #[must_use]
    pub fn new(name: impl Into<String>, model: Arc<dyn ChatModel>, settings: GuardSettings) -> Self {
        Self::sharing(settings.places(), name, model, settings)
    }

    /// Guards `model`, which shares its provider's places with others: `settings.at_once` is not used.
    #[must_use]
    pub fn sharing(
        places: Arc<Semaphore>,
        name: impl Into<String>,
        model: Arc<dyn ChatModel>,
        settings: GuardSettings,
    ) -> Self {
        let name = name.into();
        let (breaker, budget) = (Breaker::new(&name, settings.breaker), Budget::new(settings.retry));
        Self { name, model, settings, breaker, budget, places }
    }

    async fn place(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, ModelError> {
        let until = deadline.min(Instant::now() + self.settings.queue);
        match timeout_at(until, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(ModelError::new(ModelFault::Busy, format!("no place at {} in time", self.name))),
        }
    }

    fn closed(&self) -> ModelError {
        ModelError::new(ModelFault::CircuitOpen, format!("the breaker of {} is open", self.name))
    }

    /// Calls once, up to the first token.
    async fn once(&self, prompt: Prompt, deadline: Instant) -> Result<Begun, Failure> {
        let mut ticket =
            self.breaker.admit().ok_or_else(|| Failure { error: self.closed(), again: false })?;
        let mut until = deadline.min(Instant::now() + self.settings.first_token);
        let begun = async {
            let answer = timeout_at(until, self.model.reply(prompt)).await;
            let mut pieces = answer.map_err(|_| Failure::late())?.map_err(Failure::of)?;
            loop {
                match timeout_at(until, pieces.next()).await.map_err(|_| Failure::late())? {
                    // The model thinks: from now on the idle limit holds.
                    Some(Ok(Piece::Text(text))) if text.is_empty() => {
                        until = deadline.min(until.max(Instant::now() + self.settings.idle));
                    }
                    Some(Ok(first)) => return Ok((first, pieces)),
                    Some(Err(error)) => return Err(Failure::of(error)),
                    None => return Err(Failure::of(truncated())),
                }
            }
        };
        match begun.await {
            Ok((first, rest)) => {
                ticket.begun();
                Ok(Begun { first, rest, ticket })
            }
            Err(failure) => {
                judge(ticket, failure.error.fault);
                Err(failure)
            }
        }
    }

    /// How long to wait before the next try, if there is one.
    fn next_try(&self, failures: u32, failure: &Failure, deadline: Instant) -> Option<Duration> {
        if !failure.again || failures > self.settings.retry.times || self.breaker.is_open() {
            return None;
        }
        let wait = self.settings.retry.wait(failures, &failure.error)?;
        let in_time = Instant::now() + wait < deadline;
        (in_time && self.budget.spend()).then_some(wait)
    }
}

#[async_trait]
impl ChatModel for Guard {
    /// Returns with the first token at hand: whatever fails before it may be tried again, whatever
    /// fails later may not.
    async fn reply(&self, prompt: Prompt) -> Result<Pieces, ModelError> {
        let deadline = Instant::now() + self.settings.total;
        if self.breaker.is_open() {
            return Err(self.closed());
        }
        self.budget.earn();
        let place = self.place(deadline).await?;
        let mut failures = 0;
        loop {
            let failure = match self.once(prompt.clone(), deadline).await {
                Ok(begun) => return Ok(Flow::pieces(begun, place, deadline, self.settings.idle)),
                Err(failure) => failure,
            };
            failures += 1;
            let Some(wait) = self.next_try(failures, &failure, deadline) else {
                return Err(failure.error);
            };
            let fault = failure.error.fault.code();
            tracing::warn!(model = self.name, turn = %prompt.turn, fault, detail = failure.error.detail, ?wait, "asking again");
            sleep(wait).await;
        }
    }
}

impl Failure {
    fn of(error: ModelError) -> Self {
        Self { again: may_pass(error.fault), error }
    }

    /// Not asked again: somebody has waited a minute, and the provider may be working on it.
    fn late() -> Self {
        Self { error: ModelError::new(ModelFault::TimedOut, "no token in time"), again: false }
    }
}

/// Tells the breaker what a failure means.
fn judge(mut ticket: Ticket, fault: ModelFault) {
    match fault {
        // The provider is there and has an opinion of the request, or talks too much: not broken.
        ModelFault::Unauthorized | ModelFault::UnknownModel | ModelFault::Refused | ModelFault::TooLarge => {
            ticket.begun()
        }
        // Said by ourselves.
        ModelFault::CircuitOpen | ModelFault::Busy => drop(ticket),
        ModelFault::Unreachable
        | ModelFault::TimedOut
        | ModelFault::RateLimited
        | ModelFault::Failing
        | ModelFault::Malformed
        | ModelFault::Truncated => ticket.failed(),
    }
}

fn truncated() -> ModelError {
    ModelError::new(ModelFault::Truncated, "the stream stopped without an end")
}

/// A reply on its way.
struct Flow {
    first: Option<Piece>,
    /// `None` once it is over: then connection, place and ticket are given back at once, even if
    /// nobody drops the stream.
    running: Option<Running>,
    deadline: Instant,
    idle: Duration,
}

struct Running {
    pieces: Pieces,
    ticket: Ticket,
    place: OwnedSemaphorePermit,
}

impl Flow {
    fn pieces(begun: Begun, place: OwnedSemaphorePermit, deadline: Instant, idle: Duration) -> Pieces {
        let Begun { first, rest: pieces, ticket } = begun;
        let flow =
            Self { first: Some(first), running: Some(Running { pieces, ticket, place }), deadline, idle };
        stream::unfold(flow, |mut flow| async move {
            let piece = flow.next().await?;
            Some((piece, flow))
        })
        .boxed()
    }

    async fn next(&mut self) -> Option<Result<Piece, ModelError>> {
        let running = self.running.as_mut()?;
        let piece = match self.first.take() {
            Some(first) => Ok(first),
            None => running.next(self.deadline, self.idle).await,
        };
        if matches!(piece, Ok(Piece::Text(_))) {
            return Some(piece);
        }
        let Running { pieces, mut ticket, place } = self.running.take()?;
        drop((pieces, place));
        match &piece {
            Ok(_) => ticket.worked(),
            // A long answer is not a broken provider.
            Err(_) if Instant::now() >= self.deadline => ticket.begun(),
            Err(error) => judge(ticket, error.fault),
        }
        Some(piece)
    }
}

impl Running {
    /// The next piece that is not empty.
    async fn next(&mut self, deadline: Instant, idle: Duration) -> Result<Piece, ModelError> {
        loop {
            let until = deadline.min(Instant::now() + idle);
            match timeout_at(until, self.pieces.next()).await {
                Ok(Some(Ok(Piece::Text(text)))) if text.is_empty() => {}
                Ok(Some(piece)) => return piece,
                Ok(None) => return Err(truncated()),
                Err(_) if until == deadline => {
                    return Err(ModelError::new(ModelFault::TimedOut, "the whole reply took too long"));
                }
                Err(_) => return Err(ModelError::new(ModelFault::TimedOut, "no further token in time")),
            }
        }
    }
}
