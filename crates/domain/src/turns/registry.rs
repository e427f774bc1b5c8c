//! Who in this process runs or waits for which turn.

use super::{Turn, TurnView};
use crate::ids::TurnId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// How a turn ended, for those who wait for it in this process.
#[derive(Clone, Debug, PartialEq)]
pub enum Settled {
    /// It has ended and its text is stored.
    Ended {
        /// The turn with its text.
        view: Box<TurnView>,
        /// The room's version after the end, and how many of the versions since the send were this
        /// turn's own doing; `None` where this process does not know.
        version: Option<SettledVersion>,
    },
    /// It failed and was taken back: nothing of it is stored.
    Withdrawn(Box<Turn>),
    /// It is gone: the room was deleted.
    Gone,
}

/// What a turn's end did to the room's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettledVersion {
    /// The version after the end.
    pub room_version: i64,
    /// The writes between the send and the end that were this turn's own.
    pub own_writes: i64,
}

/// Why a running turn is told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Somebody cancelled it.
    Cancelled,
    /// The server is about to stop.
    HandOver,
    /// Its room is gone.
    Gone,
}

struct Entry {
    stop: watch::Sender<Option<Stop>>,
    settled: watch::Sender<Option<Arc<Settled>>>,
    running: bool,
}

/// A turn as its runner sees it.
pub(super) struct Running {
    pub(super) stop: watch::Receiver<Option<Stop>>,
}

/// All entries; a lock held for moments only and never over an await.
#[derive(Default)]
pub(super) struct Registry {
    entries: Mutex<HashMap<TurnId, Entry>>,
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, HashMap<TurnId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that this process runs a turn; `None` when it does already.
    pub(super) fn begin(&self, turn: TurnId) -> Option<Running> {
        let mut entries = self.lock();
        let entry = entries.entry(turn).or_insert_with(Entry::new);
        if entry.running {
            return None;
        }
        entry.running = true;
        Some(Running { stop: entry.stop.subscribe() })
    }

    /// Tells everybody who waits that there is a stream now.
    pub(super) fn begun(&self, turn: TurnId) {
        if let Some(entry) = self.lock().get(&turn) {
            entry.settled.send_modify(|_| {});
        }
    }

    /// Tells everybody who waits; the turn is no longer run here.
    pub(super) fn settle(&self, turn: TurnId, settled: Option<Settled>) {
        if let Some(entry) = self.lock().remove(&turn) {
            entry.settled.send_replace(settled.map(Arc::new));
        }
    }

    /// To be told when the turn settles in this process.
    pub(super) fn watch(self: &Arc<Self>, turn: TurnId) -> Watch {
        let settled = self.lock().entry(turn).or_insert_with(Entry::new).settled.subscribe();
        Watch { registry: Arc::clone(self), turn, settled }
    }

    /// Tells the runner of a turn to stop; false when it does not run here.
    pub(super) fn stop(&self, turn: TurnId, why: Stop) -> bool {
        self.lock().get(&turn).is_some_and(|entry| {
            if entry.running {
                entry.stop.send_replace(Some(why));
            }
            entry.running
        })
    }

    pub(super) fn is_running(&self, turn: TurnId) -> bool {
        self.lock().get(&turn).is_some_and(|entry| entry.running)
    }

    /// The turns that run here.
    pub(super) fn running(&self) -> Vec<TurnId> {
        self.lock().iter().filter(|(_, entry)| entry.running).map(|(turn, _)| *turn).collect()
    }
}

/// Somebody who waits for a turn to settle in this process, and hears when it is begun. The sender
/// vanishes without a value when the turn was handed over.
pub struct Watch {
    registry: Arc<Registry>,
    pub(super) turn: TurnId,
    pub(super) settled: watch::Receiver<Option<Arc<Settled>>>,
}

impl Watch {
    pub(crate) fn is_for(&self, turn: TurnId) -> bool {
        self.turn == turn
    }
}

impl Drop for Watch {
    /// Drops an entry that only waiters had made, with the last of them.
    fn drop(&mut self) {
        let mut entries = self.registry.lock();
        if entries.get(&self.turn).is_some_and(|entry| !entry.running && entry.settled.receiver_count() <= 1)
        {
            entries.remove(&self.turn);
        }
    }
}

impl Entry {
    fn new() -> Self {
        Self { stop: watch::Sender::new(None), settled: watch::Sender::new(None), running: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const TURN: TurnId = TurnId(Uuid::from_u128(7));

    #[test]
    fn a_turn_that_settled_leaves_nothing() {
        let registry = Arc::new(Registry::default());
        let (early, running) = (registry.watch(TURN), registry.begin(TURN));
        let late = registry.watch(TURN);
        assert!(registry.begin(TURN).is_none(), "it is run once");
        registry.settle(TURN, Some(Settled::Gone));
        assert!(registry.lock().is_empty());
        assert!([&early, &late].iter().all(|watch| watch.settled.borrow().is_some()));
        assert!(running.is_some());
    }

    #[test]
    fn whoever_waits_for_what_runs_elsewhere_leaves_nothing() {
        let registry = Arc::new(Registry::default());
        let (first, second) = (registry.watch(TURN), registry.watch(TURN));
        drop(first);
        assert_eq!(registry.lock().len(), 1, "the other still waits");
        drop(second);
        assert!(registry.lock().is_empty());
    }

    #[test]
    fn a_waiter_that_leaves_takes_no_running_turn_with_it() {
        let registry = Arc::new(Registry::default());
        let watch = registry.watch(TURN);
        let mut running = registry.begin(TURN).unwrap();
        drop(watch);
        assert!(registry.stop(TURN, Stop::Cancelled));
        assert_eq!(*running.stop.borrow_and_update(), Some(Stop::Cancelled));
    }
}
