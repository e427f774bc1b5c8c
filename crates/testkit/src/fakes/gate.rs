//! A place where calls wait until the test lets them on.

use super::until;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;

/// Closed at first; all that wait go on when it is opened. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate {
    open: watch::Sender<bool>,
    waiting: Arc<AtomicUsize>,
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Self {
        Self { open: watch::Sender::new(false), waiting: Arc::default() }
    }

    /// Lets everybody on, now and later.
    pub fn open(&self) {
        self.open.send_replace(true);
    }

    /// How many stand before it.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// Returns once somebody stands before it.
    pub async fn reached(&self) {
        until("somebody reaches the gate", async || self.waiting() > 0).await;
    }

    /// Stands before it until it is open.
    pub async fn pass(&self) {
        let _counted = Counted::new(&self.waiting);
        // The sender is ours, so this cannot fail.
        let _ = self.open.subscribe().wait_for(|open| *open).await;
    }
}

/// One more, until it is dropped.
pub(super) struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    pub(super) fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
