//! The use cases of turns: look, wait, follow, cancel.

use super::away::STORE_PAUSE;
use super::ports::StreamBuffer;
use super::{Engine, Settled, TurnEvent, TurnEventId, TurnStatus, TurnView};
use crate::access::{Authorized, Read, Write};
use crate::error::{Fault, codes};
use crate::ids::{Ids, TurnId};
use crate::rooms::Room;
use crate::turns::ports::TurnStore;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// A stream of another instance that says nothing for so long: perhaps the turn has ended, and the news was lost.
const SILENCE: Duration = Duration::from_secs(2);
/// A turn that has ended is told by its stream for so long; whoever comes later asks for the turn.
const TOLD: Duration = Duration::from_mins(10);
/// The number of the end where nobody knows how many deltas came before it: more than any turn has.
const UNCOUNTED: u64 = 1 << 40;

/// The use cases of turns.
#[derive(Clone)]
pub struct Turns {
    pub(crate) engine: Arc<Engine>,
    pub(crate) store: Arc<dyn TurnStore>,
    pub(crate) buffer: Arc<dyn StreamBuffer>,
    pub(crate) ids: Arc<dyn Ids>,
}

impl Turns {
    /// The turn with its reply so far.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn find(&self, turn: TurnId) -> Result<Option<TurnView>, Fault> {
        Ok(self.store.find(turn).await?)
    }

    /// The first turn of a room, with its reply so far.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn first(&self, room: &Authorized<Room, Read>) -> Result<Option<TurnView>, Fault> {
        Ok(self.store.first(room.get().id).await?)
    }

    /// The newest turn of a room that has not ended, with its reply so far.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn running<A>(&self, room: &Authorized<Room, A>) -> Result<Option<TurnView>, Fault> {
        match self.store.unfinished(room.get().id).await?.last() {
            Some(turn) => Ok(self.store.find(*turn).await?),
            None => Ok(None),
        }
    }

    /// Takes a turn of a room away with all that it told. One that still runs is stopped first.
    ///
    /// # Errors
    /// `TURN_NOT_FOUND`, or when the store is away.
    pub async fn delete(&self, room: &Authorized<Room, Write>, turn: TurnId) -> Result<(), Fault> {
        let found = self.store.find(turn).await?;
        if found.is_none_or(|view| view.turn.room_id != room.get().id) {
            return Err(Fault::new(&codes::TURN_NOT_FOUND));
        }
        self.engine.end_running(turn).await?;
        if !self.store.delete(turn, self.engine.ports.clock.now()).await? {
            return Err(Fault::new(&codes::TURN_NOT_FOUND));
        }
        self.engine.tell_room(room.get().id).await;
        Ok(())
    }

    /// True when nothing can follow `after` any more: the turn has ended, and its deltas are no longer
    /// held, or the reader has all of them and the end too. The end is numbered like one more delta.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn is_over(&self, turn: TurnId, after: Option<TurnEventId>) -> Result<bool, Fault> {
        let Some(view) = self.store.find(turn).await? else { return Ok(true) };
        if !view.turn.status.is_terminal() {
            return Ok(false);
        }
        let Some(held) = self.buffer.read(turn, u64::MAX).await else {
            return Ok(!self.is_told_by_the_store(&view, after));
        };
        Ok(after.is_some_and(|after| after.fence == view.turn.fence && after.n == held.last + 1))
    }

    /// True for a turn whose deltas another instance may hold: its reader gets the whole text from the store, once.
    fn is_told_by_the_store(&self, view: &TurnView, after: Option<TurnEventId>) -> bool {
        // Of a turn without text there is no event but its end.
        let is_end = |after: TurnEventId| after.n > UNCOUNTED || view.reply.is_empty();
        let has_end = after.is_some_and(|after| after.fence == view.turn.fence && is_end(after));
        let now = self.engine.ports.clock.now();
        let told = TOLD.try_into().unwrap_or_default();
        let lately = view.turn.finished_at.is_some_and(|end| now.duration_since(end) < told);
        self.engine.is_shared() && lately && !has_end
    }

    /// Waits for the end of a turn, wherever it runs.
    ///
    /// # Errors
    /// `DRAINING` when the server stops before the turn has ended, or when the store is away.
    pub async fn wait(&self, turn: TurnId) -> Result<Settled, Fault> {
        self.engine.wait(turn).await
    }

    /// Stops a turn of a room. A finished turn is answered as it is.
    ///
    /// # Errors
    /// `TURN_NOT_FOUND`, or when the store is away.
    pub async fn cancel(&self, room: &Authorized<Room, Write>, turn: TurnId) -> Result<TurnView, Fault> {
        let found = self.store.find(turn).await?;
        if found.is_none_or(|view| view.turn.room_id != room.get().id) {
            return Err(Fault::new(&codes::TURN_NOT_FOUND));
        }
        self.engine.cancel(turn).await?.ok_or_else(|| Fault::new(&codes::TURN_NOT_FOUND))
    }

    /// Stops the turn of a room that runs, and leaves alone those that wait behind it: the next one begins. False when
    /// none runs, or it has ended by itself meanwhile.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn cancel_running(&self, room: &Authorized<Room, Write>) -> Result<bool, Fault> {
        let Some(first) = self.store.unfinished(room.get().id).await?.first().copied() else {
            return Ok(false);
        };
        let view = self.engine.cancel(first).await?;
        Ok(view.is_some_and(|view| view.turn.status == TurnStatus::Cancelled))
    }

    /// Stops every turn of a room that has not ended; answers those that were stopped by this.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn cancel_all(&self, room: &Authorized<Room, Write>) -> Result<Vec<TurnView>, Fault> {
        let mut stopped = Vec::new();
        // From the last one on: of those that wait, none is begun meanwhile.
        for turn in self.store.unfinished(room.get().id).await?.into_iter().rev() {
            let view = self.engine.cancel(turn).await?;
            stopped.extend(view.filter(|view| view.turn.status == TurnStatus::Cancelled));
        }
        Ok(stopped)
    }

    /// The events of a turn after `after`, until it ends. Every reader gets the same bytes; one that
    /// names an event which can no longer be found gets a `reset` with the text so far.
    ///
    /// # Errors
    /// `TURN_NOT_FOUND`, or when the store is away.
    pub async fn follow(
        &self,
        turn: TurnId,
        after: Option<TurnEventId>,
    ) -> Result<BoxStream<'static, TurnEvent>, Fault> {
        if after.is_some_and(|after| after.turn != turn) {
            return Err(Fault::new(&codes::INVALID_PARAMETER).detail("the event id is of another turn"));
        }
        if self.store.find(turn).await?.is_none() {
            return Err(Fault::new(&codes::TURN_NOT_FOUND));
        }
        let have = after.is_none().then_some(0);
        let follower =
            Follower { turns: self.clone(), turn, at: after, have, waiting: VecDeque::new(), over: false };
        Ok(stream::unfold(follower, |mut follower| async move {
            let event = follower.next().await?;
            Some((event, follower))
        })
        .boxed())
    }
}

/// One reader of a turn's stream.
struct Follower {
    turns: Turns,
    turn: TurnId,
    /// The last event that the reader has.
    at: Option<TurnEventId>,
    /// How many bytes of the text the reader has, where that is known.
    have: Option<usize>,
    waiting: VecDeque<TurnEvent>,
    over: bool,
}

impl Follower {
    async fn next(&mut self) -> Option<TurnEvent> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            if self.over {
                return None;
            }
            self.look().await;
        }
    }

    /// Fills `waiting`, or waits until there may be something to fill it with.
    async fn look(&mut self) {
        let n = self.at.map_or(0, |at| at.n);
        let Some(buffered) = self.turns.buffer.read(self.turn, n).await else {
            // The turn has not begun, runs elsewhere, or ended long ago.
            return self.end(None).await;
        };
        let other_fence = self.at.is_some_and(|at| at.fence != buffered.fence);
        let lost = n.saturating_add(1) < buffered.first || n > buffered.last;
        if other_fence || lost {
            return self.reset(buffered.fence).await;
        }
        for (n, text) in buffered.deltas {
            let id = TurnEventId { turn: self.turn, fence: buffered.fence, n };
            self.at = Some(id);
            self.have = self.have.map(|have| have + text.len());
            self.waiting.push_back(TurnEvent::Delta { id, text: text.to_string() });
        }
        if !self.waiting.is_empty() {
            return;
        }
        if buffered.closed {
            return self.end(Some(buffered.fence)).await;
        }
        let news = self.turns.buffer.changed(self.turn, n);
        if !self.turns.engine.is_shared() || self.turns.engine.runs(self.turn) {
            return news.await;
        }
        let silent = tokio::select! {
            () = news => false,
            () = self.turns.engine.ports.clock.sleep(SILENCE) => true,
        };
        if silent && self.has_ended_unheard().await {
            self.end(Some(buffered.fence)).await;
        }
    }

    /// True when the store knows of an end that the stream has not told.
    async fn has_ended_unheard(&self) -> bool {
        let found = self.turns.store.find(self.turn).await;
        found.is_ok_and(|view| view.is_none_or(|view| view.turn.status.is_terminal()))
    }

    /// The reader's place cannot be found: the text so far instead, when the buffer holds all of it.
    /// The store may lag behind the buffer, so its text has no place in the numbering; then the
    /// reader gets the whole text at the end.
    async fn reset(&mut self, fence: i64) {
        self.have = None;
        match self.turns.buffer.read(self.turn, 0).await {
            Some(whole) if whole.first == 1 && !whole.closed => {
                let text: String = whole.deltas.iter().map(|(_, text)| text.as_ref()).collect();
                let id = TurnEventId { turn: self.turn, fence: whole.fence, n: whole.last };
                self.at = Some(id);
                self.have = Some(text.len());
                self.waiting.push_back(TurnEvent::Reset { id, text });
            }
            _ => self.end_with_a_reset(fence).await,
        }
    }

    /// Nothing more comes from the stream of this fence, or there is none: the end of the turn, unless
    /// another stream begins before it.
    async fn end(&mut self, fence: Option<i64>) {
        match self.end_or_other_stream(fence).await {
            Ok(None) => {}
            Ok(Some(Settled::Ended { view, .. })) if fence.is_some() && self.has_all(fence, &view).await => {
                self.finish(TurnEvent::Done(view));
            }
            other => self.finish_with(other).await,
        }
    }

    /// The reader's place is lost for good: the end of the turn, unless another stream begins before it.
    async fn end_with_a_reset(&mut self, fence: i64) {
        match self.end_or_other_stream(Some(fence)).await {
            Ok(None) => {}
            other => self.finish_with(other).await,
        }
    }

    /// Waits for the end of the turn. `None` when there is another stream than that of `fence`: the
    /// turn was begun, or taken up by another instance.
    async fn end_or_other_stream(&self, fence: Option<i64>) -> Result<Option<Settled>, Fault> {
        let mut watch = self.turns.engine.watch(self.turn);
        loop {
            // Looked at after the watch was taken, so that no beginning is missed.
            let stream = self.turns.buffer.read(self.turn, u64::MAX).await;
            if stream.is_some_and(|stream| Some(stream.fence) != fence) {
                return Ok(None);
            }
            let settled = self.turns.engine.look(&mut watch).await?;
            if settled.is_some() {
                return Ok(settled);
            }
        }
    }

    /// True when the deltas are the whole text. They are not where a run has died with text that it
    /// had told and not stored; all texts of one fence begin alike, so the length tells.
    async fn has_all(&self, fence: Option<i64>, view: &TurnView) -> bool {
        let have = match self.have {
            Some(have) => Some(have),
            None => match self.turns.buffer.read(self.turn, 0).await {
                Some(whole) if whole.first == 1 => {
                    Some(whole.deltas.iter().map(|(_, text)| text.len()).sum())
                }
                _ => None,
            },
        };
        fence == Some(view.turn.fence) && have.is_none_or(|have| have == view.reply.len())
    }

    /// The end for a reader who may have another text than the stored one: that one, then the end.
    async fn finish_with(&mut self, settled: Result<Option<Settled>, Fault>) {
        match settled {
            Ok(Some(Settled::Ended { view, .. })) => {
                if !view.reply.is_empty() || self.have != Some(0) {
                    // All that is held of this fence is in the text: resumed, none of it may come again.
                    let held = self.turns.buffer.read(self.turn, u64::MAX).await;
                    let held = held.filter(|held| held.fence == view.turn.fence);
                    let n = held.map_or_else(|| self.uncounted(), |held| held.last);
                    let id = TurnEventId { turn: self.turn, fence: view.turn.fence, n };
                    self.waiting.push_back(TurnEvent::Reset { id, text: view.reply.clone() });
                }
                self.finish(TurnEvent::Done(view));
            }
            Ok(_) => self.finish(TurnEvent::Gone),
            // Not the end: an EventSource that came again now would be refused, and never come back.
            Err(fault) if *fault.code == codes::STORE_UNAVAILABLE => {
                self.turns.engine.ports.clock.sleep(STORE_PAUSE).await;
            }
            // The reader comes again, and finds another server or a clear error.
            Err(_) => self.over = true,
        }
    }

    /// A place before the end for a reader of a stream that is not held.
    fn uncounted(&self) -> u64 {
        let at = self.at.map_or(0, |at| at.n);
        if self.turns.engine.is_shared() { at.max(UNCOUNTED) } else { at }
    }

    fn finish(&mut self, event: TurnEvent) {
        self.waiting.push_back(event);
        self.over = true;
    }
}
