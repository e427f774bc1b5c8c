//! The AI SDK's chat (contract §6.2): what `useChat` and its default transport speak. The server keeps
//! the conversation; of what a client sends, only the newest message of the person counts.

mod chat;
mod fields;
mod parts;
mod refusal;
mod running;

pub use chat::{__path_chat, chat};
pub use refusal::Refusal;
pub use running::{__path_resume, __path_stop, resume, stop};
