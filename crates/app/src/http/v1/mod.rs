//! The native API (contract §8): accounts, rooms, messages and turns, as JSON and as streams.

pub mod accounts;
mod answers;
pub mod bodies;
mod body;
pub mod caller;
mod etag;
pub mod events;
pub mod messages;
mod problem;
pub mod query;
pub mod quotes;
mod refusals;
pub mod rooms;
pub mod send;
mod shapes;
pub mod stream;
pub mod turns;

pub use problem::{Problem, words as rule_words};
pub use refusals::Refusals;
