//! A reply as a stream of events (contract §5.5). The events follow from the stored turn alone, so
//! that every listener gets the same bytes, whenever it comes and wherever it was cut off.

use super::fields::of_query;
use super::refusal::Refusal;
use super::shapes::{FAILED, QuoteShape, ended_at, time};
use crate::http::State;
use crate::http::visitor::Visitor;
use actix_web::http::header::{CACHE_CONTROL, HeaderName};
use actix_web::http::{ConnectionType, Version};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream;
use maru_domain::access::Read;
use maru_domain::clock::Timestamp;
use maru_domain::error::Fault;
use maru_domain::quotes::Standing;
use maru_domain::turns::{Settled, TurnStatus, TurnView};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// A comment this often shows proxies that we live, and us who has left.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Whether a caller's token still works is looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The time between two events of a reply that is being listened to.
const PACE: Duration = Duration::from_millis(100);
/// A reply has no more pieces than this: a long one comes in larger ones.
const PIECES: usize = 100;

/// The latest reply of a thread, piece by piece; waits for it while it is on its way.
#[utoipa::path(get, path = "/api/chat/stream", operation_id = "quote_chat_stream", tag = "quote chat", security((), ("token" = [])), params(
    ("userId" = String, Query, description = "The client's id of the person."),
    ("threadNum" = String, Query, description = "The client's id of the thread."),
    ("Last-Event-ID" = Option<String>, Header, description = "Only what follows this event of the latest reply."),
), responses(
    (status = 200, description = "`content`, `quote` and `complete` events.", content_type = "text/event-stream"),
    (status = 204, description = "The listener has all of the latest reply."),
    (status = 400, description = "A parameter is missing or empty."),
    (status = 401, description = "Anonymous callers are not let in, or the token does not work."),
    (status = 404, description = "There is no such thread."),
))]
pub async fn stream(
    request: HttpRequest,
    state: web::Data<State>,
    visitor: Visitor,
) -> Result<HttpResponse, Refusal> {
    let name = of_query(&request)?;
    let room = state.services.quotes.thread::<Read>(visitor.actor(), &name).await?;
    let Standing { asked, latest } = state.services.quotes.standing(&room).await?;
    let after = last_event(&request).filter(|(n, _)| *n == asked).map_or(0, |(_, seq)| seq);
    let stage = if latest.turn.status.is_terminal() {
        let frames = frames(asked, &latest, after);
        if frames.is_empty() {
            // EventSource comes again after every end; 204 stops it.
            return Ok(HttpResponse::NoContent().finish());
        }
        Stage::Telling(frames)
    } else {
        let (turns, turn) = (state.services.turns.clone(), latest.turn.id);
        Stage::Waiting(async move { turns.wait(turn).await }.boxed())
    };
    Ok(respond(
        &request,
        Listener { state, visitor, asked, after, stage, beat: beat(HEARTBEAT), look: beat(LOOK_EVERY) },
    ))
}

/// The reason phrase of a stream's status line, with the header behind it that the contract wants. actix
/// writes no `Connection` of ours, because HTTP/1.1 keeps connections open without one; the contract's
/// clients may look for it all the same.
const OK_KEEP_ALIVE: &str = "OK\r\nconnection: keep-alive";

fn respond(request: &HttpRequest, listener: Listener) -> HttpResponse {
    let begin = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"retry: 3000\n\n"))]);
    let events = stream::unfold(listener, |mut listener| async move {
        let bytes = listener.next().await?;
        Some((Ok(bytes), listener))
    });
    let mut response = HttpResponse::Ok();
    if request.version() == Version::HTTP_11 && request.head().connection_type() == ConnectionType::KeepAlive
    {
        response.reason(OK_KEEP_ALIVE);
    }
    response
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((HeaderName::from_static("x-accel-buffering"), "no"))
        .streaming(Box::pin(futures_util::StreamExt::chain(begin, events)))
}

/// `<n>-<seq>` of the event that a listener has seen last.
fn last_event(request: &HttpRequest) -> Option<(i64, usize)> {
    let (n, seq) = request.headers().get("last-event-id")?.to_str().ok()?.trim().split_once('-')?;
    Some((n.parse().ok()?, seq.parse().ok()?))
}

/// An event, and when it is due.
struct Frame {
    at: Timestamp,
    bytes: Bytes,
}

/// The events of a turn that has ended, behind the first `after`.
fn frames(asked: i64, view: &TurnView, after: usize) -> VecDeque<Frame> {
    let mut events: Vec<(&str, Option<Value>)> = Vec::new();
    if view.turn.status == TurnStatus::Completed {
        events.extend(pieces(&view.reply).into_iter().map(|piece| ("content", Some(json!(piece)))));
        events.extend(view.quote.iter().map(|quote| ("quote", Some(json!(QuoteShape::from(quote))))));
    } else {
        events.push(("error", Some(json!(FAILED))));
    }
    events.push(("complete", None));
    let mut at = ended_at(view);
    let frame = |(index, (kind, data)): (usize, (&str, Option<Value>))| {
        let event = match data {
            Some(data) => json!({ "type": kind, "data": data, "timestamp": time(at) }),
            None => json!({ "type": kind, "timestamp": time(at) }),
        };
        let bytes = Bytes::from(format!("id: {asked}-{}\ndata: {event}\n\n", index + 1));
        let frame = Frame { at, bytes };
        at = at.checked_add(PACE).unwrap_or(at);
        frame
    };
    events.into_iter().enumerate().map(frame).skip(after).collect()
}

/// A text cut at its spaces; each space leads the piece behind it.
fn pieces(text: &str) -> Vec<String> {
    let mut words: Vec<&str> = Vec::new();
    let mut begin = 0;
    for (at, _) in text.match_indices(' ').filter(|(at, _)| *at > 0) {
        words.extend(text.get(begin..at));
        begin = at;
    }
    words.extend(text.get(begin..));
    words.chunks(words.len().div_ceil(PIECES).max(1)).map(<[&str]>::concat).collect()
}

fn beat(every: Duration) -> Interval {
    let mut beat = interval(every);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is due at once, and nobody has to be told yet.
    beat.reset();
    beat
}

/// One who listens to a thread.
struct Listener {
    state: web::Data<State>,
    visitor: Visitor,
    asked: i64,
    after: usize,
    stage: Stage,
    beat: Interval,
    look: Interval,
}

enum Stage {
    Waiting(BoxFuture<'static, Result<Settled, Fault>>),
    Telling(VecDeque<Frame>),
}

impl Listener {
    /// What is sent next; `None` at the end, also when the caller may listen no longer.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            match &mut self.stage {
                Stage::Waiting(reply) => tokio::select! {
                    settled = reply => match settled {
                        Ok(Settled::Ended { view, .. }) => {
                            self.stage = Stage::Telling(frames(self.asked, &view, self.after));
                        }
                        // The thread is gone, or the server stops: who comes again is told which.
                        Ok(Settled::Withdrawn(_) | Settled::Gone) | Err(_) => return None,
                    },
                    _ = self.beat.tick() => return Some(Bytes::from_static(b": ping\n\n")),
                    _ = self.look.tick() => if !self.visitor.may_go_on(&self.state).await {
                        return None;
                    },
                },
                Stage::Telling(frames) => {
                    let frame = frames.pop_front()?;
                    let wait = frame.at.duration_since(self.state.services.clock.now());
                    if let Ok(wait) = Duration::try_from(wait) {
                        // A clock that was set back must not silence a reply.
                        tokio::time::sleep(wait.min(PACE)).await;
                    }
                    return Some(frame.bytes);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_text_and_each_space_leads() {
        assert_eq!(pieces("안녕하세요! 오늘 어떻게"), ["안녕하세요!", " 오늘", " 어떻게"]);
        for text in ["", " ", "a", " a", "a ", "a  b", "  ", "a\nb c", "가 나\u{3000}다 😀 e\u{301}"] {
            let pieces = pieces(text);
            assert_eq!(pieces.concat(), text);
            assert!(pieces.iter().skip(1).all(|piece| piece.starts_with(' ')), "{pieces:?}");
        }
    }

    #[test]
    fn a_long_reply_has_a_bounded_number_of_pieces() {
        for words in [99, 100, 101, 16_000] {
            let text = vec!["말"; words].join(" ");
            let pieces = pieces(&text);
            assert!(pieces.len() <= PIECES && pieces.concat() == text, "{words}");
        }
        assert_eq!(pieces(&["말"; 100].join(" ")).len(), 100);
    }
}
