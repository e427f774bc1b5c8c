//! A response: a turn, as this contract shows it (contract §6.1).

use super::{ids, items};
use maru_domain::messages::Role;
use maru_domain::turns::ports::Finish;
use maru_domain::turns::{TurnError, TurnStatus, TurnView};
use serde_json::{Value, json};

/// What a turn does not say of its response.
#[derive(Clone)]
pub struct About {
    /// The model that answers.
    pub model: String,
    /// It can be asked for again, and stands in a conversation.
    pub stored: bool,
}

impl About {
    /// The response as it is now.
    pub fn response(&self, view: &TurnView) -> Value {
        let (turn, options) = (&view.turn, &view.turn.options);
        let sampling = &options.sampling;
        json!({
            "id": ids::response(turn.id),
            "object": "response",
            "created_at": turn.created_at.as_second(),
            "status": status(view),
            "background": options.background,
            "completed_at": turn.finished_at.filter(|_| turn.status == TurnStatus::Completed).map(|at| at.as_second()),
            "error": turn.error.as_ref().filter(|_| status(view) == "failed").map(error),
            "incomplete_details": incomplete(view),
            "instructions": options.instructions,
            "max_output_tokens": sampling.max_completion_tokens,
            "model": self.model,
            "output": output(view),
            "parallel_tool_calls": true,
            "previous_response_id": options.previous.map(ids::response),
            "conversation": self.stored.then(|| json!({ "id": ids::conversation(turn.room_id) })),
            "reasoning": { "effort": sampling.reasoning_effort, "summary": null },
            "store": self.stored,
            "temperature": sampling.temperature.unwrap_or(1.0),
            "service_tier": "default",
            "text": { "format": { "type": "text" }, "verbosity": sampling.verbosity },
            "tool_choice": "auto",
            "tools": [],
            "top_p": sampling.top_p.unwrap_or(1.0),
            "truncation": "disabled",
            "usage": turn.usage.map(|usage| json!({
                "input_tokens": usage.input_tokens,
                "input_tokens_details": { "cached_tokens": 0 },
                "output_tokens": usage.output_tokens,
                "output_tokens_details": { "reasoning_tokens": 0 },
                "total_tokens": usage.input_tokens + usage.output_tokens,
            })),
            "user": null,
            "metadata": options.metadata,
        })
    }
}

/// The states of a response. A model that was not allowed to say more leaves it incomplete.
pub fn status(view: &TurnView) -> &'static str {
    match view.turn.status {
        TurnStatus::Pending => "queued",
        TurnStatus::Streaming => "in_progress",
        TurnStatus::Completed if incomplete(view).is_some() => "incomplete",
        TurnStatus::Completed => "completed",
        TurnStatus::Failed | TurnStatus::Interrupted => "failed",
        TurnStatus::Cancelled => "cancelled",
    }
}

fn incomplete(view: &TurnView) -> Option<Value> {
    let reason = match view.turn.finish? {
        Finish::Stop => return None,
        Finish::Length => "max_output_tokens",
        Finish::ContentFilter => "content_filter",
    };
    Some(json!({ "reason": reason }))
}

/// Why a response failed, by the codes that SDKs know; ours is in the text.
fn error(error: &TurnError) -> Value {
    let code = if error.code == "model_rate_limited" { "rate_limit_exceeded" } else { "server_error" };
    json!({ "code": code, "message": format!("{} ({})", error.detail, error.code) })
}

/// The reply as an item; nothing before its first word.
fn output(view: &TurnView) -> Value {
    if view.reply.is_empty() { json!([]) } else { json!([item(view)]) }
}

/// The reply as an item, however far it has come.
pub fn item(view: &TurnView) -> Value {
    let status = match status(view) {
        "queued" | "in_progress" => "in_progress",
        "completed" => "completed",
        _ => "incomplete",
    };
    json!({
        "id": ids::message(view.turn.reply_id),
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": items::content(Role::Assistant, &view.reply),
    })
}
