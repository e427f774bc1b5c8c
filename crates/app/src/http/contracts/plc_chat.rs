//! The PLC chat API (contract §4): chats by an id of the client's, histories that show the PLC each
//! message is about, and the registry of PLCs.

mod chat_id;
mod chats;
mod fields;
mod frames;
mod history;
mod masters;
mod refusal;
mod registry;
mod running;
mod send;
mod shapes;
mod titles;

pub use chats::{
    __path_chat, __path_create, __path_delete, __path_list, __path_rename, chat, create, delete, list, rename,
};
pub use history::{__path_history, history};
pub use masters::{
    __path_dropdown, __path_masters, __path_put_masters, __path_tree, dropdown, masters, put_masters, tree,
};
pub use refusal::Refusal;
pub use registry::{
    __path_activate, __path_change_batch, __path_delete_plcs, __path_plc, __path_plcs, __path_register_batch,
    activate, change_batch, delete_plcs, plc, plcs, register_batch,
};
pub use running::{__path_cancel, __path_clear, cancel, clear};
pub use send::{__path_message, __path_stream, message, stream};
pub use titles::{__path_generate_title, generate_title};
