//! When a call is made again, and after how long.

use maru_domain::turns::ports::{ModelError, ModelFault};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How often a call is made again that has failed before its first token. Defaults in brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetrySettings {
    /// At most so often (2).
    pub times: u32,
    /// The wait is drawn from here (0.5 s) …
    pub least: Duration,
    /// … up to at most here (8 s): four times as far with each try.
    pub most: Duration,
    /// When the provider names a longer wait than this, the call fails at once (60 s).
    pub longest_asked: Duration,
    /// In all at most so many retries to a hundred calls (10) …
    pub percent: u32,
    /// … but so many are always there for a quiet server (6), growing back one in `reserve_every`.
    pub reserve: u32,
    /// One of the reserve grows back in this time (10 s).
    pub reserve_every: Duration,
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            times: 2,
            least: Duration::from_millis(500),
            most: Duration::from_secs(8),
            longest_asked: Duration::from_secs(60),
            percent: 10,
            reserve: 6,
            reserve_every: Duration::from_secs(10),
        }
    }
}

/// True for a failure that may be over when asked again. Only of calls that have brought nothing yet.
pub(crate) const fn may_pass(fault: ModelFault) -> bool {
    matches!(
        fault,
        ModelFault::Unreachable
            | ModelFault::TimedOut
            | ModelFault::RateLimited
            | ModelFault::Failing
            | ModelFault::Truncated
    )
}

impl RetrySettings {
    /// How long to wait after failure number `failures` (from 1). `None`: the provider asks for longer
    /// than anybody waits.
    pub(crate) fn wait(&self, failures: u32, error: &ModelError) -> Option<Duration> {
        match error.retry_after {
            Some(asked) => (asked <= self.longest_asked).then_some(asked),
            None => {
                let span = 4_u32.saturating_pow(failures);
                let upper = self.least.saturating_mul(span).min(self.most);
                // fastrand: spreading callers out needs no secrecy, only no lock-step.
                let part = f64::from(fastrand::u16(..)) / f64::from(u16::MAX);
                Some(self.least + upper.saturating_sub(self.least).mul_f64(part))
            }
        }
    }
}

/// Keeps the retries of all calls together below a share of the calls, so that a broken provider is
/// not asked three times as often as a working one.
#[derive(Debug)]
pub(crate) struct Budget {
    settings: RetrySettings,
    state: Mutex<Purse>,
}

/// In hundredths of a retry.
#[derive(Debug)]
struct Purse {
    earned: u64,
    reserve: u64,
    grown: Instant,
}

/// More than this is never saved up, so that a good day does not pay for a storm.
const EARNED_MOST: u64 = 100 * 100;

impl Budget {
    pub(crate) fn new(settings: RetrySettings) -> Self {
        let purse = Purse { earned: 0, reserve: u64::from(settings.reserve) * 100, grown: Instant::now() };
        Self { settings, state: Mutex::new(purse) }
    }

    /// A call was made.
    pub(crate) fn earn(&self) {
        let mut purse = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        purse.earned = (purse.earned + u64::from(self.settings.percent)).min(EARNED_MOST);
    }

    /// Takes one retry out, if there is one.
    pub(crate) fn spend(&self) -> bool {
        let mut purse = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let every = self.settings.reserve_every.as_millis().max(1);
        let grown =
            u32::try_from(purse.grown.elapsed().as_millis() / every).unwrap_or(u32::MAX).min(1_000_000);
        if grown > 0 {
            purse.grown += self.settings.reserve_every * grown;
            purse.reserve =
                (purse.reserve + u64::from(grown) * 100).min(u64::from(self.settings.reserve) * 100);
        }
        let Purse { earned, reserve, .. } = &mut *purse;
        let from = if *earned >= 100 { earned } else { reserve };
        let enough = *from >= 100;
        if enough {
            *from -= 100;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(retry_after: Option<Duration>) -> ModelError {
        ModelError { retry_after, ..ModelError::new(ModelFault::RateLimited, "") }
    }

    #[test]
    fn waits_are_spread_and_bounded() {
        let settings = RetrySettings::default();
        for (failures, most) in [(1, 2_000), (2, 8_000), (3, 8_000), (40, 8_000)] {
            let waits: Vec<_> = (0..200).filter_map(|_| settings.wait(failures, &error(None))).collect();
            assert!(waits.iter().all(|wait| (500..=most).contains(&wait.as_millis())), "{failures}");
            assert!(waits.iter().max() > waits.iter().min());
        }
    }

    #[test]
    fn what_the_provider_asks_is_done_or_refused() {
        let settings = RetrySettings::default();
        for (asked, wait) in [(0, Some(0)), (5, Some(5)), (60, Some(60)), (61, None), (3600, None)] {
            let wait: Option<Duration> = wait.map(Duration::from_secs);
            assert_eq!(settings.wait(1, &error(Some(Duration::from_secs(asked)))), wait, "{asked}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_tenth_of_the_calls_and_a_reserve() {
        let budget = Budget::new(RetrySettings::default());
        let mut retries = 0;
        for _ in 0..500 {
            budget.earn();
            retries += usize::from(budget.spend());
        }
        assert!((50..=56).contains(&retries), "{retries}");
        while budget.spend() {}
        tokio::time::advance(Duration::from_secs(21)).await;
        assert_eq!([budget.spend(), budget.spend(), budget.spend()], [true, true, false]);
    }
}
