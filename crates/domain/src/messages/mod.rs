//! Messages: what was said, by whom, in which order.

mod model;
pub mod ports;
mod service;

pub use model::*;
pub use service::{Messages, SendRequest, Sending};
