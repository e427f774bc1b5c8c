//! How Django REST Framework reads bodies, asks who calls and refuses: what clients of the systems
//! that were built on it rely on (contract §0.7).

mod caller;
mod english;
mod fields;
mod korean;
mod language;
mod refusal;

pub use caller::{Asked, Caller};
pub use english::English;
pub use fields::{Fields, TextRule, multipart};
pub use korean::Korean;
pub use language::{Language, Phrase};
pub use refusal::Refusal;
