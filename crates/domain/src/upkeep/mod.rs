//! Upkeep: what only the person who runs the server does. Accounts that go with everything that is
//! theirs, rooms that nobody uses any more, conversations that come from elsewhere, and whether the store
//! keeps its own rules.

mod model;
pub mod ports;
mod service;

pub use model::*;
pub use service::Upkeep;
