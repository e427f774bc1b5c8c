//! The adapters of one process against the contracts of their ports.

mod streams;

use maru_domain::clock::Clock;
use maru_ephemeral::memory::{
    LimiterSettings, MemoryBus, MemoryIdentities, MemoryLimiter, MemoryPages, MemoryStreams, StreamLimits,
};
use maru_testkit::contracts::hand_clock::HandClock;
use std::sync::Arc;

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
