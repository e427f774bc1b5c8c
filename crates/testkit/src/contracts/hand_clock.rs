//! A clock that a test moves by hand.

use async_trait::async_trait;
use maru_domain::clock::{Clock, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Stands still until it is told how far to go; sleepers wake when their time has come.
#[derive(Debug)]
pub struct HandClock {
    start: Timestamp,
    elapsed: watch::Sender<Duration>,
}

impl HandClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn at(start: Timestamp) -> Arc<Self> {
        // Some time since the machine's start, so that nothing mistakes zero for "never".
        Arc::new(Self { start, elapsed: watch::Sender::new(Duration::from_hours(1)) })
    }

    /// A clock that shows some day.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Self::at(Timestamp::from_second(1_790_000_000).unwrap_or_default())
    }

    /// Moves on by `step`.
    pub fn advance(&self, step: Duration) {
        self.elapsed.send_modify(|elapsed| *elapsed += step);
    }
}

#[async_trait]
impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        let since_start = self.elapsed.borrow().saturating_sub(Duration::from_hours(1));
        self.start.checked_add(since_start).unwrap_or(Timestamp::MAX)
    }

    fn elapsed(&self) -> Duration {
        *self.elapsed.borrow()
    }

    async fn sleep(&self, wait: Duration) {
        let mut elapsed = self.elapsed.subscribe();
        let end = elapsed.borrow().saturating_add(wait);
        // The sender lives as long as we do, so this cannot fail.
        let _ = elapsed.wait_for(|elapsed| *elapsed >= end).await;
    }
}
