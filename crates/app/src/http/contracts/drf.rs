//! How Django REST Framework reads bodies and refuses them: what clients of the systems that were
//! built on it rely on (contract §0.7).

mod fields;
mod refusal;

pub use fields::{Fields, TextRule};
pub use refusal::Refusal;
