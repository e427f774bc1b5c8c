//! One run of one turn, from the lease to the end.

mod ending;

use super::away::{STORE_PAUSE, interrupted_error};
use super::ports::{Checkpoint, Claimed, ModelError, ModelFault, Pieces, Written};
use super::registry::{Running, Stop};
use super::transcript::{CHECKPOINT_BYTES, CHECKPOINT_EVERY, COALESCE, Transcript};
use super::{Engine, TurnStatus};
use crate::error::StoreError;
use crate::fail_point;
use crate::ids::TurnId;
use crate::quotes::{self, Guided, Quote};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument;

pub(super) struct Run {
    engine: Arc<Engine>,
    running: Running,
    claimed: Claimed,
    transcript: Transcript,
    own_writes: i64,
    /// The quote that goes with the reply, in a quote thread.
    quote: Option<Quote>,
    /// The last checkpoint failed: the next one waits for its second to be over.
    store_is_away: bool,
}

/// Why the model's stream is read no further.
enum Break {
    Ended,
    Failed(ModelError),
    Stopped(Stop),
    /// The turn has ended or was taken over: nothing more may be written.
    Fenced,
    /// The store refuses what it is given or asked, or was away for too long.
    Broken(StoreError),
}

impl Run {
    pub(super) fn new(engine: Arc<Engine>, running: Running, claimed: Claimed) -> Self {
        Self {
            engine,
            running,
            claimed,
            transcript: Transcript::default(),
            own_writes: 0,
            quote: None,
            store_is_away: false,
        }
    }

    fn id(&self) -> TurnId {
        self.claimed.turn.id
    }

    /// Runs the turn; answers whether another one waits in the room.
    pub(super) async fn finish(mut self) -> bool {
        let turn = &self.claimed.turn;
        let span = tracing::info_span!("turn", turn = %turn.id, room = %turn.room_id, attempt = turn.attempt);
        async move {
            fail_point!("turn.lease_taken");
            self.engine.ports.buffer.open(self.id(), self.claimed.turn.fence).await;
            self.engine.registry.begun(self.id());
            if let Some(status) = self.decided_already() {
                self.transcript.text = std::mem::take(&mut self.claimed.reply);
                let error = (status == TurnStatus::Interrupted).then(interrupted_error);
                return self.end(status, error, false).await;
            }
            match self.generate().await {
                Break::Ended => self.end_of_reply().await,
                Break::Failed(error) => self.end_of_failure(error).await,
                Break::Stopped(Stop::Cancelled) => self.end(TurnStatus::Cancelled, None, false).await,
                Break::Stopped(Stop::HandOver) => self.hand_over().await,
                Break::Stopped(Stop::Gone) | Break::Fenced => self.give_up().await,
                Break::Broken(error) => {
                    tracing::error!(error = &error as &dyn Error, "the store stops the turn");
                    self.engine.end_as_broken(self.claimed.turn).await
                }
            }
        }
        .instrument(span)
        .await
    }

    /// A turn that an earlier run has decided: it had text, was to be cancelled, or died too often.
    fn decided_already(&self) -> Option<TurnStatus> {
        let turn = &self.claimed.turn;
        if turn.cancel_requested {
            Some(TurnStatus::Cancelled)
        } else if turn.status == TurnStatus::Streaming || turn.attempt > self.engine.settings.attempts {
            Some(TurnStatus::Interrupted)
        } else {
            None
        }
    }

    async fn generate(&mut self) -> Break {
        let pieces = match self.connect().await {
            Ok(pieces) => pieces,
            Err(end) => return end,
        };
        fail_point!("turn.upstream_connected");
        self.read(pieces).await
    }

    async fn connect(&mut self) -> Result<Pieces, Break> {
        let engine = Arc::clone(&self.engine);
        let (ports, budget, id) = (&engine.ports, engine.settings.budget, self.id());
        let limit = i64::try_from(budget.messages.max(1)).unwrap_or(i64::MAX);
        let source = self.unless_stopped(engine.patiently(|| ports.store.prompt(id, limit))).await?;
        let source = source.map_err(Break::Broken)?.ok_or(Break::Stopped(Stop::Gone))?;
        let model = ports.models.resolve(source.model.as_deref()).ok_or_else(|| {
            Break::Failed(ModelError::new(ModelFault::UnknownModel, format!("{:?}", source.model)))
        })?;
        // Before it is asked: however the turn ends, it tells who was to answer.
        self.claimed.turn.model = ports.models.full_name(source.model.as_deref());
        let Some(thread) = &source.thread else {
            let asked = model.reply(source.within(id, budget));
            return self.unless_stopped(asked).await?.map_err(Break::Failed);
        };
        let guided = engine.patiently(|| quotes::guide(ports.quotes.as_ref(), thread));
        let Guided { shape, template, quote } = self.unless_stopped(guided).await?.map_err(Break::Broken)?;
        let prompt = source.within(id, budget).guided(shape, &template);
        let pieces = self.unless_stopped(quotes::whole(model.as_ref(), prompt, template)).await?;
        self.quote = quote;
        Ok(pieces)
    }

    /// Does a piece of work unless the turn is to stop first.
    async fn unless_stopped<T>(&mut self, work: impl Future<Output = T> + Send) -> Result<T, Break> {
        tokio::select! {
            biased;
            stop = stopped(&mut self.running) => Err(Break::Stopped(stop)),
            done = work => Ok(done),
        }
    }

    /// Reads the stream to its end, publishing and storing on the way.
    async fn read(&mut self, mut pieces: Pieces) -> Break {
        let mut publish: Option<BoxFuture<'static, ()>> = None;
        let mut store: Option<BoxFuture<'static, ()>> = None;
        loop {
            let piece = tokio::select! {
                biased;
                stop = stopped(&mut self.running) => return Break::Stopped(stop),
                () = due(&mut publish) => {
                    publish = None;
                    self.publish().await;
                    continue;
                }
                () = due(&mut store) => {
                    store = None;
                    if let Some(end) = self.checkpoint().await {
                        return end;
                    }
                    if self.transcript.unstored() > 0 {
                        store = Some(self.timer(CHECKPOINT_EVERY));
                    }
                    continue;
                }
                piece = pieces.next() => piece,
            };
            let first = self.transcript.is_empty();
            // What is there already is taken in one go: a fast model costs one write and not one a token.
            if let Some(end) = self.take_ready(piece, &mut pieces) {
                return end;
            }
            if self.transcript.is_empty() {
                continue;
            }
            if first {
                fail_point!("turn.first_token");
                // Stored before anybody sees it: only a turn without a byte may be sent again.
                if let Some(end) = self.checkpoint().await {
                    return end;
                }
                self.publish().await;
                continue;
            }
            if self.transcript.unstored() >= CHECKPOINT_BYTES && !self.store_is_away {
                store = None;
                if let Some(end) = self.checkpoint().await {
                    return end;
                }
            }
            if store.is_none() && self.transcript.unstored() > 0 {
                store = Some(self.timer(CHECKPOINT_EVERY));
            }
            if self.transcript.is_unheard() {
                // Somebody waits for the first word; what follows is gathered.
                self.publish().await;
            } else if publish.is_none() && self.transcript.has_unpublished() {
                publish = Some(self.timer(COALESCE));
            }
        }
    }

    fn take_ready(
        &mut self,
        piece: Option<Result<super::ports::Piece, ModelError>>,
        pieces: &mut Pieces,
    ) -> Option<Break> {
        let mut next = Some(piece);
        while let Some(piece) = next {
            match piece {
                Some(Ok(piece)) => self.transcript.take(piece),
                Some(Err(error)) => return Some(Break::Failed(error)),
                None => {
                    return Some(Break::Failed(ModelError::new(
                        ModelFault::Truncated,
                        "the stream stopped without an end",
                    )));
                }
            }
            if self.transcript.end.is_some() {
                return Some(Break::Ended);
            }
            if self.transcript.unstored() >= CHECKPOINT_BYTES {
                return None;
            }
            next = pieces.next().now_or_never();
        }
        None
    }

    fn timer(&self, wait: Duration) -> BoxFuture<'static, ()> {
        let clock = Arc::clone(&self.engine.ports.clock);
        Box::pin(async move { clock.sleep(wait).await })
    }

    async fn publish(&mut self) {
        let (turn, fence) = (self.id(), self.claimed.turn.fence);
        if let Some((n, text)) = self.transcript.next_delta() {
            self.engine.ports.buffer.append(turn, fence, n, Arc::from(text)).await;
        }
    }

    /// Stores the text so far. A store that is away is asked again at the next checkpoint; only the
    /// very first one must succeed before anything is published.
    async fn checkpoint(&mut self) -> Option<Break> {
        fail_point!("turn.checkpoint");
        loop {
            let checkpoint = Checkpoint {
                turn: self.id(),
                fence: self.claimed.turn.fence,
                text: self.transcript.text.clone(),
                model: self.claimed.turn.model.clone(),
                now: self.engine.ports.clock.now(),
            };
            match self.engine.ports.store.checkpoint(checkpoint).await {
                Ok(Written::Kept) => {
                    self.store_is_away = false;
                    self.own_writes += 1;
                    self.claimed.turn.status = TurnStatus::Streaming;
                    self.transcript.mark_stored();
                    return None;
                }
                Ok(Written::CancelRequested) => return Some(Break::Stopped(Stop::Cancelled)),
                Ok(Written::Fenced) => return Some(Break::Fenced),
                Err(error @ (StoreError::Internal(_) | StoreError::Conflict(_))) => {
                    return Some(Break::Broken(error));
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn Error, "could not store partial text");
                    self.store_is_away = true;
                    if self.claimed.turn.status == TurnStatus::Streaming {
                        return None;
                    }
                    tokio::select! {
                        stop = stopped(&mut self.running) => return Some(Break::Stopped(stop)),
                        () = self.engine.ports.clock.sleep(STORE_PAUSE) => {}
                    }
                }
            }
        }
    }
}

/// Resolves when the timer is over; never without one.
async fn due(timer: &mut Option<BoxFuture<'static, ()>>) {
    match timer {
        Some(timer) => timer.await,
        None => std::future::pending().await,
    }
}

async fn stopped(running: &mut Running) -> Stop {
    let stop = running.stop.wait_for(Option::is_some).await;
    match stop.as_deref() {
        Ok(Some(why)) => *why,
        // The registry forgot us: the turn was settled by another.
        _ => Stop::Gone,
    }
}
