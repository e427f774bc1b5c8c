//! Turns: look, follow, cancel, retry (contract §8).

use super::caller::{Asked, Caller};
use super::query::Query;
use super::send::{self, Ask};
use super::shapes::{self, SentShape, TurnShape};
use super::{Problem, answers, stream};
use crate::http::{State, once};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use maru_domain::access::{Authorized, Write};
use maru_domain::error::{Fault, codes};
use maru_domain::ids::{RoomRef, TurnId};
use maru_domain::rooms::Room;
use maru_domain::turns::{TurnEventId, TurnView};

/// A turn of one of the caller's rooms, with the room; a foreign one is not found.
async fn find(
    state: &State,
    caller: &Caller,
    id: &str,
) -> Result<(TurnView, Authorized<Room, Write>), Problem> {
    let missing = || Problem::from(Fault::new(&codes::TURN_NOT_FOUND));
    let id: TurnId = id.parse().map_err(|_| missing())?;
    let view = state.services.turns.find(id).await?.ok_or_else(missing)?;
    match state.services.rooms.find(&caller.actor(), RoomRef::Id(view.turn.room_id)).await {
        Ok(room) => Ok((view, room)),
        Err(fault) if *fault.code == codes::ROOM_NOT_FOUND => Err(missing()),
        Err(fault) => Err(fault.into()),
    }
}

/// A turn with its reply so far.
#[utoipa::path(get, path = "/v1/turns/{id}", operation_id = "v1_turn", tag = "turns", security(("bearer" = [])), params(
    ("id" = uuid::Uuid, Path, description = "The turn's id."),
), responses((status = 200, description = "The turn.", body = TurnShape)))]
pub async fn turn(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (view, _) = find(&state, &caller, &id).await?;
    Ok(HttpResponse::Ok().json(shapes::turn(&view)))
}

/// The turn's events, from its beginning or after an event, to its end.
///
/// `delta` and `reset` carry `{"text"}`, `done` the turn. A reader that comes back names the last
/// event it has, and gets the rest, byte for byte; or a `reset` with the whole text so far.
#[utoipa::path(get, path = "/v1/turns/{id}/events", operation_id = "v1_turn_events", tag = "turns", security(("bearer" = [])), params(
    ("id" = uuid::Uuid, Path, description = "The turn's id."),
    ("after" = Option<String>, Query, description = "An event's id, or its `n` in the turn's latest run."),
    ("Last-Event-ID" = Option<String>, Header, description = "The same, as an EventSource sends it; it goes before `after`."),
), responses(
    (status = 200, description = "Events.", content_type = "text/event-stream"),
    (status = 204, description = "The turn has ended, and its events are no longer held or all known: look at the turn."),
))]
pub async fn events(
    request: HttpRequest,
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (view, _) = find(&state, &caller, &id).await?;
    let after = Query::of(&request).one("after")?;
    let header = request.headers().get("last-event-id").map(|id| id.to_str().unwrap_or("?").to_owned());
    let after = header.filter(|id| !id.is_empty()).or(after);
    let after = after.map(|after| place(&after, &view)).transpose()?;
    stream::turn(&request, &state, &caller, view.turn.id, after, None).await
}

/// An event id, or its number in the latest run of the turn.
fn place(text: &str, view: &TurnView) -> Result<TurnEventId, Problem> {
    if let (Ok(n), true) = (text.parse(), text.bytes().all(|byte| byte.is_ascii_digit())) {
        return Ok(TurnEventId { turn: view.turn.id, fence: view.turn.fence, n });
    }
    text.parse().map_err(|code| Fault::new(code).detail("after must be an event id of this turn").into())
}

/// Stops a turn. The text so far is kept; a turn that has ended is answered as it is.
#[utoipa::path(post, path = "/v1/turns/{id}/cancel", operation_id = "v1_cancel", tag = "turns", security(("bearer" = [])), params(
    ("id" = uuid::Uuid, Path, description = "The turn's id."),
), responses((status = 200, description = "The turn, ended. No more text comes after this answer.", body = TurnShape)))]
pub async fn cancel(
    request: HttpRequest,
    state: web::Data<State>,
    id: web::Path<String>,
    Asked(caller, body): Asked,
) -> Result<HttpResponse, Problem> {
    let key = once::key(&request, &state, caller.id().to_string(), &body.bytes)?;
    let act = async {
        let (view, room) = find(&state, &caller, &id).await?;
        let view = state.services.turns.cancel(&room, view.turn.id).await?;
        answers::kept(StatusCode::OK, &shapes::turn(&view))
    };
    once::repeatable(&state, key, act).await
}

/// Gives the message of the room's last turn a new turn, in place of one that has ended.
#[utoipa::path(post, path = "/v1/turns/{id}/retry", operation_id = "v1_retry", tag = "turns", security(("bearer" = [])), params(
    ("id" = uuid::Uuid, Path, description = "The turn's id."),
), responses(
    (status = 201, description = "The message and its new turn; or, as for a send, its events or its end.", body = SentShape),
))]
pub async fn retry(
    request: HttpRequest,
    state: web::Data<State>,
    id: web::Path<String>,
    Asked(caller, body): Asked,
) -> Result<HttpResponse, Problem> {
    let key = once::key(&request, &state, caller.id().to_string(), &body.bytes)?;
    // Before the turn is looked for: the first arrival has put another in its place.
    if let Some(kept) = once::kept(&state, key.as_ref()).await? {
        return Ok(kept);
    }
    let (view, room) = find(&state, &caller, &id).await?;
    if !view.turn.status.is_terminal() {
        return Err(Fault::new(&codes::TURN_IN_PROGRESS).into());
    }
    let again = state.services.messages.retry(&room, &view.turn, key.clone()).await?;
    send::answer(Ask { request: &request, state: &state, caller: &caller, key }, again).await
}
