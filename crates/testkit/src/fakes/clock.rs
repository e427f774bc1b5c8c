//! A clock that a test moves by hand, and that waits for the work which a wake-up sets off.

use super::soon;
use async_trait::async_trait;
use maru_domain::clock::{Clock, Timestamp, to_micros};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// What the clock shows at first: some time, so that nothing mistakes zero for "never".
const BEGIN: Duration = Duration::from_hours(1);
/// So many turns each task gets to react to a wake-up.
const YIELDS: usize = 16;

/// When a sleeper wakes, and which of those that wake then it is.
type Place = (Duration, u64);
type Idle = Arc<dyn Fn() -> bool + Send + Sync>;

/// Stands still until it is told how far to go. Sleepers wake one by one in the order of their
/// times, and each may do its work before the clock goes on to the next.
pub struct ManualClock {
    start: Timestamp,
    state: Mutex<State>,
}

struct State {
    elapsed: Duration,
    sleeps: u64,
    sleepers: BTreeMap<Place, oneshot::Sender<()>>,
    idle: Vec<Idle>,
}

impl ManualClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn at(start: Timestamp) -> Arc<Self> {
        let state = State { elapsed: BEGIN, sleeps: 0, sleepers: BTreeMap::new(), idle: Vec::new() };
        Arc::new(Self { start, state: Mutex::new(state) })
    }

    /// A clock that shows some day.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Self::at(Timestamp::from_second(1_790_000_000).unwrap_or_default())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the clock wait after each wake-up until `idle` says true: for work that goes on outside
    /// of the runtime, where a database does it.
    pub fn wait_until_idle(&self, idle: impl Fn() -> bool + Send + Sync + 'static) {
        self.state().idle.push(Arc::new(idle));
    }

    /// How many sleep.
    #[must_use]
    pub fn sleepers(&self) -> usize {
        self.state().sleepers.len()
    }

    /// Moves on by `step`, waking on the way whoever's time has come.
    pub async fn advance(&self, step: Duration) {
        self.settle().await;
        let end = self.elapsed() + step;
        while self.wake_one(end) {
            self.settle().await;
        }
        self.state().elapsed = end;
        self.settle().await;
    }

    /// Moves on by `step` at a time until `true_now` says true.
    ///
    /// # Panics
    /// When ten seconds of the real time do not bring that about.
    pub async fn advance_until(&self, step: Duration, what: &str, mut true_now: impl AsyncFnMut() -> bool) {
        soon(what, async {
            while !true_now().await {
                self.advance(step).await;
            }
        })
        .await;
    }

    /// Lets every task go as far as it comes without the clock.
    pub async fn settle(&self) {
        let idle = self.state().idle.clone();
        let all_settle = async {
            let is_idle = || idle.iter().all(|idle| idle());
            loop {
                let was_idle = is_idle();
                for _ in 0..YIELDS {
                    tokio::task::yield_now().await;
                }
                match (was_idle, is_idle()) {
                    (true, true) => return,
                    (false, true) => {}
                    (_, false) => tokio::time::sleep(Duration::from_micros(100)).await,
                }
            }
        };
        soon("all work is done", all_settle).await;
    }

    /// Wakes the first whose time comes until `end`; false when there is none.
    fn wake_one(&self, end: Duration) -> bool {
        let mut state = self.state();
        let Some(first) = state.sleepers.first_entry().filter(|first| first.key().0 <= end) else {
            return false;
        };
        let ((time, _), sleeper) = first.remove_entry();
        state.elapsed = state.elapsed.max(time);
        drop(state);
        // Whoever sleeps no more has left its place already.
        let _ = sleeper.send(());
        true
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("ManualClock")
            .field("elapsed", &state.elapsed)
            .field("sleepers", &state.sleepers.len())
            .finish()
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        let since_start = self.state().elapsed.saturating_sub(BEGIN);
        to_micros(self.start.checked_add(since_start).unwrap_or(Timestamp::MAX))
    }

    fn elapsed(&self) -> Duration {
        self.state().elapsed
    }

    async fn sleep(&self, wait: Duration) {
        let (wake, woken) = oneshot::channel();
        let place = {
            let mut state = self.state();
            let place = (state.elapsed.saturating_add(wait), state.sleeps);
            state.sleeps += 1;
            state.sleepers.insert(place, wake);
            place
        };
        let _place = Sleeping { clock: self, place };
        let _ = woken.await;
    }
}

/// Leaves its place when the sleep is over or nobody waits for it any more.
struct Sleeping<'a> {
    clock: &'a ManualClock,
    place: Place,
}

impl Drop for Sleeping<'_> {
    fn drop(&mut self) {
        let gone = self.clock.state().sleepers.remove(&self.place);
        drop(gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::sync::mpsc;
    use tokio::runtime::Handle;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[tokio::test]
    async fn sleepers_wake_in_order_and_see_their_own_time() {
        let clock = ManualClock::new();
        let (told, heard) = mpsc::channel();
        for seconds in [3_u64, 1, 2, 1000, 1] {
            let (clock, told) = (Arc::clone(&clock), told.clone());
            Handle::current().spawn(async move {
                let begin = clock.elapsed();
                clock.sleep(secs(seconds)).await;
                told.send((seconds, clock.elapsed() - begin)).unwrap();
            });
        }
        clock.advance(secs(10)).await;
        let woken: Vec<_> = heard.try_iter().collect();
        assert_eq!(woken, [(1, secs(1)), (1, secs(1)), (2, secs(2)), (3, secs(3))]);
        assert_eq!(clock.sleepers(), 1);
        assert_eq!(clock.elapsed(), BEGIN + secs(10));
    }

    #[tokio::test]
    async fn a_loop_of_sleeps_turns_as_often_as_it_should() {
        let clock = ManualClock::new();
        let (told, heard) = mpsc::channel();
        let turning = Arc::clone(&clock);
        let turns = Handle::current().spawn(async move {
            loop {
                turning.sleep(secs(2)).await;
                told.send(()).unwrap();
            }
        });
        clock.advance(secs(9)).await;
        assert_eq!(heard.try_iter().count(), 4);
        turns.abort();
        let _ = turns.await;
        assert_eq!(clock.sleepers(), 0, "who sleeps no more leaves no trace");
    }

    #[tokio::test]
    async fn nobody_wakes_early() {
        let clock = ManualClock::new();
        let mut sleep = clock.sleep(secs(1));
        assert!(sleep.as_mut().now_or_never().is_none());
        clock.advance(Duration::from_millis(999)).await;
        assert!(sleep.as_mut().now_or_never().is_none());
        clock.advance(Duration::from_millis(1)).await;
        assert!(sleep.as_mut().now_or_never().is_some());
    }
}
