//! All streams, and which of the ended ones goes next.

use super::StreamLimits;
use super::stream::{Closing, Stream};
use maru_domain::ids::TurnId;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Table {
    limits: StreamLimits,
    streams: HashMap<TurnId, Arc<Stream>>,
    /// The ended streams in the order of their ends.
    closed: BTreeMap<u64, Closed>,
    closed_bytes: usize,
    endings: u64,
}

struct Closed {
    turn: TurnId,
    at: Duration,
    bytes: usize,
}

impl Table {
    pub(super) fn new(limits: StreamLimits) -> Self {
        Self { limits, streams: HashMap::new(), closed: BTreeMap::new(), closed_bytes: 0, endings: 0 }
    }

    pub(super) fn find(&self, turn: TurnId) -> Option<Arc<Stream>> {
        self.streams.get(&turn).map(Arc::clone)
    }

    /// True when the stream ended too long ago, whether or not it was swept out yet.
    pub(super) fn is_over(&self, stream: &Stream, now: impl FnOnce() -> Duration) -> bool {
        stream.closing().is_some_and(|closing| now() >= closing.at.saturating_add(self.limits.kept))
    }

    /// Answers the streams that had to go.
    pub(super) fn open(&mut self, turn: TurnId, fence: i64, now: Duration) -> Vec<Arc<Stream>> {
        let undone = match self.streams.get(&turn) {
            Some(stream) => stream.reopen(fence),
            None => {
                self.streams.insert(turn, Arc::new(Stream::new(fence)));
                None
            }
        };
        if let Some(closed) = undone.and_then(|closing| self.closed.remove(&closing.number)) {
            self.closed_bytes -= closed.bytes;
        }
        self.sweep(now)
    }

    /// Answers the streams that had to go.
    pub(super) fn close(&mut self, turn: TurnId, fence: i64, now: Duration) -> Vec<Arc<Stream>> {
        let closing = Closing { number: self.endings, at: now };
        if let Some(bytes) = self.streams.get(&turn).and_then(|stream| stream.close(fence, closing)) {
            self.endings += 1;
            self.closed.insert(closing.number, Closed { turn, at: now, bytes });
            self.closed_bytes += bytes;
        }
        self.sweep(now)
    }

    fn sweep(&mut self, now: Duration) -> Vec<Arc<Stream>> {
        let mut gone = Vec::new();
        while let Some(oldest) = self.closed.first_entry() {
            let over = now >= oldest.get().at.saturating_add(self.limits.kept);
            if !over && self.closed_bytes <= self.limits.closed_bytes {
                break;
            }
            let oldest = oldest.remove();
            self.closed_bytes -= oldest.bytes;
            gone.extend(self.streams.remove(&oldest.turn));
        }
        gone
    }
}
