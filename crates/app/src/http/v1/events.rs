//! The log of a room: every change, by number, as a page or as a stream (contract §8).

use super::caller::Caller;
use super::messages::wants_stream;
use super::rooms::find;
use super::{Problem, shapes, stream};
use crate::http::State;
use actix_web::{HttpRequest, HttpResponse, web};
use actix_web_lab::sse::Data;
use futures_util::StreamExt;
use futures_util::stream as streams;
use maru_domain::access::{Authorized, Read};
use maru_domain::error::{Fault, codes};
use maru_domain::events::{RoomEvent, RoomEventKind};
use maru_domain::ids::{MessageId, RoomId, TurnId};
use maru_domain::page::limit;
use maru_domain::rooms::Room;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::time::Duration;

/// Without a hint a reader looks this often by itself.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Events read at a time by a stream.
const STREAM_PAGE: i64 = 100;

/// Where a reader goes on.
#[derive(Deserialize)]
pub struct After {
    after: Option<String>,
    limit: Option<String>,
}

/// GET /v1/rooms/{id}/events
pub async fn events(
    request: HttpRequest,
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
    query: web::Query<After>,
) -> Result<HttpResponse, Problem> {
    let room: Authorized<Room, Read> = find(&state, &caller, &id).await?;
    let header = request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
    let after = after(header.filter(|id| !id.is_empty()).or(query.after.as_deref()))?;
    if wants_stream(&request) {
        let reader = Reader { state: state.clone(), room, after, waiting: VecDeque::new() };
        let events = streams::unfold(reader, |mut reader| async move {
            let event = reader.next().await?;
            Some((event, reader))
        });
        return Ok(stream::respond(&request, &state, &caller, events.boxed()));
    }
    let limit = limit(query.limit.as_deref())
        .map_err(|code| Fault::new(code).detail("limit must be a number from 1 to 200"))?;
    let limit = i64::try_from(limit).unwrap_or(200);
    let mut found = state.services.events.after(room.get().id, after, limit + 1).await?;
    let has_more = i64::try_from(found.len()).unwrap_or(0) > limit;
    found.truncate(usize::try_from(limit).unwrap_or(0));
    let next = found.last().filter(|_| has_more).map(|event| event.seq.to_string());
    let mut data = Vec::with_capacity(found.len());
    for event in &found {
        data.push(shape(&state, &room, event).await?);
    }
    Ok(HttpResponse::Ok().json(json!({ "data": data, "next": next, "has_more": has_more })))
}

fn after(text: Option<&str>) -> Result<i64, Problem> {
    let Some(text) = text else { return Ok(0) };
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let seq = text.parse().ok().filter(|_| plain);
    seq.ok_or_else(|| {
        Fault::new(&codes::INVALID_PARAMETER).detail("after must be the seq of an event").into()
    })
}

/// An event with what it is about, as that is now: an edited or deleted text shows up nowhere.
async fn shape(state: &State, room: &Authorized<Room, Read>, event: &RoomEvent) -> Result<Value, Problem> {
    let gone = json!({ "id": event.subject });
    let data = match event.kind {
        RoomEventKind::MessageCreated | RoomEventKind::MessageUpdated => {
            match state.services.messages.find(room, MessageId(event.subject)).await {
                Ok(message) => shapes::message(&message),
                Err(fault) if *fault.code == codes::MESSAGE_NOT_FOUND => gone,
                Err(fault) => return Err(fault.into()),
            }
        }
        RoomEventKind::TurnStarted | RoomEventKind::TurnDone => {
            state.services.turns.find(TurnId(event.subject)).await?.map_or(gone, |view| shapes::turn(&view))
        }
        RoomEventKind::RoomUpdated | RoomEventKind::RoomCleared => {
            let now = state.services.rooms.again(RoomId(event.subject)).await?;
            now.map_or(gone, |room| shapes::room(&room))
        }
        RoomEventKind::MessageDeleted => gone,
    };
    Ok(json!({ "seq": event.seq, "type": event.kind.as_str(), "at": shapes::time(event.at), "data": data }))
}

/// One reader of a room's log.
struct Reader {
    state: web::Data<State>,
    room: Authorized<Room, Read>,
    after: i64,
    waiting: VecDeque<RoomEvent>,
}

impl Reader {
    /// The next event, when there is one; the end when the room is gone or the store is away.
    async fn next(&mut self) -> Option<Data> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                self.after = event.seq;
                let body = shape(&self.state, &self.room, &event).await.ok()?;
                return Some(
                    Data::new(body.to_string()).event(event.kind.as_str()).id(event.seq.to_string()),
                );
            }
            let found =
                self.state.services.events.after(self.room.get().id, self.after, STREAM_PAGE).await.ok()?;
            if found.is_empty() {
                self.state.services.rooms.again(self.room.get().id).await.ok()??;
                self.state.services.rooms.changed(self.room.get().id, LOOK_EVERY).await;
            }
            self.waiting.extend(found);
        }
    }
}
