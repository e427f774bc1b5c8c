//! So many requests of an API key in its minute.

use maru_domain::ids::KeyId;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);
/// How many keys are remembered. Keys are good ones, so nobody can make these many in passing.
const KEYS: u64 = 100_000;

/// When a key's minute has begun, and how many of its requests are taken.
type Window = Arc<Mutex<(Duration, u32)>>;

/// The requests of each key.
pub(super) struct Requests {
    per_minute: u32,
    keys: Cache<KeyId, Window>,
}

impl Requests {
    /// 0 for no limit.
    pub(super) fn new(per_minute: u32) -> Self {
        let keys = Cache::builder().max_capacity(KEYS).eviction_policy(EvictionPolicy::lru());
        Self { per_minute, keys: keys.time_to_idle(MINUTE).build() }
    }

    pub(super) const fn are_counted(&self) -> bool {
        self.per_minute > 0
    }

    /// Takes one, or says how long until the next minute begins.
    pub(super) fn take(&self, key: KeyId, now: Duration) -> Result<(), Duration> {
        if !self.are_counted() {
            return Ok(());
        }
        let window = self.keys.get_with(key, || Arc::new(Mutex::new((now, 0))));
        let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
        let end = window.0.saturating_add(MINUTE);
        if now >= end {
            *window = (now, 0);
        } else if window.1 >= self.per_minute {
            return Err(end.saturating_sub(now));
        }
        window.1 += 1;
        Ok(())
    }
}
