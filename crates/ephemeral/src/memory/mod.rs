//! The ports of one process, in its own memory.

mod bus;
mod cache;
mod identities;
mod limiter;
mod stream_buffer;

pub use bus::MemoryBus;
pub use cache::MemoryPages;
pub use identities::MemoryIdentities;
pub(crate) use limiter::network;
pub use limiter::{LimiterSettings, MemoryLimiter};
pub(crate) use stream_buffer::stream;
pub use stream_buffer::{MemoryStreams, StreamLimits};
