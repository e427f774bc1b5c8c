//! Messages: what was said, by whom, in which order.

mod model;
mod past;
pub mod ports;
mod service;

pub use model::*;
pub use past::Saying;
pub use service::{Messages, SendRequest, Sending};
