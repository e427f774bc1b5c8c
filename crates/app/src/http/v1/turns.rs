//! Turns: look, follow, cancel, retry (contract §8).

use super::caller::Caller;
use super::{Problem, messages, shapes, stream};
use crate::http::State;
use actix_web::{HttpRequest, HttpResponse, web};
use maru_domain::access::{Authorized, Write};
use maru_domain::error::{Fault, codes};
use maru_domain::ids::{RoomRef, TurnId};
use maru_domain::rooms::Room;
use maru_domain::turns::{TurnEventId, TurnView};
use serde::Deserialize;

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

/// GET /v1/turns/{id}
pub async fn turn(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (view, _) = find(&state, &caller, &id).await?;
    Ok(HttpResponse::Ok().json(shapes::turn(&view)))
}

/// Where a reader goes on.
#[derive(Deserialize)]
pub struct After {
    after: Option<String>,
}

/// GET /v1/turns/{id}/events
pub async fn events(
    request: HttpRequest,
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
    after: web::Query<After>,
) -> Result<HttpResponse, Problem> {
    let (view, _) = find(&state, &caller, &id).await?;
    let header = request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
    let after = header.filter(|id| !id.is_empty()).or(after.after.as_deref());
    let after = after.map(|after| place(after, &view)).transpose()?;
    stream::turn(&request, &state, &caller, view.turn.id, after, None).await
}

/// An event id, or its number in the latest run of the turn.
fn place(text: &str, view: &TurnView) -> Result<TurnEventId, Problem> {
    if let Ok(n) = text.parse() {
        return Ok(TurnEventId { turn: view.turn.id, fence: view.turn.fence, n });
    }
    text.parse().map_err(|code| Fault::new(code).detail("after must be an event id of this turn").into())
}

/// POST /v1/turns/{id}/cancel
pub async fn cancel(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (view, room) = find(&state, &caller, &id).await?;
    let view = state.services.turns.cancel(&room, view.turn.id).await?;
    Ok(HttpResponse::Ok().json(shapes::turn(&view)))
}

/// POST /v1/turns/{id}/retry
pub async fn retry(
    request: HttpRequest,
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (view, room) = find(&state, &caller, &id).await?;
    if !view.turn.status.is_terminal() {
        return Err(Fault::new(&codes::TURN_IN_PROGRESS).into());
    }
    let sending = state.services.messages.retry(&room, &view.turn).await?;
    messages::answer(&request, &state, &caller, sending).await
}
