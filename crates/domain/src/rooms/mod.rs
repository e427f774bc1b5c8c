//! Rooms: conversations, their settings and whose they are.

mod model;
pub mod ports;
mod service;

pub use model::*;
pub use service::{OpenRoom, Rooms};
