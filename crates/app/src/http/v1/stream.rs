//! Server-sent events: a turn's deltas and a room's changes, with heartbeats from before the first
//! token, and an end when the caller's token stops working, the server drains or the reader cannot
//! keep up.

use super::caller::Caller;
use super::{Problem, answers, shapes};
use crate::http::visitor::Visitor;
use crate::http::{Connection, State};
use actix_sse::{Data, Event, Sse};
use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Responder, web};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use maru_domain::ids::TurnId;
use maru_domain::turns::{TurnEvent, TurnEventId};
use serde_json::json;
use std::convert::Infallible;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

/// A comment this often shows proxies that we live, and us who has left.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Whether a stream may go on is looked at this often. With what the cache of identities believes,
/// a revoked session's stream ends within five seconds (contract §0.3).
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So many events wait for a reader. More would only hide that it does not keep up.
const QUEUE: usize = 32;
/// A reader that has not taken all there was for so long is dropped; it can come again and go on.
const PATIENCE: Duration = Duration::from_secs(40);

/// The events of a turn, after `first` where this stream is the answer to a send.
pub async fn turn(
    request: &HttpRequest,
    state: &web::Data<State>,
    caller: &Caller,
    turn: TurnId,
    after: Option<TurnEventId>,
    first: Option<String>,
) -> Result<HttpResponse, Problem> {
    if first.is_none() && after.is_none_or(|after| after.turn == turn) {
        // 204 stops an EventSource from coming again.
        if state.services.turns.is_over(turn, after).await? {
            return Ok(HttpResponse::NoContent().finish());
        }
    }
    let events = state.services.turns.follow(turn, after).await?;
    let first = first.map(|body| Data::new(body).event("message"));
    let events = events.scan(after, |last, event| std::future::ready(Some(shape(&event, last))));
    let events = stream::iter(first).chain(events.filter_map(std::future::ready));
    Ok(respond(request, state, Reader::native(caller, false), events.boxed()))
}

/// The changes of a room. They have no end of their own, so a server that stops ends them.
pub fn room(
    request: &HttpRequest,
    state: &web::Data<State>,
    caller: &Caller,
    events: BoxStream<'static, Data>,
) -> HttpResponse {
    respond(request, state, Reader::native(caller, true), events)
}

/// An event as it is sent; `last` is the one before it. The end is numbered too, so that a reader
/// that has it all and comes again can be told so.
fn shape(event: &TurnEvent, last: &mut Option<TurnEventId>) -> Option<Data> {
    let (name, id, data) = match event {
        TurnEvent::Delta { id, text } => ("delta", *id, json!({ "text": text }).to_string()),
        TurnEvent::Reset { id, text } => ("reset", *id, json!({ "text": text }).to_string()),
        TurnEvent::Done(view) => {
            let n = last.filter(|last| last.fence == view.turn.fence).map_or(0, |last| last.n) + 1;
            let id = TurnEventId { turn: view.turn.id, fence: view.turn.fence, n };
            ("done", id, answers::text(&shapes::turn(view)).ok()?)
        }
        TurnEvent::Gone => return None,
    };
    *last = Some(id);
    Some(Data::new(data).event(name).id(id.to_string()))
}

/// Who reads a stream, and how it is to be.
pub struct Reader {
    /// Whose token or key must go on working.
    pub visitor: Visitor,
    /// A server that stops ends the stream.
    pub ends_at_drain: bool,
    /// Comments show that we live. Contracts that know only `data:` lines have none.
    pub comments: bool,
    /// The reader is told when to come again. OpenAI's client for Python takes the line that says so
    /// for an event without data, and fails.
    pub retry: bool,
}

impl Reader {
    /// One who has shown a token, of a stream that ends by itself.
    pub fn of(caller: &Caller) -> Self {
        Self { retry: false, ..Self::native(caller, false) }
    }

    fn native(caller: &Caller, ends_at_drain: bool) -> Self {
        let visitor = Visitor::known(caller.actor(), caller.key.clone());
        Self { visitor, ends_at_drain, comments: true, retry: true }
    }
}

/// Brings events to a reader, for as long as it may have them and keeps up.
pub fn respond(
    request: &HttpRequest,
    state: &web::Data<State>,
    reader: Reader,
    events: BoxStream<'static, Data>,
) -> HttpResponse {
    if request.method() == Method::HEAD {
        // A stream without a body would never end.
        return HttpResponse::Ok()
            .content_type("text/event-stream")
            .insert_header((CACHE_CONTROL, "no-store"))
            .finish();
    }
    let (tell, told) = mpsc::channel(QUEUE);
    let open = Arc::new(());
    let pump = Pump {
        state: state.clone(),
        visitor: reader.visitor,
        connection: request.conn_data::<Connection>().cloned(),
        events,
        tell,
        open: Arc::downgrade(&open),
        behind_since: None,
        ends_at_drain: reader.ends_at_drain,
    };
    state.services.spawner.spawn(Box::pin(pump.run()));
    let events = stream::unfold((told, open), |(mut told, open)| async move {
        let event: Event = told.recv().await?;
        Some((Ok::<_, Infallible>(event), (told, open)))
    });
    let mut sse = Sse::from_stream(Box::pin(events));
    if reader.comments {
        sse = sse.with_keep_alive(HEARTBEAT);
    }
    if reader.retry {
        sse = sse.with_retry_duration(retry_after());
    }
    let mut response = sse.respond_to(request).map_into_boxed_body();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// Spread out, so that a restart is not followed by all readers at one instant.
fn retry_after() -> Duration {
    Duration::from_millis(fastrand::u64(1000..5000))
}

/// Brings events to one reader. A task of its own: a reader that does not read is asked for nothing
/// by actix, and somebody has to notice.
struct Pump {
    state: web::Data<State>,
    visitor: Visitor,
    connection: Option<Connection>,
    events: BoxStream<'static, Data>,
    tell: mpsc::Sender<Event>,
    /// Alive as long as the answer's body.
    open: Weak<()>,
    behind_since: Option<Instant>,
    ends_at_drain: bool,
}

impl Pump {
    async fn run(mut self) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut waiting: Option<Data> = None;
        loop {
            self.note_whether_behind();
            tokio::select! {
                biased;
                () = self.tell.closed() => return,
                _ = look.tick() => {
                    if self.is_too_slow() {
                        return cut(self.connection.as_ref());
                    }
                    // Not before balancers have noticed: readers come again at once.
                    let status = &self.state.status;
                    let stops = status.ending().is_cancelled()
                        || self.ends_at_drain && status.closing().is_cancelled();
                    if stops || !self.visitor.may_go_on(&self.state).await {
                        break;
                    }
                }
                free = self.tell.reserve(), if waiting.is_some() => {
                    if let (Ok(free), Some(event)) = (free, waiting.take()) {
                        free.send(event.into());
                    }
                }
                event = self.events.next(), if waiting.is_none() => match event {
                    Some(event) => waiting = Some(event),
                    None => break,
                },
            }
        }
        self.see_off().await;
    }

    fn note_whether_behind(&mut self) {
        if self.tell.capacity() == self.tell.max_capacity() {
            self.behind_since = None;
        } else {
            self.behind_since.get_or_insert_with(Instant::now);
        }
    }

    fn is_too_slow(&self) -> bool {
        self.behind_since.is_some_and(|since| since.elapsed() >= PATIENCE)
    }

    /// Nothing more comes; what waits is to be taken in time.
    async fn see_off(self) {
        let Self { tell, open, connection, .. } = self;
        drop(tell);
        let until = Instant::now() + PATIENCE;
        while open.strong_count() > 0 {
            if Instant::now() >= until {
                return cut(connection.as_ref());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

fn cut(connection: Option<&Connection>) {
    metrics::counter!("maru_slow_readers_total").increment(1);
    if let Some(connection) = connection {
        connection.cut();
    }
}
