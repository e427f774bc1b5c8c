//! Counted attempts.

mod logins;
mod registrations;
mod requests;

use async_trait::async_trait;
use logins::Logins;
use maru_domain::accounts::ports::Limiter;
use maru_domain::clock::Clock;
use maru_domain::ids::KeyId;
use registrations::Registrations;
pub(crate) use registrations::network;
use requests::Requests;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

/// How much is allowed (contract §0.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimiterSettings {
    /// Registrations an hour and address.
    pub registrations_per_hour: usize,
    /// Failed logins in a row of one name before the waits begin.
    pub free_logins: u32,
    /// The first wait; each further failure doubles it …
    pub first_wait: Duration,
    /// … up to this.
    pub longest_wait: Duration,
    /// Requests a minute and API key; 0 for no limit.
    pub requests_per_key: u32,
}

impl Default for LimiterSettings {
    fn default() -> Self {
        Self {
            registrations_per_hour: 100,
            free_logins: 10,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_mins(15),
            requests_per_key: 0,
        }
    }
}

/// Counts the attempts that reach this process.
pub struct MemoryLimiter {
    clock: Arc<dyn Clock>,
    registrations: Registrations,
    logins: Logins,
    requests: Requests,
    names: Names,
}

impl MemoryLimiter {
    /// A limiter that has counted nothing yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, settings: LimiterSettings) -> Self {
        Self {
            clock,
            registrations: Registrations::new(settings.registrations_per_hour),
            logins: Logins::new(settings),
            requests: Requests::new(settings.requests_per_key),
            names: Names::default(),
        }
    }
}

impl fmt::Debug for MemoryLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLimiter").finish_non_exhaustive()
    }
}

#[async_trait]
impl Limiter for MemoryLimiter {
    async fn registration(&self, address: String) -> Result<(), Duration> {
        self.registrations.take(self.names.key(network(&address).as_bytes()), self.clock.elapsed())
    }

    async fn login(&self, username: String) -> Result<(), Duration> {
        self.logins.ask(self.names.key(username.as_bytes()), self.clock.elapsed())
    }

    async fn login_failed(&self, username: String) {
        self.logins.failed(self.names.key(username.as_bytes()), self.clock.elapsed());
    }

    async fn login_succeeded(&self, username: String) {
        self.logins.succeeded(self.names.key(username.as_bytes()));
    }

    fn counts_requests(&self) -> bool {
        self.requests.are_counted()
    }

    async fn request(&self, key: KeyId) -> Result<(), Duration> {
        self.requests.take(key, self.clock.elapsed())
    }
}

/// What stands for a name in memory: as long for every name, and of no use to who reads it.
type Key = u128;

/// Two keyed hashes side by side. The keys are random at each start, so nobody can look for two
/// names that share a count.
#[derive(Default)]
struct Names {
    high: RandomState,
    low: RandomState,
}

impl Names {
    fn key(&self, name: &[u8]) -> Key {
        (u128::from(self.high.hash_one(name)) << 64) | u128::from(self.low.hash_one(name))
    }
}
