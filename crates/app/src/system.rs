//! The real clock and the real ids: the only places that ask the machine for either.

use async_trait::async_trait;
use maru_domain::clock::{Clock, Timestamp, to_micros};
use maru_domain::ids::Ids;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The machine's clock.
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock that begins to measure now.
    #[must_use]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that the ban points to")]
    fn now(&self) -> Timestamp {
        to_micros(Timestamp::now())
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    async fn sleep(&self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }
}

/// Ids of the present time with randomness from the system.
pub struct SystemIds;

impl Ids for SystemIds {
    #[expect(clippy::disallowed_methods, reason = "this is the source that the ban points to")]
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}
