//! State that may be lost: caches, hints, counters and the streams of running turns.
//!
//! Each file of [`memory`] is one port for one process; the same file of [`redis`] is that port for several.

pub mod memory;
pub mod redis;
