//! State that may be lost: caches, hints, counters and the streams of running turns.
//!
//! Each file of [`memory`] is one port for one process. With several instances the same ports are
//! filled from Redis.

pub mod memory;
