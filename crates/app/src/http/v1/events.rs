//! The log of a room: every change, by number, as a page or as a stream (contract §8).

use super::caller::Caller;
use super::query::{Query, order_of};
use super::rooms::find;
use super::send::wants_stream;
use super::shapes::{self, EventShape, PageShape};
use super::{Problem, answers, etag, messages, stream};
use crate::http::State;
use actix_sse::Data;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::StreamExt;
use futures_util::stream::{self as streams, BoxStream};
use maru_domain::access::{Authorized, Read};
use maru_domain::error::{Fault, codes};
use maru_domain::events::{RoomEvent, RoomEventKind};
use maru_domain::ids::{MessageId, RoomId, TurnId};
use maru_domain::page::{Order, PageRequest, Part, limit};
use maru_domain::rooms::Room;
use serde_json::json;
use std::collections::VecDeque;
use std::time::Duration;

/// Without a hint a reader looks this often by itself: hints may be lost, though hardly ever are.
/// Thousands of readers of quiet rooms must not keep the database busy.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// A reader whose database is away looks this often whether it is back.
const STORE_PAUSE: Duration = Duration::from_millis(500);
/// Events read at a time by a stream.
const STREAM_PAGE: i64 = 100;

/// A room's log after an event, as a page or as a stream that goes on.
///
/// Its cursors are the events' own numbers. A stream goes forwards only.
#[utoipa::path(get, path = "/v1/rooms/{id}/events", operation_id = "v1_room_events", tag = "rooms", security(("bearer" = [])), params(
    ("id" = String, Path, description = "The room's id or number."),
    ("after" = Option<i64>, Query, description = "The `seq` of the last event that is known; 0 when missing."),
    ("before" = Option<i64>, Query, description = "A `seq`: what comes just before it in this order."),
    ("order" = Option<String>, Query, description = "`asc`, the oldest first, or `desc`."),
    ("limit" = Option<u16>, Query, description = "1 to 200; 50 when missing.", minimum = 1, maximum = 200),
    ("Last-Event-ID" = Option<String>, Header, description = "The same as `after`, as an EventSource sends it; it goes before it."),
    ("Accept" = Option<String>, Header, description = "`text/event-stream` for a stream; its ids are the `seq`."),
    ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer."),
), responses(
    (status = 200, description = "A page; `next` is an `after`.", body = PageShape<EventShape>),
    (status = 304, description = "As it was under that `ETag`."),
))]
pub async fn events(
    request: HttpRequest,
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let room: Authorized<Room, Read> = find(&state, &caller, &id).await?;
    let query = Query::of(&request);
    let header = request.headers().get("last-event-id").map(|id| id.to_str().unwrap_or("?").to_owned());
    let wanted = wanted(&query, header.filter(|id| !id.is_empty()).or(query.one("after")?))?;
    if wants_stream(&request) {
        let after = match wanted {
            PageRequest { order: Order::Ascending, part: Part::After(after), .. } => after,
            PageRequest { order: Order::Ascending, part: Part::Start, .. } => 0,
            _ => return Err(wrong("a stream goes forwards: leave before and order out, and use after")),
        };
        return Ok(stream::room(&request, &state, &caller, follow(&state, room, after)));
    }
    let page = answers::text(&page(&state, &room, wanted).await?)?;
    Ok(etag::by_bytes(&request, &state, page))
}

async fn page(
    state: &State,
    room: &Authorized<Room, Read>,
    wanted: PageRequest<i64>,
) -> Result<PageShape<EventShape>, Problem> {
    let found = state.services.events.page(room.get().id, wanted).await?;
    let next = found.edge(&wanted).map(|event| event.seq.to_string());
    let mut data = Vec::with_capacity(found.items.len());
    for event in &found.items {
        data.push(shape(state, room, event).await?);
    }
    Ok(PageShape { data, next, has_more: found.has_more })
}

/// The log from `after` on, without an end.
fn follow(state: &web::Data<State>, room: Authorized<Room, Read>, after: i64) -> BoxStream<'static, Data> {
    // Asked for before the first look, so that what is written in between is hinted at.
    let hints = state.services.rooms.hints(room.get().id);
    let reader = Reader { state: state.clone(), room, hints, after, waiting: VecDeque::new() };
    let events = streams::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((event, reader))
    });
    events.boxed()
}

/// The part of the log that is asked for.
fn wanted(query: &Query, after: Option<String>) -> Result<PageRequest<i64>, Problem> {
    let seq = |text: &str, words| {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| plain).ok_or_else(|| wrong(words))
    };
    let part = match (after.as_deref(), query.one("before")?.as_deref()) {
        (None, None) => Part::Start,
        (Some(after), None) => Part::After(seq(after, "after must be the seq of an event")?),
        (None, Some(before)) => Part::Before(seq(before, "before must be the seq of an event")?),
        (Some(_), Some(_)) => return Err(wrong("after and before exclude each other")),
    };
    let limit =
        limit(query.one("limit")?.as_deref()).map_err(|_| wrong("limit must be a number from 1 to 200"))?;
    let order = order_of(query.one("order")?.as_deref(), Order::Ascending)?;
    Ok(PageRequest { limit, order, part })
}

fn wrong(words: &str) -> Problem {
    Fault::new(&codes::INVALID_PARAMETER).detail(words).into()
}

/// An event with what it is about, as that is now: an edited or deleted text shows up nowhere.
async fn shape(
    state: &State,
    room: &Authorized<Room, Read>,
    event: &RoomEvent,
) -> Result<EventShape, Problem> {
    let gone = json!({ "id": event.subject });
    let data = match event.kind {
        RoomEventKind::MessageCreated | RoomEventKind::MessageUpdated => {
            match state.services.messages.find(room, MessageId(event.subject)).await {
                Ok(message) => json!(messages::shown(state, message).await?),
                Err(fault) if *fault.code == codes::MESSAGE_NOT_FOUND => gone,
                Err(fault) => return Err(fault.into()),
            }
        }
        RoomEventKind::TurnStarted | RoomEventKind::TurnDone => state
            .services
            .turns
            .find(TurnId(event.subject))
            .await?
            .map_or(gone, |view| json!(shapes::turn(&view))),
        RoomEventKind::RoomUpdated | RoomEventKind::RoomCleared => {
            let now = state.services.rooms.again(RoomId(event.subject)).await?;
            now.map_or(gone, |room| json!(shapes::room(&room)))
        }
        RoomEventKind::MessageDeleted => gone,
    };
    Ok(EventShape { seq: event.seq, kind: event.kind.as_str(), at: shapes::time(event.at), data })
}

/// One reader of a room's log.
struct Reader {
    state: web::Data<State>,
    room: Authorized<Room, Read>,
    hints: BoxStream<'static, ()>,
    after: i64,
    waiting: VecDeque<RoomEvent>,
}

impl Reader {
    /// The next event, when there is one; the end when the room is gone. A database that is away is
    /// waited for: an EventSource that came again now would be refused, and never come back.
    async fn next(&mut self) -> Option<Data> {
        loop {
            match self.look().await {
                Ok(Look::Event(event)) => return Some(event),
                Ok(Look::Again) => {}
                Err(problem) if problem.is(&codes::STORE_UNAVAILABLE) => {
                    tokio::time::sleep(STORE_PAUSE).await;
                }
                Ok(Look::Gone) | Err(_) => return None,
            }
        }
    }

    async fn look(&mut self) -> Result<Look, Problem> {
        let room = self.room.get().id;
        if let Some(event) = self.waiting.front() {
            let body = answers::text(&shape(&self.state, &self.room, event).await?)?;
            let told = Data::new(body).event(event.kind.as_str()).id(event.seq.to_string());
            self.after = event.seq;
            self.waiting.pop_front();
            return Ok(Look::Event(told));
        }
        let found = self.state.services.events.after(room, self.after, STREAM_PAGE).await?;
        if found.is_empty() {
            if self.state.services.rooms.again(room).await?.is_none() {
                return Ok(Look::Gone);
            }
            // A bus that has fallen silent answers at once, for ever: then only the time counts.
            let hint = async {
                if self.hints.next().await.is_none() {
                    std::future::pending::<()>().await;
                }
            };
            let _ = tokio::time::timeout(LOOK_EVERY, hint).await;
        }
        self.waiting.extend(found);
        Ok(Look::Again)
    }
}

/// What a reader finds when it looks.
enum Look {
    Event(Data),
    Again,
    Gone,
}
