//! Time as a port, so that tests decide what time it is and when a wait is over.

use async_trait::async_trait;
pub use jiff::Timestamp;
use std::time::Duration;

/// The time and the passing of time.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now, in UTC, truncated to microseconds: what is stored must equal what was meant.
    fn now(&self) -> Timestamp;

    /// A reading that never goes back, for measuring how long something took.
    fn elapsed(&self) -> Duration;

    /// Returns after `wait`.
    async fn sleep(&self, wait: Duration);
}

/// Cuts a time to whole microseconds, the resolution of both databases.
#[must_use]
pub fn to_micros(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}
