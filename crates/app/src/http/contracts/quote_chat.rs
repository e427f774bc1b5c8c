//! Quote Generator V2 (contract §5): a conversation of four steps that ends with a quote.

mod chats;
mod fields;
mod refusal;
mod shapes;
mod stream;

pub use chats::{__path_delete, __path_health, __path_send, __path_status, delete, health, send, status};
pub use refusal::Refusal;
pub use stream::{__path_stream, stream};
