//! One reader of a turn's stream: out of the buffer while it holds the stream, else out of the store, step by step.

use super::away::STORE_PAUSE;
use super::ports::Buffered;
use super::waiting::Standing;
use super::{Settled, TurnEvent, TurnEventId, TurnView, Turns};
use crate::error::{Fault, codes};
use crate::ids::TurnId;
use std::collections::VecDeque;
use std::time::Duration;

/// A stream of another instance that says nothing for so long: perhaps the turn has ended, and the news was lost.
const SILENCE: Duration = Duration::from_secs(2);
/// The number of the end where nobody knows how many deltas came before it: more than any turn has.
pub(super) const UNCOUNTED: u64 = 1 << 40;
/// Text that is told out of the store is numbered by its length in bytes, from here on up to [`UNCOUNTED`]: more than
/// any turn has deltas, and a turn has fewer bytes than that.
const STORED: u64 = 1 << 39;

/// The place behind so many bytes of a turn's stored text.
pub(super) fn stored_place(bytes: usize) -> u64 {
    STORED + u64::try_from(bytes).unwrap_or(0)
}

/// How many bytes of the text a reader at such a place has; `None` for the number of a delta, and of an end.
pub(super) fn stored_bytes(n: u64) -> Option<usize> {
    (STORED..UNCOUNTED).contains(&n).then(|| usize::try_from(n - STORED).ok()).flatten()
}

fn text_of(whole: &Buffered) -> String {
    whole.deltas.iter().map(|(_, text)| text.as_ref()).collect()
}

/// One reader of a turn's stream.
pub(super) struct Follower {
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
    /// One who has everything up to `after`.
    pub(super) fn new(turns: Turns, turn: TurnId, after: Option<TurnEventId>) -> Self {
        let have = match after {
            None => Some(0),
            Some(after) => stored_bytes(after.n),
        };
        Self { turns, turn, at: after, have, waiting: VecDeque::new(), over: false }
    }

    /// The next event, when there is one.
    pub(super) async fn next(&mut self) -> Option<TurnEvent> {
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
        let whole = self.turns.buffer.read(self.turn, 0).await.filter(|whole| whole.first == 1);
        if let Some(whole) = &whole
            && self.goes_on_in(whole).await
        {
            return;
        }
        self.have = None;
        match whole {
            Some(whole) if !whole.closed => {
                let text = text_of(&whole);
                let id = TurnEventId { turn: self.turn, fence: whole.fence, n: whole.last };
                self.at = Some(id);
                self.have = Some(text.len());
                self.waiting.push_back(TurnEvent::Reset { id, text });
            }
            _ => self.end_with_a_reset(fence).await,
        }
    }

    /// A reader who was told out of the store goes on in the stream, where the stream's text begins with what it has:
    /// all texts of one fence begin alike. False when it must begin anew.
    async fn goes_on_in(&mut self, whole: &Buffered) -> bool {
        let Some((at, have)) = self.at.zip(self.have) else { return false };
        if at.fence != whole.fence || stored_bytes(at.n).is_none() {
            return false;
        }
        let text = text_of(whole);
        let id = TurnEventId { n: whole.last, ..at };
        match text.get(have..) {
            // The store is ahead: this stream is on its way, or the turn has ended without it.
            None if have > text.len() && !whole.closed => {
                let engine = &self.turns.engine;
                tokio::select! {
                    () = self.turns.buffer.changed(self.turn, whole.last) => {}
                    () = engine.ports.clock.sleep(SILENCE) => {}
                }
                if self.has_ended_unheard().await {
                    self.end(Some(whole.fence)).await;
                }
                true
            }
            None => false,
            Some(rest) => {
                if !rest.is_empty() {
                    self.waiting.push_back(TurnEvent::Delta { id, text: rest.to_owned() });
                }
                (self.at, self.have) = (Some(id), Some(text.len()));
                true
            }
        }
    }

    /// What is stored of a turn that runs elsewhere and whose stream is not held here. Text that is told so is numbered
    /// by how much of it there is, so that a reader can go on from there on any instance.
    fn step(&mut self, view: &TurnView) {
        let (fence, text) = (view.turn.fence, &view.reply);
        let id = TurnEventId { turn: self.turn, fence, n: stored_place(text.len()) };
        let same = |at: TurnEventId| at.fence == fence;
        match self.have {
            // What is stored may lag behind what was told, and never contradicts it under one fence.
            Some(have) if have == 0 || self.at.is_some_and(same) => match text.get(have..) {
                Some(rest) if !rest.is_empty() => {
                    self.waiting.push_back(TurnEvent::Delta { id, text: rest.to_owned() });
                }
                _ => return,
            },
            // Told by a runner that was replaced: what has become of it, the end says.
            Some(_) if self.at.is_some_and(|at| stored_bytes(at.n).is_none()) => return,
            _ if text.is_empty() => return,
            _ => self.waiting.push_back(TurnEvent::Reset { id, text: text.clone() }),
        }
        (self.at, self.have) = (Some(id), Some(text.len()));
    }

    /// True for a reader who was told all it has out of the store, under the fence that ended the turn.
    fn was_told_what_is_stored(&self, view: &TurnView) -> bool {
        let told = self.at.is_some_and(|at| stored_bytes(at.n).is_some() && at.fence == view.turn.fence);
        told && self.have.is_some_and(|have| view.reply.is_char_boundary(have))
    }

    /// Nothing more comes from the stream of this fence, or there is none: the end of the turn, unless
    /// another stream begins before it.
    async fn end(&mut self, fence: Option<i64>) {
        match self.end_or_other_stream(fence).await {
            Ok(None) => {}
            Ok(Some(Settled::Ended { view, .. })) if fence.is_some() && self.has_all(fence, &view).await => {
                self.finish(TurnEvent::Done(view));
            }
            Ok(Some(Settled::Ended { view, .. })) if self.was_told_what_is_stored(&view) => {
                self.step(&view);
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

    /// Waits for the end of the turn. `None` when there is something to tell before it, or another stream
    /// than that of `fence`: the turn was begun, or taken up by another instance.
    async fn end_or_other_stream(&mut self, fence: Option<i64>) -> Result<Option<Settled>, Fault> {
        let mut watch = self.turns.engine.watch(self.turn);
        loop {
            // Looked at after the watch was taken, so that no beginning is missed.
            let stream = self.turns.buffer.read(self.turn, u64::MAX).await;
            if stream.is_some_and(|stream| Some(stream.fence) != fence) {
                return Ok(None);
            }
            let standing = match self.turns.engine.standing(&watch).await? {
                Standing::Ended(settled) => return Ok(Some(settled)),
                going => going,
            };
            if let (Standing::Elsewhere(view), None) = (&standing, fence)
                && self.turns.engine.is_shared()
            {
                self.step(view);
                if !self.waiting.is_empty() {
                    return Ok(None);
                }
            }
            self.turns.engine.news(&mut watch, &standing).await;
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
