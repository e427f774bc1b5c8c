//! Streams of turns that other instances run, as far as somebody here reads them.

use super::entries::{Entry, What};
use crate::memory::stream::{Closing, Stream};
use maru_domain::ids::TurnId;
use maru_domain::turns::ports::Buffered;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A stream that nobody has looked at for so long is let go.
const UNREAD: Duration = Duration::from_secs(3);
/// After so long without news it is looked whether Redis still has the stream.
pub(super) const SILENT: Duration = Duration::from_secs(1);

/// A copy of a stream.
pub(super) struct Mirror {
    pub(super) stream: Stream,
    place: Mutex<Place>,
}

struct Place {
    /// The last entry that was taken over: fence and number.
    fence: i64,
    n: u64,
    read_at: Instant,
    news_at: Instant,
}

impl Mirror {
    fn new(held: &Buffered) -> Self {
        let stream = Stream::new(held.fence);
        for (n, text) in &held.deltas {
            stream.append(held.fence, *n, Arc::clone(text));
        }
        let now = Instant::now();
        Self {
            stream,
            place: Mutex::new(Place { fence: held.fence, n: held.last, read_at: now, news_at: now }),
        }
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn read(&self, after: u64) -> Buffered {
        self.place().read_at = Instant::now();
        self.stream.read(after)
    }

    /// What comes after this is news.
    pub(super) fn at(&self) -> (i64, u64) {
        let place = self.place();
        (place.fence, place.n)
    }

    pub(super) fn take(&self, entry: Entry) {
        let mut place = self.place();
        if entry.fence < place.fence {
            return;
        }
        if entry.fence > place.fence {
            self.stream.reopen(entry.fence);
        }
        (place.fence, place.n, place.news_at) = (entry.fence, entry.n, Instant::now());
        drop(place);
        match entry.what {
            What::Begin => {}
            What::Text(text) => self.stream.append(entry.fence, entry.n, text),
            What::End => drop(self.stream.close(entry.fence, Closing { number: 0, at: Duration::ZERO })),
        }
    }

    pub(super) fn is_silent(&self) -> bool {
        self.place().news_at.elapsed() >= SILENT
    }

    /// Redis has it still: no need to look again for a while.
    pub(super) fn lives(&self) {
        self.place().news_at = Instant::now();
    }

    fn is_unread(self: &Arc<Self>) -> bool {
        // One count is the table's; whoever waits for news holds another.
        Arc::strong_count(self) == 1 && self.place().read_at.elapsed() >= UNREAD
    }
}

/// All of them.
#[derive(Default)]
pub(super) struct Mirrors {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    mirrors: HashMap<TurnId, Arc<Mirror>>,
    /// A task keeps them up to date.
    followed: bool,
}

impl Table {
    fn all(&self) -> Vec<(TurnId, Arc<Mirror>)> {
        self.mirrors.iter().map(|(turn, mirror)| (*turn, Arc::clone(mirror))).collect()
    }
}

impl Mirrors {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn find(&self, turn: TurnId) -> Option<Arc<Mirror>> {
        self.table().mirrors.get(&turn).map(Arc::clone)
    }

    /// Keeps a copy of what is held; true when a task must be started that follows.
    pub(super) fn keep(&self, turn: TurnId, held: &Buffered) -> bool {
        let mut table = self.table();
        table.mirrors.entry(turn).or_insert_with(|| Arc::new(Mirror::new(held)));
        !std::mem::replace(&mut table.followed, true)
    }

    /// Lets go of a copy; its readers look again.
    pub(super) fn forget(&self, turn: TurnId) {
        let gone = self.table().mirrors.remove(&turn);
        gone.into_iter().for_each(|mirror| mirror.stream.wake());
    }

    pub(super) fn forget_all(&self) {
        let gone: Vec<_> = self.table().mirrors.drain().collect();
        gone.into_iter().for_each(|(_, mirror)| mirror.stream.wake());
    }

    /// The copies that somebody reads; none ends the task that follows them.
    pub(super) fn read_ones(&self) -> Vec<(TurnId, Arc<Mirror>)> {
        let mut table = self.table();
        table.mirrors.retain(|_, mirror| !mirror.is_unread());
        table.followed = !table.mirrors.is_empty();
        table.all()
    }

    pub(super) fn all(&self) -> Vec<(TurnId, Arc<Mirror>)> {
        self.table().all()
    }
}
