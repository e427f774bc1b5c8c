//! The use cases of turns: look, wait, follow, cancel.

use super::follower::{Follower, UNCOUNTED, stored_bytes, stored_place};
use super::ports::StreamBuffer;
use super::{Engine, Settled, TurnEvent, TurnEventId, TurnStatus, TurnView};
use crate::access::{Authorized, Read, Write};
use crate::error::{Fault, codes};
use crate::ids::{Ids, TurnId};
use crate::rooms::Room;
use crate::turns::ports::TurnStore;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use std::sync::Arc;
use std::time::Duration;

/// A turn that has ended is told by its stream for so long; whoever comes later asks for the turn.
const TOLD: Duration = Duration::from_mins(10);

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
        if after.is_some_and(|after| is_end_of_stored(&view, after)) {
            return Ok(true);
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
        let follower = Follower::new(self.clone(), turn, after);
        Ok(stream::unfold(follower, |mut follower| async move {
            let event = follower.next().await?;
            Some((event, follower))
        })
        .boxed())
    }
}

/// True for the end as it is numbered behind text that was told out of the store.
fn is_end_of_stored(view: &TurnView, after: TurnEventId) -> bool {
    let end = stored_place(view.reply.len()) + 1;
    stored_bytes(after.n).is_some() && after.fence == view.turn.fence && after.n == end
}
