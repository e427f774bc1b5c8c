//! Waits that grow with each failed login of a name, known or not.

use super::{Key, LimiterSettings};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A name without a failure for this long begins anew.
const REMEMBERED: Duration = Duration::from_hours(24);
/// How many names are remembered, least recently used first to go. A failure costs a password hash,
/// so pushing one name out takes a quarter of an hour of both hash slots.
const NAMES: u64 = 100_000;
/// A try that was let through holds the name for this long, unless its outcome comes first: more
/// tries at the same time would each be a guess for the price of one. No longer, because the outcome
/// may never come (the store was away, all hash slots were taken).
const HELD: Duration = Duration::from_secs(5);

/// The failures of one name in a row.
#[derive(Default)]
struct Streak {
    failures: u32,
    last: Duration,
    /// No try before this.
    until: Duration,
}

/// The failures of every name.
pub(super) struct Logins {
    settings: LimiterSettings,
    names: Cache<Key, Arc<Mutex<Streak>>>,
}

impl Logins {
    pub(super) fn new(settings: LimiterSettings) -> Self {
        Self::remembering(NAMES, settings)
    }

    fn remembering(names: u64, settings: LimiterSettings) -> Self {
        // Least recently used: the name that is being tried now is always remembered.
        let names = Cache::builder()
            .max_capacity(names)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(REMEMBERED)
            .build();
        Self { settings, names }
    }

    /// Lets a try through, or says how long to wait.
    pub(super) fn ask(&self, name: Key, now: Duration) -> Result<(), Duration> {
        let Some(streak) = self.names.get(&name) else {
            return Ok(());
        };
        let mut streak = streak.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = self.wait(&streak);
        if wait.is_zero() || streak.is_over(now) {
            return Ok(());
        }
        if now < streak.until {
            return Err(streak.until - now);
        }
        streak.until = now.saturating_add(wait.min(HELD));
        Ok(())
    }

    pub(super) fn failed(&self, name: Key, now: Duration) {
        // The entry is written under its own lock, so no failure is lost to another.
        let streak = self.names.get_with(name, Arc::default);
        let mut streak = streak.lock().unwrap_or_else(PoisonError::into_inner);
        if streak.is_over(now) {
            *streak = Streak::default();
        }
        streak.failures = streak.failures.saturating_add(1);
        streak.last = now;
        streak.until = now.saturating_add(self.wait(&streak));
    }

    pub(super) fn succeeded(&self, name: Key) {
        self.names.invalidate(&name);
    }

    /// What the failures so far cost.
    fn wait(&self, streak: &Streak) -> Duration {
        let LimiterSettings { free_logins, first_wait, longest_wait, .. } = self.settings;
        let Some(doublings) = streak.failures.checked_sub(free_logins.max(1)) else {
            return Duration::ZERO;
        };
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        first_wait.saturating_mul(factor).min(longest_wait)
    }
}

impl Streak {
    fn is_over(&self, now: Duration) -> bool {
        now >= self.last.saturating_add(REMEMBERED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_names_does_not_grow_the_memory() {
        let logins = Logins::remembering(1_000, LimiterSettings::default());
        for name in 0..5_000_u64 {
            logins.failed(Key::from(name), Duration::ZERO);
        }
        logins.names.run_pending_tasks();
        assert!(logins.names.entry_count() <= 1_000);
        // The latest is one of those that are remembered: newcomers do not guess for free.
        assert!(logins.names.contains_key(&4_999));
    }

    #[test]
    fn asking_remembers_nothing() {
        let logins = Logins::new(LimiterSettings::default());
        for name in 0..1000 {
            assert_eq!(logins.ask(Key::from(name as u32), Duration::ZERO), Ok(()));
        }
        logins.names.run_pending_tasks();
        assert_eq!(logins.names.entry_count(), 0);
    }
}
