//! Rooms (contract §8).

use super::bodies::{RoomBody, RoomChangeBody};
use super::body::Body;
use super::caller::{Asked, Caller};
use super::query::{self, Paging};
use super::shapes::{self, PageShape, RoomShape};
use super::{Problem, answers, etag};
use crate::http::{State, once};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use maru_domain::access::{Action, Authorized, Read, Write};
use maru_domain::error::{Fault, FieldRule, codes};
use maru_domain::ids::RoomRef;
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

fn policy(body: &Body) -> Option<TurnPolicy> {
    body.parsed("turn_policy", FieldRule::Choice, TurnPolicy::parse)
}

/// Opens a room.
#[utoipa::path(post, path = "/v1/rooms", operation_id = "v1_create_room", tag = "rooms", request_body = RoomBody, security(("bearer" = [])), responses(
    (status = 201, description = "The room.", body = RoomShape),
))]
pub async fn create(
    request: HttpRequest,
    state: web::Data<State>,
    Asked(caller, body): Asked,
) -> Result<HttpResponse, Problem> {
    let open = OpenRoom {
        kind: RoomKind::Native,
        public_id: None,
        name: body.bounded("name", NAME_CHARS).unwrap_or_default(),
        system_prompt: body.bounded("system_prompt", MESSAGE_CHARS).unwrap_or_default(),
        model: body.text("model"),
        turn_policy: policy(&body).unwrap_or(TurnPolicy::Queue),
        metadata: body.object("metadata").unwrap_or_default(),
    };
    body.check()?;
    let key = once::key(&request, &state, caller.id().to_string(), &body.bytes)?;
    if let Some(kept) = once::kept(&state, key.as_ref()).await? {
        return Ok(kept);
    }
    let opened = state.services.rooms.open(&caller.actor(), open, key.clone()).await?;
    answers::made(&state, key, opened, shapes::room).await
}

/// The caller's rooms, whichever contract opened them; the newest activity first.
#[utoipa::path(get, path = "/v1/rooms", operation_id = "v1_rooms", tag = "rooms", security(("bearer" = [])), params(
    ("limit" = Option<u16>, Query, description = "1 to 200; 50 when missing.", minimum = 1, maximum = 200),
    ("after" = Option<String>, Query, description = "A cursor: what follows it in this order."),
    ("before" = Option<String>, Query, description = "A cursor: what comes just before it in this order."),
    ("order" = Option<String>, Query, description = "`desc`, the newest activity first, or `asc`."),
    ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer."),
), responses(
    (status = 200, description = "A page.", body = PageShape<RoomShape>),
    (status = 304, description = "As it was under that `ETag`."),
))]
pub async fn rooms(
    request: HttpRequest,
    state: web::Data<State>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let wanted = Paging::of(&request)?.request(Order::Descending)?;
    let page = state.services.rooms.page(caller.id(), wanted).await?;
    let page = answers::text(&query::shape(page, &wanted, RoomKey::of, |room| shapes::room(&room)))?;
    Ok(etag::by_bytes(&request, &state, page))
}

/// A room.
#[utoipa::path(get, path = "/v1/rooms/{id}", operation_id = "v1_room", tag = "rooms", security(("bearer" = [])), params(
    ("id" = String, Path, description = "The room's id or number."),
), responses((status = 200, description = "The room.", body = RoomShape)))]
pub async fn room(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let room: Authorized<Room, Read> = find(&state, &caller, &id).await?;
    Ok(HttpResponse::Ok().json(shapes::room(room.get())))
}

/// Changes a room. Another system prompt clears its messages, unless `keep_messages` is true.
#[utoipa::path(patch, path = "/v1/rooms/{id}", operation_id = "v1_change_room", tag = "rooms", request_body = RoomChangeBody, security(("bearer" = [])), params(
    ("id" = String, Path, description = "The room's id or number."),
), responses((status = 200, description = "The room as it is now.", body = RoomShape)))]
pub async fn change(
    state: web::Data<State>,
    Asked(caller, body): Asked,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let fields = RoomFields {
        name: body.bounded("name", NAME_CHARS).map(CleanText::into_string),
        system_prompt: body.bounded("system_prompt", MESSAGE_CHARS).map(CleanText::into_string),
        keep_messages: body.flag("keep_messages").unwrap_or(false),
        model: body.has("model").then(|| body.text("model")),
        turn_policy: policy(&body),
        metadata: body.object("metadata"),
        ..RoomFields::default()
    };
    body.check()?;
    Ok(HttpResponse::Ok().json(changed(&state, &caller, &id, fields).await?))
}

/// Ends a room: it can be read, and nothing can be sent any more.
#[utoipa::path(post, path = "/v1/rooms/{id}/end", operation_id = "v1_end_room", tag = "rooms", security(("bearer" = [])), params(
    ("id" = String, Path, description = "The room's id or number."),
), responses((status = 200, description = "The room; it stays as it was when it had ended before.", body = RoomShape)))]
pub async fn end(
    request: HttpRequest,
    state: web::Data<State>,
    id: web::Path<String>,
    Asked(caller, body): Asked,
) -> Result<HttpResponse, Problem> {
    let fields = RoomFields { end: true, ..RoomFields::default() };
    changed_once(&request, &state, &caller, &id, (fields, &body)).await
}

/// Deletes everything said in a room. A turn that runs ends first.
#[utoipa::path(post, path = "/v1/rooms/{id}/clear", operation_id = "v1_clear_room", tag = "rooms", security(("bearer" = [])), params(
    ("id" = String, Path, description = "The room's id or number."),
), responses((status = 200, description = "The empty room.", body = RoomShape)))]
pub async fn clear(
    request: HttpRequest,
    state: web::Data<State>,
    id: web::Path<String>,
    Asked(caller, body): Asked,
) -> Result<HttpResponse, Problem> {
    let fields = RoomFields { clear: true, ..RoomFields::default() };
    changed_once(&request, &state, &caller, &id, (fields, &body)).await
}

async fn changed_once(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    id: &str,
    (fields, body): (RoomFields, &Body),
) -> Result<HttpResponse, Problem> {
    let key = once::key(request, state, caller.id().to_string(), &body.bytes)?;
    let act = async { answers::kept(StatusCode::OK, &changed(state, caller, id, fields).await?) };
    once::repeatable(state, key, act).await
}

async fn changed(state: &State, caller: &Caller, id: &str, fields: RoomFields) -> Result<RoomShape, Problem> {
    let room: Authorized<Room, Write> = find(state, caller, id).await?;
    Ok(shapes::room(&state.services.rooms.change(&room, fields).await?))
}

/// Deletes a room for good, with its messages. A turn that runs ends first.
#[utoipa::path(delete, path = "/v1/rooms/{id}", operation_id = "v1_delete_room", tag = "rooms", security(("bearer" = [])), params(
    ("id" = String, Path, description = "The room's id or number."),
), responses((status = 204, description = "Deleted.")))]
pub async fn delete(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let room = find(&state, &caller, &id).await?;
    state.services.rooms.delete(room).await?;
    Ok(HttpResponse::NoContent().finish())
}
