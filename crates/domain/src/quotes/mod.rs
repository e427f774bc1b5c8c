//! Quotes: a catalogue, and a conversation of four steps that ends with one of them (contract §5).

mod choice;
mod flow;
mod model;
pub mod ports;
mod reply;
mod service;

pub use choice::{category_of, choose};
pub use flow::QuoteFlow;
pub use model::*;
pub(crate) use reply::{Guided, guide, whole};
pub use service::{Quotes, Replied};
