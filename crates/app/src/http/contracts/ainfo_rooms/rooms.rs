//! Rooms: list, open, look, rename, delete, and their logs (contract §2.2).

use super::super::drf::{Phrase, TextRule};
use super::shapes::{DEFAULT_TITLE, LogShape, RoomBody, RoomShape};
use super::{Asked, Caller, Fields, Refusal, logs as room_logs};
use crate::http::page_place::{PageList, with_page};
use crate::http::{State, once};
use actix_web::body::MessageBody;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use maru_domain::access::{Action, Actor, Authorized, Read, Write};
use maru_domain::error::{Fault, FieldFault, FieldRule, codes};
use maru_domain::ids::RoomRef;
use maru_domain::rooms::ports::RoomFields;
use maru_domain::rooms::{OpenRoom, Room, RoomKind, TurnPolicy};
use maru_domain::text::{CleanText, TextFault};
use serde_json::Map;

/// The longest title (contract §0.9).
const TITLE_CHARS: usize = 100;

/// Every room of the caller, newest first.
#[utoipa::path(get, path = "/chatbot/room/", tag = "ainfo rooms", security(("bearer" = [])), responses(
    (status = 200, description = "The rooms with their logs.", body = Vec<RoomShape>),
    (status = 401, description = "No token, or one that does not work."),
    (status = 503, description = "The database is away; see Retry-After."),
))]
pub async fn list(state: web::Data<State>, caller: Caller) -> Result<HttpResponse, Refusal> {
    let mut rooms = state.services.rooms.owned(caller.id()).await?;
    rooms.sort_by_key(|room| std::cmp::Reverse((room.get().created_at, room.get().number)));
    let mut logs = room_logs::of_all(&state, &rooms).await?;
    let user = caller.user().number;
    let mut list = PageList::default();
    for room in &rooms {
        // Without logs: deleted since the rooms were read.
        let Some(logs) = logs.remove(&room.get().id) else { continue };
        list.push(&RoomShape::new(room.get(), user, &state.zone), logs)?;
    }
    Ok(json(StatusCode::OK, list.into_body()))
}

/// Opens a room.
#[utoipa::path(post, path = "/chatbot/room/", tag = "ainfo rooms", request_body = RoomBody, security(("bearer" = [])), responses(
    (status = 201, description = "The room.", body = RoomShape),
    (status = 400, description = "The title breaks a rule, or the body is not an object."),
    (status = 401, description = "No token, or one that does not work."),
    (status = 413, description = "The body is too large."),
    (status = 415, description = "The body is neither JSON nor a form."),
    (status = 422, description = "The Idempotency-Key was used for another request."),
    (status = 503, description = "The database is away; see Retry-After."),
))]
pub async fn create(
    request: HttpRequest,
    state: web::Data<State>,
    Asked { caller, fields }: Asked,
) -> Result<HttpResponse, Refusal> {
    let name = title(&fields)?.map_or_else(|| CleanText::bounded(DEFAULT_TITLE.to_owned(), TITLE_CHARS), Ok);
    let name = name.map_err(|_| Fault::new(&codes::INTERNAL))?;
    let key = once::key(&request, &state, caller.id().to_string(), &fields.bytes)?;
    if let Some(kept) = once::kept(&state, key.as_ref()).await? {
        return Ok(kept);
    }
    let (room, replayed) =
        state.services.rooms.open(&caller.actor(), opening(name), key.clone()).await?.made()?;
    // The answer of a first arrival, which found the room empty.
    let body = written(&state, &caller, &room, b"[]")?;
    let response = once::keep(&state, key, StatusCode::CREATED, body).await;
    Ok(if replayed { once::replayed(response) } else { response })
}

fn opening(name: CleanText) -> OpenRoom {
    OpenRoom {
        kind: RoomKind::Room,
        public_id: None,
        name,
        system_prompt: CleanText::default(),
        model: None,
        turn_policy: TurnPolicy::Queue,
        metadata: Map::new(),
    }
}

/// One room.
#[utoipa::path(get, path = "/chatbot/room/{pk}/", tag = "ainfo rooms", security(("bearer" = [])), params(
    ("pk" = String, Path, description = "The room's number, or its UUID."),
), responses(
    (status = 200, description = "The room with its logs.", body = RoomShape),
    (status = 401, description = "No token, or one that does not work."),
    (status = 404, description = "No such room of the caller's."),
))]
pub async fn show(
    state: web::Data<State>,
    caller: Caller,
    pk: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    shown(&state, &caller, room_ref(&pk)?).await
}

/// Renames a room; without a title changes nothing.
#[utoipa::path(patch, path = "/chatbot/room/{pk}/", tag = "ainfo rooms", request_body = RoomBody, security(("bearer" = [])), params(
    ("pk" = String, Path, description = "The room's number, or its UUID."),
), responses(
    (status = 200, description = "The room as it is now.", body = RoomShape),
    (status = 400, description = "The title breaks a rule, or the body is not an object."),
    (status = 401, description = "No token, or one that does not work."),
    (status = 404, description = "No such room of the caller's."),
))]
pub async fn change(
    request: HttpRequest,
    state: web::Data<State>,
    caller: Caller,
    pk: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    renamed(&request, &state, &caller, &pk, payload).await
}

/// The same: the title is optional here, too.
#[utoipa::path(put, path = "/chatbot/room/{pk}/", tag = "ainfo rooms", request_body = RoomBody, security(("bearer" = [])), params(
    ("pk" = String, Path, description = "The room's number, or its UUID."),
), responses(
    (status = 200, description = "The room as it is now.", body = RoomShape),
    (status = 400, description = "The title breaks a rule, or the body is not an object."),
    (status = 401, description = "No token, or one that does not work."),
    (status = 404, description = "No such room of the caller's."),
))]
pub async fn replace(
    request: HttpRequest,
    state: web::Data<State>,
    caller: Caller,
    pk: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    renamed(&request, &state, &caller, &pk, payload).await
}

/// The framework looks for the room before it reads the body: a missing room is 404 whatever is sent.
async fn renamed(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    pk: &str,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let id = room_ref(pk)?;
    let room: Authorized<Room, Write> = find(state, &caller.actor(), id).await?;
    let fields = Fields::from_request(request, &mut payload.into_inner()).await?;
    if let Some(title) = title(&fields)? {
        let fields = RoomFields { name: Some(title.into_string()), ..RoomFields::default() };
        state.services.rooms.change(&room, fields).await?;
    }
    shown(state, caller, id).await
}

/// Deletes a room for good, with its logs and all that the model remembers of it.
#[utoipa::path(delete, path = "/chatbot/room/{pk}/", tag = "ainfo rooms", security(("bearer" = [])), params(
    ("pk" = String, Path, description = "The room's number, or its UUID."),
), responses(
    (status = 204, description = "Deleted."),
    (status = 401, description = "No token, or one that does not work."),
    (status = 404, description = "No such room of the caller's."),
))]
pub async fn delete(
    state: web::Data<State>,
    caller: Caller,
    pk: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let room = find(&state, &caller.actor(), room_ref(&pk)?).await?;
    state.services.rooms.delete(room).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The logs of a room, oldest first.
#[utoipa::path(get, path = "/chatbot/room/{pk}/logs/", tag = "ainfo rooms", security(("bearer" = [])), params(
    ("pk" = String, Path, description = "The room's number, or its UUID."),
), responses(
    (status = 200, description = "The logs.", body = Vec<LogShape>),
    (status = 401, description = "No token, or one that does not work."),
    (status = 404, description = "No such room of the caller's."),
))]
pub async fn logs(
    state: web::Data<State>,
    caller: Caller,
    pk: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let room: Authorized<Room, Read> = find(&state, &caller.actor(), room_ref(&pk)?).await?;
    Ok(json(StatusCode::OK, room_logs::of_one(&state, &room).await?.to_vec()))
}

async fn shown(state: &State, caller: &Caller, id: RoomRef) -> Result<HttpResponse, Refusal> {
    let room: Authorized<Room, Read> = find(state, &caller.actor(), id).await?;
    let logs = room_logs::of_one(state, &room).await?;
    Ok(json(StatusCode::OK, written(state, caller, room.get(), &logs)?))
}

/// A room of the caller's with its finished logs.
fn written(state: &State, caller: &Caller, room: &Room, logs: &[u8]) -> Result<Vec<u8>, Fault> {
    with_page(&RoomShape::new(room, caller.user().number, &state.zone), logs)
}

/// The title of a body, if it has one.
fn title(fields: &Fields) -> Result<Option<CleanText>, Fault> {
    let refuse = |rule| Fault::fields(vec![FieldFault { field: "title", rule }]);
    let Some(text) = fields.text("title", TextRule { trim: true }).map_err(refuse)? else { return Ok(None) };
    if text.is_empty() {
        return Err(refuse(FieldRule::Blank));
    }
    CleanText::bounded(text, TITLE_CHARS).map(Some).map_err(|fault| {
        refuse(match fault {
            TextFault::Blank => FieldRule::Blank,
            TextFault::TooLong(most) => FieldRule::TooLong(most),
            TextFault::Control => FieldRule::Characters,
        })
    })
}

/// A room's number or UUID; what is neither names nothing (contract §2.2).
fn room_ref(pk: &str) -> Result<RoomRef, Refusal> {
    named(pk).ok_or_else(|| Refusal::phrase(StatusCode::NOT_FOUND, Phrase::NotFound))
}

/// A number that is too large for any room is a missing one's.
pub fn named(pk: &str) -> Option<RoomRef> {
    if !pk.is_empty() && pk.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(RoomRef::Number(pk.parse().unwrap_or(i64::MAX)));
    }
    pk.parse().map(RoomRef::Id).ok()
}

/// One of the caller's rooms; a foreign one is not found.
async fn find<A: Action>(state: &State, actor: &Actor, id: RoomRef) -> Result<Authorized<Room, A>, Refusal> {
    Ok(state.services.rooms.find(actor, id).await?)
}

fn json(status: StatusCode, body: impl MessageBody + 'static) -> HttpResponse {
    HttpResponse::build(status).content_type("application/json").body(body)
}
