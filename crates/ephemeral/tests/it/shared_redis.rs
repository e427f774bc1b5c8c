//! The Redis that all tests share.

use maru_ephemeral::redis::{Redis, RedisSettings};
use maru_testkit::fakes::TaskSpawner;
use maru_testkit::throwaway;
use std::sync::Arc;
use std::time::Duration;

/// Of nobody else.
pub fn prefix() -> String {
    format!("test-{:032x}", fastrand::u128(..))
}

pub fn redis_of(prefix: &str) -> Arc<Redis> {
    // The machine may be busy, and a test of what is told is none of how soon.
    let settings = RedisSettings { patience: Duration::from_secs(10), ..RedisSettings::new(prefix) };
    Redis::open(&throwaway::redis_url(), settings, Arc::new(TaskSpawner::new())).expect("an address")
}

pub fn redis() -> Arc<Redis> {
    redis_of(&prefix())
}
