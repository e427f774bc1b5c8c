//! The adapters against the contracts of their ports: those of one process, those of Redis as one process has them,
//! and those of Redis with two processes in it.

#[cfg(test)]
mod pairs;
#[cfg(test)]
mod redis_away;
#[cfg(test)]
mod shared_redis;
#[cfg(test)]
mod streams;

use maru_domain::clock::Clock;
use maru_ephemeral::memory::{
    LimiterSettings, MemoryBus, MemoryIdentities, MemoryLimiter, MemoryPages, MemoryStreams, StreamLimits,
};
use maru_ephemeral::redis::{RedisBus, RedisLimiter, RedisPages, RedisStreams};
use maru_testkit::contracts::hand_clock::HandClock;
use shared_redis::redis;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The settings of the limiters under test.
#[cfg(test)]
fn limits() -> LimiterSettings {
    LimiterSettings {
        requests_per_key: maru_testkit::contracts::limiter::REQUESTS,
        ..LimiterSettings::default()
    }
}

mod memory_bus {
    use super::*;
    maru_testkit::bus_contract!(async || MemoryBus::new());
}

mod memory_limiter {
    use super::*;
    maru_testkit::limiter_contract!(async |clock: Arc<HandClock>| MemoryLimiter::new(clock, limits()));
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
        limits()
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
