//! The adapters against the contracts of their ports: those of one process, those of Redis as one process has them,
//! and those of Redis with two processes in it.

#[cfg(test)]
mod pairs;
#[cfg(test)]
mod redis_away;
#[cfg(test)]
mod streams;

use maru_domain::clock::Clock;
use maru_ephemeral::memory::{
    LimiterSettings, MemoryBus, MemoryIdentities, MemoryLimiter, MemoryPages, MemoryStreams, StreamLimits,
};
use maru_ephemeral::redis::{Redis, RedisBus, RedisLimiter, RedisPages, RedisSettings, RedisStreams};
use maru_testkit::contracts::hand_clock::HandClock;
use maru_testkit::fakes::TaskSpawner;
use maru_testkit::throwaway;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

mod memory_bus {
    use super::*;
    maru_testkit::bus_contract!(async || MemoryBus::new());
}

mod memory_limiter {
    use super::*;
    maru_testkit::limiter_contract!(async |clock: Arc<HandClock>| MemoryLimiter::new(
        clock,
        LimiterSettings::default()
    ));
}

mod memory_streams {
    use super::*;
    maru_testkit::stream_buffer_contract!(async |clock: Arc<HandClock>| MemoryStreams::new(
        clock,
        StreamLimits::default()
    ));
}

mod memory_identities {
    use super::*;
    maru_testkit::identity_cache_contract!(async |clock: Arc<HandClock>| MemoryIdentities::new(clock));
}

mod memory_pages {
    use super::*;
    maru_testkit::page_cache_contract!(async || MemoryPages::default());
}

/// Of nobody else, in a Redis that many tests share.
fn prefix() -> String {
    format!("test-{:032x}", fastrand::u128(..))
}

fn redis_of(prefix: &str) -> Arc<Redis> {
    // The machine may be busy, and a test of what is told is none of how soon.
    let settings = RedisSettings { patience: Duration::from_secs(10), ..RedisSettings::new(prefix) };
    Redis::open(&throwaway::redis_url(), settings, Arc::new(TaskSpawner::new())).expect("an address")
}

fn redis() -> Arc<Redis> {
    redis_of(&prefix())
}

mod redis_bus {
    use super::*;
    maru_testkit::bus_contract!(async || RedisBus::new(redis(), Uuid::from_u128(1)));
}

mod redis_bus_of_two {
    use super::*;
    maru_testkit::bus_contract!(async || pairs::bus());
}

mod redis_limiter {
    use super::*;
    maru_testkit::limiter_contract!(async |clock: Arc<HandClock>| RedisLimiter::new(
        redis(),
        clock,
        LimiterSettings::default()
    ));
}

mod redis_limiter_of_two {
    use super::*;
    maru_testkit::limiter_contract!(async |clock: Arc<HandClock>| pairs::limiter(&clock));
}

mod redis_streams {
    use super::*;
    maru_testkit::stream_buffer_contract!(async |clock: Arc<HandClock>| RedisStreams::new(
        redis(),
        clock,
        StreamLimits::default(),
        CancellationToken::new()
    ));
}

mod redis_streams_of_two {
    use super::*;
    maru_testkit::stream_buffer_contract!(async |clock: Arc<HandClock>| pairs::streams(&clock));
}

mod redis_pages {
    use super::*;
    maru_testkit::page_cache_contract!(async || RedisPages::new(redis(), 1024 * 1024));
}

mod redis_pages_of_two {
    use super::*;
    maru_testkit::page_cache_contract!(async || pairs::pages());
}
