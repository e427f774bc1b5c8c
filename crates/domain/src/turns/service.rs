//! The use cases of turns: look, wait, follow, cancel.

use super::ports::StreamBuffer;
use super::{Engine, Settled, TurnEvent, TurnEventId, TurnView};
use crate::access::{Authorized, Write};
use crate::error::{Fault, codes};
use crate::ids::TurnId;
use crate::rooms::Room;
use crate::turns::ports::TurnStore;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use std::collections::VecDeque;
use std::sync::Arc;

/// The use cases of turns.
#[derive(Clone)]
pub struct Turns {
    pub(crate) engine: Arc<Engine>,
    pub(crate) store: Arc<dyn TurnStore>,
    pub(crate) buffer: Arc<dyn StreamBuffer>,
}

impl Turns {
    /// The turn with its reply so far.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn find(&self, turn: TurnId) -> Result<Option<TurnView>, Fault> {
        Ok(self.store.find(turn).await?)
    }

    /// True while deltas of the turn are held for readers that come again.
    pub async fn is_held(&self, turn: TurnId) -> bool {
        self.buffer.read(turn, u64::MAX).await.is_some()
    }

    /// Waits for the end of a turn, wherever it runs.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn wait(&self, turn: TurnId) -> Result<Settled, Fault> {
        Ok(self.engine.wait(turn).await?)
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
        let follower =
            Follower { turns: self.clone(), turn, at: after, waiting: VecDeque::new(), over: false };
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
            return self.without_buffer().await;
        };
        let other_fence = self.at.is_some_and(|at| at.fence != buffered.fence);
        let lost = n + 1 < buffered.first || n > buffered.last;
        if other_fence || lost {
            return self.reset().await;
        }
        for (n, text) in buffered.deltas {
            let id = TurnEventId { turn: self.turn, fence: buffered.fence, n };
            self.at = Some(id);
            self.waiting.push_back(TurnEvent::Delta { id, text: text.to_string() });
        }
        if buffered.closed && self.waiting.is_empty() {
            return self.end().await;
        }
        if self.waiting.is_empty() {
            let changed = self.turns.buffer.changed(self.turn, self.at.map_or(0, |at| at.n));
            changed.await;
        }
    }

    /// Nothing is buffered: the turn has not begun, runs elsewhere, or ended long ago.
    async fn without_buffer(&mut self) {
        match self.turns.wait(self.turn).await {
            Ok(Settled::Ended { view, .. }) => self.finish_with(*view),
            Ok(Settled::Withdrawn(_) | Settled::Gone) => self.finish(TurnEvent::Gone),
            // The reader comes again and finds the store back, or a clear error.
            Err(_) => self.over = true,
        }
    }

    /// The reader's place cannot be found: the text so far instead, when the buffer holds all of it.
    /// The store may lag behind the buffer, so its text has no place in the numbering; then the
    /// reader gets the whole text at the end.
    async fn reset(&mut self) {
        match self.turns.buffer.read(self.turn, 0).await {
            Some(whole) if whole.first == 1 && !whole.closed => {
                let text = whole.deltas.iter().map(|(_, text)| text.as_ref()).collect();
                let id = TurnEventId { turn: self.turn, fence: whole.fence, n: whole.last };
                self.at = Some(id);
                self.waiting.push_back(TurnEvent::Reset { id, text });
            }
            _ => self.without_buffer().await,
        }
    }

    async fn end(&mut self) {
        match self.turns.wait(self.turn).await {
            Ok(Settled::Ended { view, .. }) => self.finish(TurnEvent::Done(view)),
            Ok(Settled::Withdrawn(_) | Settled::Gone) => self.finish(TurnEvent::Gone),
            Err(_) => self.over = true,
        }
    }

    /// The end for a reader whose deltas cannot be told apart any more: the whole text, then the end.
    fn finish_with(&mut self, view: TurnView) {
        if !view.reply.is_empty() {
            let id = TurnEventId { turn: self.turn, fence: view.turn.fence, n: self.at.map_or(0, |at| at.n) };
            self.waiting.push_back(TurnEvent::Reset { id, text: view.reply.clone() });
        }
        self.finish(TurnEvent::Done(Box::new(view)));
    }

    fn finish(&mut self, event: TurnEvent) {
        self.waiting.push_back(event);
        self.over = true;
    }
}
