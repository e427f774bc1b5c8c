//! One stream.

use maru_domain::turns::ports::Buffered;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// What a delta costs beside its text: its place in the list and the counts of its `Arc`.
const DELTA_BYTES: usize = 32;
/// What a stream costs beside its deltas.
const STREAM_BYTES: usize = 256;

/// The deltas of one turn. Readers wait on `news`, which costs a waiter about 50 bytes and the
/// writer nothing while nobody waits.
pub(crate) struct Stream {
    state: Mutex<State>,
    news: Notify,
}

struct State {
    fence: i64,
    /// The number of the first delta in the list.
    first: u64,
    deltas: Vec<Arc<str>>,
    closed: Option<Closing>,
}

/// When a stream ended, and which of all endings that was.
#[derive(Clone, Copy)]
pub(crate) struct Closing {
    pub(crate) number: u64,
    pub(crate) at: Duration,
}

impl State {
    fn new(fence: i64) -> Self {
        Self { fence, first: 1, deltas: Vec::new(), closed: None }
    }

    fn last(&self) -> u64 {
        self.first + self.deltas.len() as u64 - 1
    }

    fn bytes(&self) -> usize {
        let texts: usize = self.deltas.iter().map(|text| text.len() + DELTA_BYTES).sum();
        STREAM_BYTES + texts
    }
}

impl Stream {
    pub(crate) fn new(fence: i64) -> Self {
        Self { state: Mutex::new(State::new(fence)), news: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins anew, unless the stream belongs to a later run already. Answers the ending that this undoes.
    pub(crate) fn reopen(&self, fence: i64) -> Option<Closing> {
        let mut state = self.state();
        if fence < state.fence {
            return None;
        }
        let before = std::mem::replace(&mut *state, State::new(fence));
        drop(state);
        self.news.notify_waiters();
        before.closed
    }

    pub(crate) fn append(&self, fence: i64, n: u64, text: Arc<str>) {
        let mut state = self.state();
        let next = state.last() + 1;
        if fence != state.fence || state.closed.is_some() || n < next {
            return;
        }
        if n > next {
            // Something is missing, so what came before cannot be joined to this: the reader is told
            // by `first`, and never shown a text with a hole.
            state.deltas.clear();
            state.first = n;
        }
        state.deltas.push(text);
        drop(state);
        self.news.notify_waiters();
    }

    /// Ends the stream; answers its size, if it was open under this fence.
    pub(crate) fn close(&self, fence: i64, closing: Closing) -> Option<usize> {
        let mut state = self.state();
        if fence != state.fence || state.closed.is_some() {
            return None;
        }
        state.closed = Some(closing);
        // Nothing more comes; the list need not keep room for it.
        state.deltas.shrink_to_fit();
        let bytes = state.bytes();
        drop(state);
        self.news.notify_waiters();
        Some(bytes)
    }

    pub(crate) fn closing(&self) -> Option<Closing> {
        self.state().closed
    }

    pub(crate) fn read(&self, after: u64) -> Buffered {
        let state = self.state();
        let known =
            usize::try_from(after.saturating_add(1).saturating_sub(state.first)).unwrap_or(usize::MAX);
        let from = state.first.max(after.saturating_add(1));
        // In this order the numbers are only counted as far as there are deltas: `after` is a
        // client's word and may be the largest number there is.
        let deltas = state.deltas.iter().skip(known).zip(from..).map(|(text, n)| (n, Arc::clone(text)));
        Buffered {
            fence: state.fence,
            first: state.first,
            last: state.last(),
            deltas: deltas.collect(),
            closed: state.closed.is_some(),
        }
    }

    /// Makes readers look again.
    pub(crate) fn wake(&self) {
        self.news.notify_waiters();
    }

    pub(crate) async fn changed(&self, after: u64) {
        // Before the look: what happens between the look and the wait wakes this already.
        let news = self.news.notified();
        {
            let state = self.state();
            // A place beyond the end belongs to an earlier run, and whoever holds it should look again.
            if state.closed.is_some() || state.last() != after {
                return;
            }
        }
        news.await;
    }
}
