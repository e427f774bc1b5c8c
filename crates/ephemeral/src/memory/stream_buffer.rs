//! The streams of running turns, and of those that ended a moment ago.

pub(crate) mod stream;
mod table;

use async_trait::async_trait;
use maru_domain::clock::Clock;
use maru_domain::ids::TurnId;
use maru_domain::turns::ports::{Buffered, StreamBuffer};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;
use stream::Stream;
use table::Table;

/// How long and how much is kept of streams that have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// For this long after the end.
    pub kept: Duration,
    /// At most so many bytes of ended streams; the one that ended first goes first. Running ones
    /// are never dropped.
    pub closed_bytes: usize,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self { kept: Duration::from_mins(10), closed_bytes: 32 * 1024 * 1024 }
    }
}

/// Keeps every delta of a stream.
///
/// The table is locked for a look-up only, and each stream has a lock of its own: a reader that
/// copies a long stream holds up nobody but that stream.
pub struct MemoryStreams {
    clock: Arc<dyn Clock>,
    table: RwLock<Table>,
}

impl MemoryStreams {
    /// An empty buffer.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, limits: StreamLimits) -> Self {
        Self { clock, table: RwLock::new(Table::new(limits)) }
    }

    fn table(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn table_mut(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, turn: TurnId) -> Option<Arc<Stream>> {
        self.table().find(turn)
    }

    /// True while something is held of the turn.
    pub(crate) fn knows(&self, turn: TurnId) -> bool {
        self.find(turn).is_some()
    }

    /// True while more may come of the turn.
    pub(crate) fn is_open(&self, turn: TurnId) -> bool {
        self.find(turn).is_some_and(|stream| stream.closing().is_none())
    }
}

impl fmt::Debug for MemoryStreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStreams").finish_non_exhaustive()
    }
}

#[async_trait]
impl StreamBuffer for MemoryStreams {
    async fn open(&self, turn: TurnId, fence: i64) {
        let now = self.clock.elapsed();
        // What is dropped is freed after the lock is given back.
        let _dropped = self.table_mut().open(turn, fence, now);
    }

    async fn append(&self, turn: TurnId, fence: i64, n: u64, text: Arc<str>) {
        if let Some(stream) = self.find(turn) {
            stream.append(fence, n, text);
        }
    }

    async fn close(&self, turn: TurnId, fence: i64) {
        let now = self.clock.elapsed();
        let _dropped = self.table_mut().close(turn, fence, now);
    }

    async fn read(&self, turn: TurnId, after: u64) -> Option<Buffered> {
        let table = self.table();
        let stream = table.find(turn)?;
        let forgotten = table.is_over(&stream, || self.clock.elapsed());
        drop(table);
        if forgotten { None } else { Some(stream.read(after)) }
    }

    async fn changed(&self, turn: TurnId, after: u64) {
        if let Some(stream) = self.find(turn) {
            stream.changed(after).await;
        }
    }
}
