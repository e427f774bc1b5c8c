//! The frames of a streamed reply (contract §4.3).

use super::Refusal;
use super::send::failed;
use super::shapes::{CANCELLED, stamp};
use actix_sse::Data;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use jiff::tz::TimeZone;
use maru_domain::clock::Timestamp;
use maru_domain::messages::ports::Sent;
use maru_domain::turns::{TurnEvent, TurnStatus, TurnView};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// A frame at least this often.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// What one reader of a reply has been told.
pub struct Frames {
    zone: TimeZone,
    chat_id: String,
    reply_id: String,
    sent_at: Timestamp,
    /// The text so far.
    told: String,
    waiting: VecDeque<Value>,
    over: bool,
}

impl Frames {
    /// With the frames that come before any text.
    pub fn new(zone: TimeZone, chat_id: String, user_id: String, sent: &Sent) -> Self {
        let sent_at = sent.message.created_at;
        let said = json!({
            "type": "user_message",
            "message_id": sent.message.id,
            "content": sent.message.content,
            "user_id": user_id,
            "timestamp": stamp(sent_at, &zone),
        });
        let thinking =
            json!({ "type": "progress", "step": "thinking", "message": "질문을 분석하고 있습니다." });
        Self {
            zone,
            chat_id,
            reply_id: sent.turn.reply_id.to_string(),
            sent_at,
            told: String::new(),
            waiting: VecDeque::from([said, thinking]),
            over: false,
        }
    }

    fn take(&mut self, event: TurnEvent) {
        match event {
            TurnEvent::Delta { text, .. } => self.chunk(&text),
            TurnEvent::Reset { text, .. } => self.catch_up(&text),
            TurnEvent::Done(view) => self.end(&view),
            TurnEvent::Gone => self.error(&Refusal::no_chat(&self.chat_id), ""),
        }
    }

    fn of_reply(&self, kind: &str, content: &str) -> Value {
        json!({
            "type": kind,
            "message_id": self.reply_id,
            "content": content,
            "user_id": "ai",
            "timestamp": stamp(self.sent_at, &self.zone),
        })
    }

    fn chunk(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.told.is_empty() {
            self.waiting.push_back(
                json!({ "type": "progress", "step": "generating", "message": "답변을 생성하고 있습니다." }),
            );
        }
        self.told.push_str(text);
        self.waiting.push_back(self.of_reply("ai_response_chunk", text));
    }

    /// The whole text so far, of which the reader has the beginning. Where it has another one, the
    /// last frame puts it right: that has the whole text.
    fn catch_up(&mut self, text: &str) {
        if let Some(rest) = text.strip_prefix(self.told.as_str()) {
            self.chunk(rest);
        }
    }

    fn end(&mut self, view: &TurnView) {
        match view.turn.status {
            TurnStatus::Cancelled => {
                let frame = json!({ "type": "cancelled", "message_id": self.reply_id, "content": CANCELLED });
                self.waiting.push_back(frame);
            }
            TurnStatus::Completed => self.complete(view),
            _ => return self.error(&failed(view), &view.reply),
        }
        self.over = true;
    }

    fn complete(&mut self, view: &TurnView) {
        self.catch_up(&view.reply);
        self.sent_at = view.turn.finished_at.unwrap_or(self.sent_at);
        self.waiting.push_back(self.of_reply("ai_response_complete", &view.reply));
    }

    fn error(&mut self, refusal: &Refusal, content: &str) {
        let (code, message) = refusal.words();
        self.waiting.push_back(json!({
            "type": "error",
            "code": code,
            "message": message,
            "content": content,
            "timestamp": stamp(self.sent_at, &self.zone),
            "chat_id": self.chat_id,
        }));
        self.over = true;
    }
}

/// The frames of a turn, to its end.
pub fn events(frames: Frames, turn: BoxStream<'static, TurnEvent>) -> BoxStream<'static, Data> {
    let mut beat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    stream::unfold((frames, turn, beat), |(mut frames, mut turn, mut beat)| async move {
        let frame = next(&mut frames, &mut turn, &mut beat).await?;
        Some((Data::new(frame.to_string()), (frames, turn, beat)))
    })
    .boxed()
}

async fn next(
    frames: &mut Frames,
    turn: &mut BoxStream<'static, TurnEvent>,
    beat: &mut Interval,
) -> Option<Value> {
    loop {
        if let Some(frame) = frames.waiting.pop_front() {
            return Some(frame);
        }
        if frames.over {
            return None;
        }
        tokio::select! {
            biased;
            event = turn.next() => frames.take(event?),
            _ = beat.tick() => return Some(json!({ "type": "heartbeat" })),
        }
    }
}
