//! A response as a stream (contract §6.1). Every event has a number, from 0: the four that come before
//! any text, one for each delta, and those of the end. Deltas are the same for every reader, so the
//! numbers are, too, and a reader that names the last one it has gets the rest.

use super::refusal::Refusal;
use super::response::{About, item, status};
use super::{ids, items};
use actix_sse::Data;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use maru_domain::turns::{Turn, TurnEvent, TurnStatus, TurnView};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::VecDeque;

/// What one reader of a response has been told.
struct Events {
    about: About,
    turn: Turn,
    /// The number of the next event.
    next: u64,
    /// The number of the last event that the reader has.
    has: Option<u64>,
    /// The text of the deltas so far.
    told: String,
    /// The deltas are not those of the stream that the reader has begun to read: they are no longer
    /// held. Then the end alone puts things right; it has the whole text.
    lost: bool,
    waiting: VecDeque<(&'static str, Value)>,
    over: bool,
}

impl Events {
    fn new(about: About, turn: Turn, has: Option<u64>) -> Self {
        let (told, waiting) = (String::new(), VecDeque::new());
        let mut events = Self { about, turn, next: 0, has, told, lost: false, waiting, over: false };
        events.begin();
        events
    }

    fn say(&mut self, kind: &'static str, mut event: Value) {
        let number = self.next;
        self.next += 1;
        if self.has.is_some_and(|has| number <= has) {
            return;
        }
        event["type"] = kind.into();
        event["sequence_number"] = number.into();
        self.waiting.push_back((kind, event));
    }

    /// A response before its first word.
    fn begin(&mut self) {
        let mut turn = self.turn.clone();
        (turn.status, turn.finish, turn.error, turn.usage) = (TurnStatus::Streaming, None, None, None);
        turn.finished_at = None;
        let view = TurnView { turn, reply: String::new(), quote: None };
        let response = self.about.response(&view);
        self.say("response.created", json!({ "response": response }));
        self.say("response.in_progress", json!({ "response": response }));
        self.say("response.output_item.added", json!({ "output_index": 0, "item": item(&view) }));
        self.of_part("response.content_part.added", json!({ "part": items::output_text("") }));
    }

    fn of_part(&mut self, kind: &'static str, mut event: Value) {
        event["item_id"] = ids::message(self.turn.reply_id).into();
        event["output_index"] = 0.into();
        event["content_index"] = 0.into();
        self.say(kind, event);
    }

    fn take(&mut self, event: TurnEvent) {
        match event {
            TurnEvent::Delta { text, .. } => self.delta(&text),
            TurnEvent::Reset { text, .. } => self.catch_up(&text),
            TurnEvent::Done(view) => self.end(&view),
            TurnEvent::Gone => {
                self.fail(
                    &json!({ "code": "not_found", "message": "The response was deleted.", "param": null }),
                );
            }
        }
    }

    fn delta(&mut self, text: &str) {
        if self.lost || text.is_empty() {
            return;
        }
        self.told.push_str(text);
        self.of_part("response.output_text.delta", json!({ "delta": text, "logprobs": [] }));
    }

    /// The whole text so far. One who has read from the beginning here has the beginning of it; one who
    /// comes back may have any part of it.
    fn catch_up(&mut self, text: &str) {
        let begun_elsewhere = self.has.is_some_and(|has| has >= 4);
        match text.strip_prefix(self.told.as_str()) {
            Some(rest) if !begun_elsewhere => {
                let rest = rest.to_owned();
                self.delta(&rest);
            }
            _ => self.lost = true,
        }
        if let (true, Some(has)) = (self.lost, self.has) {
            self.next = self.next.max(has + 1);
        }
    }

    fn end(&mut self, view: &TurnView) {
        if view.reply != self.told {
            self.catch_up(&view.reply);
        }
        let text = view.reply.as_str();
        self.of_part("response.output_text.done", json!({ "text": text, "logprobs": [] }));
        self.of_part("response.content_part.done", json!({ "part": items::output_text(text) }));
        self.say("response.output_item.done", json!({ "output_index": 0, "item": item(view) }));
        let kind = match status(view) {
            "completed" => "response.completed",
            "failed" => "response.failed",
            _ => "response.incomplete",
        };
        let response = self.about.response(view);
        self.say(kind, json!({ "response": response }));
        self.over = true;
        if let Some(last) = self.last().filter(|last| Some(*last) < self.has) {
            self.fail(Refusal::no_event(last).shape());
        }
    }

    /// The number of the event that was told last.
    fn last(&self) -> Option<u64> {
        self.next.checked_sub(1)
    }

    /// Tells the reader, however far it says to be, why there is no end for it.
    fn fail(&mut self, why: &impl Serialize) {
        self.next = self.next.max(self.has.map_or(0, |has| has + 1));
        self.say("error", json!(why));
        self.over = true;
    }
}

/// The number of the last event of a response that has ended; none where its deltas are no longer held, which
/// nobody can count then.
pub async fn last_number(
    about: About,
    turn: Turn,
    mut followed: BoxStream<'static, TurnEvent>,
) -> Option<u64> {
    let mut events = Events::new(about, turn, None);
    while let Some(event) = followed.next().await {
        match event {
            TurnEvent::Reset { .. } | TurnEvent::Gone => return None,
            event => events.take(event),
        }
        events.waiting.clear();
        if events.over {
            return events.last();
        }
    }
    None
}

/// The events of a response after number `has`, to its end.
pub fn events(
    about: About,
    turn: Turn,
    has: Option<u64>,
    followed: BoxStream<'static, TurnEvent>,
) -> BoxStream<'static, Data> {
    stream::unfold((Events::new(about, turn, has), followed), |(mut events, mut followed)| async move {
        loop {
            if let Some((kind, event)) = events.waiting.pop_front() {
                return Some((Data::new(event.to_string()).event(kind), (events, followed)));
            }
            if events.over {
                return None;
            }
            events.take(followed.next().await?);
        }
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use maru_domain::clock::Timestamp;
    use maru_domain::ids::{MessageId, RoomId, TurnId};
    use maru_domain::turns::{TurnEventId, TurnOptions};
    use uuid::Uuid;

    fn turn(status: TurnStatus) -> Turn {
        let id = Uuid::from_u128(7);
        Turn {
            id: TurnId(id),
            room_id: RoomId(id),
            status,
            message_id: MessageId(id),
            reply_id: MessageId(id),
            position: 1,
            model: None,
            usage: None,
            error: None,
            finish: None,
            attempt: 1,
            fence: 1,
            cancel_requested: false,
            withdraw_on_failure: false,
            options: TurnOptions::default(),
            created_at: Timestamp::UNIX_EPOCH,
            finished_at: None,
        }
    }

    fn id(n: u64) -> TurnEventId {
        TurnEventId { turn: TurnId(Uuid::from_u128(7)), fence: 1, n }
    }

    fn delta(n: u64, text: &str) -> TurnEvent {
        TurnEvent::Delta { id: id(n), text: text.into() }
    }

    fn done(status: TurnStatus, text: &str) -> TurnEvent {
        TurnEvent::Done(Box::new(TurnView { turn: turn(status), reply: text.into(), quote: None }))
    }

    /// The events after `has`, as kind and number, and what the deltas say.
    fn told(has: Option<u64>, followed: Vec<TurnEvent>) -> (Vec<(&'static str, u64)>, String) {
        let about = About { model: "demo".into(), stored: true };
        let mut events = Events::new(about, turn(TurnStatus::Streaming), has);
        followed.into_iter().for_each(|event| events.take(event));
        let text = events.waiting.iter().filter_map(|(_, event)| event["delta"].as_str()).collect();
        let number = |event: &Value| event["sequence_number"].as_u64().unwrap_or(u64::MAX);
        (events.waiting.iter().map(|(kind, event)| (*kind, number(event))).collect(), text)
    }

    const END: [&str; 4] = [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ];

    fn whole() -> Vec<TurnEvent> {
        vec![delta(1, "a"), delta(2, "b"), done(TurnStatus::Completed, "ab")]
    }

    #[test]
    fn every_event_has_a_number() {
        let (kinds, text) = told(None, whole());
        assert_eq!(text, "ab");
        assert!(kinds.iter().map(|(_, number)| *number).eq(0..10), "{kinds:?}");
        assert_eq!(kinds[0].0, "response.created");
        assert_eq!(kinds[4], ("response.output_text.delta", 4));
        assert!(kinds[6..].iter().map(|(kind, _)| *kind).eq(END), "{kinds:?}");
    }

    #[test]
    fn whoever_comes_back_gets_the_rest() {
        let (all, _) = told(None, whole());
        for has in 0..10 {
            let (rest, text) = told(Some(has), whole());
            assert_eq!(rest, all[usize::try_from(has).unwrap() + 1..], "after {has}");
            assert_eq!(
                text,
                ["ab", "ab", "ab", "ab", "b", "", "", "", "", ""][usize::try_from(has).unwrap()]
            );
        }
    }

    /// The stream is no longer held: all that is known is the whole text.
    #[test]
    fn where_the_place_is_lost_the_end_tells_all() {
        let late =
            || vec![TurnEvent::Reset { id: id(0), text: "ab".into() }, done(TurnStatus::Completed, "ab")];
        let (kinds, text) = told(None, late());
        assert_eq!((kinds.len(), text.as_str()), (9, "ab"), "a reader from the beginning has all of it");
        let (kinds, text) = told(Some(50), late());
        assert_eq!(text, "", "nothing is told twice");
        assert!(kinds.iter().map(|(kind, _)| *kind).eq(END), "{kinds:?}");
        assert!(kinds.iter().map(|(_, number)| *number).eq(51..55), "{kinds:?}");
    }

    #[test]
    fn a_cancelled_response_is_incomplete() {
        let (kinds, text) = told(None, vec![delta(1, "a"), done(TurnStatus::Cancelled, "a")]);
        assert_eq!((kinds.last().unwrap().0, text.as_str()), ("response.incomplete", "a"));
        let (kinds, _) = told(None, vec![done(TurnStatus::Failed, "")]);
        assert_eq!(kinds.last().unwrap().0, "response.failed");
        let (kinds, _) = told(None, vec![TurnEvent::Gone]);
        assert_eq!(kinds.last(), Some(&("error", 4)));
    }
}
