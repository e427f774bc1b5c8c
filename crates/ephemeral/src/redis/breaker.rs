//! Lets a Redis that does not answer rest, so that nobody waits for it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So many failures in a row open the breaker …
const FAILURES: u32 = 5;
/// … for so long; then one call is let through to see.
const REST: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(super) struct Breaker {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    rests_until: Option<Instant>,
}

impl Breaker {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True when a call may be tried at `now`. A trial whose outcome never comes costs one more rest.
    pub(super) fn allows(&self, now: Instant) -> bool {
        let mut state = self.state();
        match state.rests_until {
            None => true,
            Some(until) if now >= until => {
                state.rests_until = Some(now + REST);
                true
            }
            Some(_) => false,
        }
    }

    /// Notes a failure; true when it opens the breaker.
    pub(super) fn failed(&self, now: Instant) -> bool {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        if state.failures < FAILURES || state.rests_until.is_some() {
            return false;
        }
        state.rests_until = Some(now + REST);
        true
    }

    /// Notes an answer; true when it closes the breaker.
    pub(super) fn succeeded(&self) -> bool {
        let mut state = self.state();
        state.failures = 0;
        state.rests_until.take().is_some()
    }

    pub(super) fn is_open(&self) -> bool {
        self.state().rests_until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_in_a_row_open_it_and_one_answer_closes_it() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        for _ in 0..4 {
            assert!(!breaker.failed(start));
        }
        assert!(!breaker.succeeded(), "it was not open");
        for _ in 0..4 {
            assert!(!breaker.failed(start) && breaker.allows(start));
        }
        assert!(breaker.failed(start), "the fifth in a row");
        assert!(breaker.is_open() && !breaker.allows(start + REST / 2));
        assert!(breaker.allows(start + REST), "one to see");
        assert!(!breaker.allows(start + REST), "and only one");
        assert!(!breaker.failed(start + REST), "it is open already");
        assert!(breaker.allows(start + REST * 2));
        assert!(breaker.succeeded());
        assert!(breaker.allows(start + REST * 2) && !breaker.is_open());
    }
}
