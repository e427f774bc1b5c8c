//! Rooms (contract §8).

use super::body::Body;
use super::caller::Caller;
use super::query::{self, Paging};
use super::{Problem, shapes};
use crate::http::{State, once};
use actix_web::{HttpRequest, HttpResponse, web};
use maru_domain::access::{Action, Authorized, Read, Write};
use maru_domain::error::{Fault, codes};
use maru_domain::ids::RoomRef;
use maru_domain::once::Once;
use maru_domain::page::Order;
use maru_domain::rooms::ports::{RoomFields, RoomKey};
use maru_domain::rooms::{OpenRoom, Room, RoomKind, TurnPolicy};
use maru_domain::text::{CleanText, MESSAGE_CHARS};

/// The longest name of a room (contract §0.9).
const NAME_CHARS: usize = 255;

/// The caller's room of that id or number; a foreign one is not found.
pub async fn find<A: Action>(
    state: &State,
    caller: &Caller,
    id: &str,
) -> Result<Authorized<Room, A>, Problem> {
    let room: RoomRef = id.parse().map_err(|()| Fault::new(&codes::ROOM_NOT_FOUND))?;
    Ok(state.services.rooms.find(&caller.actor(), room).await?)
}

/// POST /v1/rooms
pub async fn create(
    request: HttpRequest,
    state: web::Data<State>,
    caller: Caller,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let empty = || CleanText::default();
    let open = OpenRoom {
        kind: RoomKind::Native,
        public_id: None,
        name: body.bounded("name", NAME_CHARS).unwrap_or_else(empty),
        system_prompt: body.bounded("system_prompt", MESSAGE_CHARS).unwrap_or_else(empty),
        model: body.text("model"),
        turn_policy: body.word("turn_policy", TurnPolicy::parse).unwrap_or(TurnPolicy::Queue),
        metadata: body.object("metadata").unwrap_or_default(),
    };
    body.check()?;
    let key = once::key(&request, &state, caller.id().to_string(), &body.bytes)?;
    match state.services.rooms.open(&caller.actor(), open, key).await? {
        Once::Done(room) => Ok(HttpResponse::Created().json(shapes::room(&room))),
        Once::Replayed(room) => Ok(once::replayed(HttpResponse::Created().json(shapes::room(&room)))),
        Once::KeyReused => Err(Fault::new(&codes::IDEMPOTENCY_KEY_REUSED).into()),
    }
}

/// GET /v1/rooms
pub async fn rooms(
    state: web::Data<State>,
    caller: Caller,
    paging: web::Query<Paging>,
) -> Result<HttpResponse, Problem> {
    let request = paging.request(Order::Descending)?;
    let page = state.services.rooms.page(caller.id(), request).await?;
    Ok(HttpResponse::Ok().json(query::shape(&page, &request, RoomKey::of, shapes::room)))
}

/// GET /v1/rooms/{id}
pub async fn room(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let room: Authorized<Room, Read> = find(&state, &caller, &id).await?;
    Ok(HttpResponse::Ok().json(shapes::room(room.get())))
}

/// PATCH /v1/rooms/{id}
pub async fn change(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let fields = RoomFields {
        name: body.bounded("name", NAME_CHARS).map(CleanText::into_string),
        system_prompt: body.bounded("system_prompt", MESSAGE_CHARS).map(CleanText::into_string),
        keep_messages: body.flag("keep_messages").unwrap_or(false),
        model: body.has("model").then(|| body.text("model")),
        turn_policy: body.word("turn_policy", TurnPolicy::parse),
        metadata: body.object("metadata"),
        ..RoomFields::default()
    };
    body.check()?;
    changed(&state, &caller, &id, fields).await
}

/// POST /v1/rooms/{id}/end
pub async fn end(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    changed(&state, &caller, &id, RoomFields { end: true, ..RoomFields::default() }).await
}

/// POST /v1/rooms/{id}/clear
pub async fn clear(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    changed(&state, &caller, &id, RoomFields { clear: true, ..RoomFields::default() }).await
}

async fn changed(
    state: &State,
    caller: &Caller,
    id: &str,
    fields: RoomFields,
) -> Result<HttpResponse, Problem> {
    let room: Authorized<Room, Write> = find(state, caller, id).await?;
    let room = state.services.rooms.change(&room, fields).await?;
    Ok(HttpResponse::Ok().json(shapes::room(&room)))
}

/// DELETE /v1/rooms/{id}
pub async fn delete(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let room = find(&state, &caller, &id).await?;
    state.services.rooms.delete(room).await?;
    Ok(HttpResponse::NoContent().finish())
}
