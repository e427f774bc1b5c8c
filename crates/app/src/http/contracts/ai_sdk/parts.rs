//! A reply as a stream of the AI SDK's parts (contract §6.2). From the beginning they are the same for
//! every reader.

use actix_sse::Data;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use maru_domain::turns::ports::Finish;
use maru_domain::turns::{Turn, TurnEvent, TurnStatus, TurnView};
use serde_json::{Value, json};
use std::collections::VecDeque;

/// The one text of a reply.
const TEXT: &str = "text-1";

/// What one reader of a reply has been told.
struct Parts {
    told: String,
    waiting: VecDeque<String>,
    over: bool,
}

impl Parts {
    fn new(turn: &Turn) -> Self {
        let mut parts = Self { told: String::new(), waiting: VecDeque::new(), over: false };
        parts.say(&json!({ "type": "start", "messageId": turn.reply_id }));
        parts.say(&json!({ "type": "start-step" }));
        parts
    }

    fn say(&mut self, part: &Value) {
        self.waiting.push_back(part.to_string());
    }

    fn take(&mut self, event: TurnEvent) {
        match event {
            TurnEvent::Delta { text, .. } => self.more(&text),
            TurnEvent::Reset { text, .. } => self.catch_up(&text),
            TurnEvent::Done(view) => self.end(&view),
            TurnEvent::Gone => self.fail("the chat or its message was deleted"),
        }
    }

    fn more(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        // The client knows no delta of a text that has not begun.
        if self.told.is_empty() {
            self.say(&json!({ "type": "text-start", "id": TEXT }));
        }
        self.told.push_str(text);
        self.say(&json!({ "type": "text-delta", "id": TEXT, "delta": text }));
    }

    /// The whole text so far, of which the reader has the beginning.
    fn catch_up(&mut self, text: &str) {
        if let Some(rest) = text.strip_prefix(self.told.as_str()) {
            let rest = rest.to_owned();
            self.more(&rest);
        }
    }

    fn end(&mut self, view: &TurnView) {
        self.catch_up(&view.reply);
        if !self.told.is_empty() {
            self.say(&json!({ "type": "text-end", "id": TEXT }));
        }
        match view.turn.status {
            TurnStatus::Completed => {
                let reason = match view.turn.finish {
                    Some(Finish::Length) => "length",
                    Some(Finish::ContentFilter) => "content-filter",
                    Some(Finish::Stop) | None => "stop",
                };
                self.say(&json!({ "type": "finish-step" }));
                self.say(&json!({ "type": "finish", "finishReason": reason }));
            }
            TurnStatus::Cancelled => self.say(&json!({ "type": "abort" })),
            _ => {
                let detail =
                    view.turn.error.as_ref().map_or("the model failed", |error| error.detail.as_str());
                return self.fail(detail);
            }
        }
        self.close();
    }

    fn fail(&mut self, words: &str) {
        self.say(&json!({ "type": "error", "errorText": words }));
        self.close();
    }

    fn close(&mut self) {
        self.waiting.push_back("[DONE]".to_owned());
        self.over = true;
    }
}

/// The parts of a turn's reply, from the beginning to the end.
pub fn parts(turn: &Turn, followed: BoxStream<'static, TurnEvent>) -> BoxStream<'static, Data> {
    stream::unfold((Parts::new(turn), followed), |(mut parts, mut followed)| async move {
        loop {
            if let Some(part) = parts.waiting.pop_front() {
                return Some((Data::new(part), (parts, followed)));
            }
            if parts.over {
                return None;
            }
            parts.take(followed.next().await?);
        }
    })
    .boxed()
}
