//! PLCs: the machines that messages are about, where they stand, and what a message keeps of one.

mod model;
pub mod ports;
mod service;

pub use model::*;
pub use service::Plcs;
