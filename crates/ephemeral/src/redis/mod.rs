//! The ports of several instances, in one Redis. Redis makes them fast and is never needed to be right: every error is
//! a miss, and what one process can do for itself it goes on doing.

mod breaker;
mod bus;
mod cache;
mod connections;
mod limiter;
mod room_memory;
mod stream_buffer;

pub use bus::RedisBus;
pub use cache::RedisPages;
pub use connections::{BadUrl, Redis, RedisSettings, shown};
pub use limiter::RedisLimiter;
pub use room_memory::RedisMemory;
pub use stream_buffer::RedisStreams;
