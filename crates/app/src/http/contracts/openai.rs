//! OpenAI's API (contract §6.1): responses, conversations, chat completions and models, for its SDKs.
//! A conversation is a room, a response is a turn, an item is a message.

mod chunks;
mod completions;
mod conversations;
mod fields;
mod ids;
mod items;
mod lists;
mod models;
mod refusal;
mod response;
mod response_events;
mod responses;
mod sampling;
mod stored;

pub use completions::{__path_complete, complete};
pub use conversations::{
    __path_add_items, __path_change, __path_conversation, __path_delete, __path_delete_item, __path_items,
    __path_one_item, __path_open, add_items, change, conversation, delete, delete_item, items, one_item,
    open,
};
pub use models::{__path_models, __path_one_model, models, one_model};
pub use refusal::Refusal;
pub use responses::{
    __path_cancel_response, __path_delete_response, __path_input_items, __path_respond_to, __path_response,
    cancel_response, delete_response, input_items, respond_to, response,
};
pub use stored::{
    __path_change_completion, __path_completion, __path_completion_messages, __path_completions,
    __path_delete_completion, change_completion, completion, completion_messages, completions,
    delete_completion,
};
