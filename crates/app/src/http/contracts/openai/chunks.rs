//! A chat completion as it is told: whole, or in chunks (contract §6.1).

use super::Refusal;
use actix_sse::Data;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use maru_domain::clock::Timestamp;
use maru_domain::error::{Fault, codes};
use maru_domain::turns::ports::Finish;
use maru_domain::turns::{TurnEvent, TurnStatus, TurnView, Usage};
use serde_json::{Value, json};
use std::collections::VecDeque;

/// What every piece of a completion says of it.
#[derive(Clone)]
pub struct Completion {
    pub id: String,
    pub created_at: Timestamp,
    pub model: String,
}

/// Why the reply ended; `null` while it has not.
fn finish_reason(view: &TurnView) -> Value {
    if !view.turn.status.is_terminal() {
        return Value::Null;
    }
    match view.turn.finish {
        Some(Finish::Length) => "length".into(),
        Some(Finish::ContentFilter) => "content_filter".into(),
        Some(Finish::Stop) | None => "stop".into(),
    }
}

fn usage(usage: Option<Usage>) -> Value {
    usage.map_or(Value::Null, |usage| {
        json!({
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.input_tokens + usage.output_tokens,
        })
    })
}

/// Refuses a reply that the model failed to give, and one that was cut off.
pub fn check(view: &TurnView) -> Result<(), Refusal> {
    match view.turn.status {
        TurnStatus::Failed | TurnStatus::Interrupted => Err(Refusal::of_model(view.turn.error.as_ref())),
        _ => Ok(()),
    }
}

impl Completion {
    /// The whole completion.
    pub fn whole(&self, view: &TurnView) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.created_at.as_second(),
            "model": self.model,
            "choices": [{
                "index": 0,
                "message": { "role": "assistant", "content": view.reply, "refusal": null, "annotations": [] },
                "logprobs": null,
                "finish_reason": finish_reason(view),
            }],
            "usage": usage(view.turn.usage),
            "service_tier": "default",
            "system_fingerprint": null,
        })
    }

    fn chunk(&self, choices: &Value) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created_at.as_second(),
            "model": self.model,
            "choices": choices,
        })
    }
}

/// What one reader of a completion has been told.
struct Chunks {
    completion: Completion,
    include_usage: bool,
    told: String,
    waiting: VecDeque<String>,
    over: bool,
}

impl Chunks {
    fn say(&mut self, delta: &Value, finish: &Value) {
        let choice = json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }]);
        let mut chunk = self.completion.chunk(&choice);
        if self.include_usage {
            chunk["usage"] = Value::Null;
        }
        self.waiting.push_back(chunk.to_string());
    }

    fn take(&mut self, event: TurnEvent) {
        match event {
            TurnEvent::Delta { text, .. } => self.more(&text),
            TurnEvent::Reset { text, .. } => self.catch_up(&text),
            TurnEvent::Done(view) => self.end(&view),
            TurnEvent::Gone => {
                self.fail(
                    &Fault::new(&codes::TURN_NOT_FOUND)
                        .detail("the model failed, or the completion was deleted")
                        .into(),
                );
            }
        }
    }

    fn more(&mut self, text: &str) {
        if !text.is_empty() {
            self.told.push_str(text);
            self.say(&json!({ "content": text }), &Value::Null);
        }
    }

    /// The whole text so far, of which the reader has the beginning.
    fn catch_up(&mut self, text: &str) {
        if let Some(rest) = text.strip_prefix(self.told.as_str()) {
            let rest = rest.to_owned();
            self.more(&rest);
        }
    }

    fn end(&mut self, view: &TurnView) {
        if let Err(refusal) = check(view) {
            return self.fail(&refusal);
        }
        self.catch_up(&view.reply);
        self.say(&json!({}), &finish_reason(view));
        if self.include_usage {
            let mut last = self.completion.chunk(&json!([]));
            last["usage"] = usage(view.turn.usage);
            self.waiting.push_back(last.to_string());
        }
        self.waiting.push_back("[DONE]".to_owned());
        self.over = true;
    }

    fn fail(&mut self, refusal: &Refusal) {
        self.waiting.push_back(json!({ "error": refusal.shape() }).to_string());
        self.over = true;
    }
}

/// A completion in chunks, to its end.
pub fn chunks(
    completion: Completion,
    include_usage: bool,
    turn: BoxStream<'static, TurnEvent>,
) -> BoxStream<'static, Data> {
    let mut chunks =
        Chunks { completion, include_usage, told: String::new(), waiting: VecDeque::new(), over: false };
    chunks.say(&json!({ "role": "assistant", "content": "" }), &Value::Null);
    stream::unfold((chunks, turn), |(mut chunks, mut turn)| async move {
        loop {
            if let Some(chunk) = chunks.waiting.pop_front() {
                return Some((Data::new(chunk), (chunks, turn)));
            }
            if chunks.over {
                return None;
            }
            chunks.take(turn.next().await?);
        }
    })
    .boxed()
}
