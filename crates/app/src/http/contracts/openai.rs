//! OpenAI's API (contract §6.1): responses, conversations, chat completions and models, for its SDKs.
//! A conversation is a room, a response is a turn, an item is a message.

mod chunks;
mod completions;
mod conversations;
mod fields;
mod ids;
mod items;
mod known;
mod lists;
mod models;
mod refusal;
mod response;
mod response_events;
mod responses;
mod sampling;
mod stored;
mod stored_responses;

pub use completions::{__path_complete, complete};
pub use conversations::{
    __path_add_items, __path_change, __path_conversation, __path_delete, __path_delete_item, __path_items,
    __path_one_item, __path_open, add_items, change, conversation, delete, delete_item, items, one_item,
    open,
};
pub use models::{__path_models, __path_one_model, models, one_model};
pub use refusal::Refusal;
pub use responses::{__path_respond_to, respond_to};
pub use stored::{
    __path_change_completion, __path_completion, __path_completion_messages, __path_completions,
    __path_delete_completion, change_completion, completion, completion_messages, completions,
    delete_completion,
};
pub use stored_responses::{
    __path_cancel_response, __path_delete_response, __path_input_items, __path_response, cancel_response,
    delete_response, input_items, response,
};

/// What stands at an address of OpenAI's that is not served.
pub const NOT_DONE: &str = "there is nothing at this address: maru does not do this part of OpenAI's API; \
    it has /v1/responses, /v1/conversations, /v1/chat/completions and /v1/models";

/// What is served, and then the rest that the SDKs know: they are told in their own shape that it is not.
const OURS: [&str; 4] = ["chat/completions", "conversations", "models", "responses"];
const NOT_OURS: [&str; 28] = [
    "agents",
    "assistants",
    "audio",
    "batches",
    "chatkit",
    "completions",
    "containers",
    "content_provenance_checks",
    "decisions",
    "embeddings",
    "evals",
    "files",
    "fine_tuning",
    "images",
    "live",
    "moderations",
    "organization",
    "projects",
    "realtime",
    "safety",
    "skills",
    "threads",
    "uploads",
    "vaults",
    "vector_stores",
    "videos",
    "webhook_endpoints",
    "webhook_event_types",
];

/// Whether a path is OpenAI's.
#[must_use]
pub fn has(path: &str) -> bool {
    let Some(path) = path.strip_prefix("/v1/") else { return false };
    OURS.iter()
        .chain(&NOT_OURS)
        .any(|prefix| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}
