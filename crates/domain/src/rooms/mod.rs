//! Rooms: conversations, their settings and whose they are.

mod memory;
mod model;
pub mod ports;
mod service;

pub use memory::{Memory, MemoryKeeping};
pub use model::*;
pub use service::{OpenRoom, Rooms};
