//! The handshake of `/ws/chat/{room_id}/` (contract §2.3). Whoever may not talk in the room is
//! refused before it, with 403 and without a word why.

mod frames;
mod incoming;
mod talk;

use super::Refusal;
use super::rooms::named;
use crate::http::{State, credentials};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, SEC_WEBSOCKET_VERSION, UPGRADE};
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use actix_ws::Session;
use incoming::Incoming;
use maru_domain::access::{Actor, Authorized, Read, Write};
use maru_domain::error::{Fault, Kind, codes};
use maru_domain::messages::Message;
use maru_domain::rooms::Room;
use std::time::Duration;
use talk::Talk;
use tracing::Instrument;

/// A WebSocket to talk in a room: first its logs, then replies as they are made.
#[utoipa::path(get, path = "/ws/chat/{room_id}/", tag = "ainfo rooms", security(("bearer" = [])), params(
    ("room_id" = String, Path, description = "The room's number, or its UUID."),
    ("token" = Option<String>, Query, description = "The token, for clients that cannot send an Authorization header."),
), responses(
    (status = 101, description = "The socket is open. It takes `{\"message\":\"…\"}` and sends `{\"role\",\"message\",\"timestamp\"}` for each log, then `{\"response\",\"is_streaming\"}` or `{\"error\"}`."),
    (status = 403, description = "No token, one that does not work, or no such room of the caller's."),
    (status = 426, description = "The request is no handshake of a WebSocket."),
    (status = 503, description = "The server is about to stop, or the database is away; see Retry-After."),
))]
pub async fn socket(
    request: HttpRequest,
    state: web::Data<State>,
    room_id: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let key = key(&request).ok_or_else(forbidden)?;
    if state.services.engine.is_draining() {
        return Err(Fault::new(&codes::DRAINING).retry_after(Duration::from_secs(1)).into());
    }
    let (room, past) = enter(&state, &key, &room_id).await.map_err(refusal)?;
    let Some((response, session, incoming)) = accept(&request, payload).await else {
        return Ok(no_handshake());
    };
    start(Talk::new(state, room, key, session, incoming), past);
    Ok(response)
}

/// The token of the address, or that of the header.
fn key(request: &HttpRequest) -> Option<String> {
    let query: Vec<(String, String)> = serde_urlencoded::from_str(request.query_string()).unwrap_or_default();
    let token = query.into_iter().find(|(name, token)| name == "token" && !token.is_empty());
    token.map(|(_, token)| token).or_else(|| credentials::key(request).ok().map(str::to_owned))
}

/// The room to talk in, with what was said in it so far.
async fn enter(state: &State, key: &str, id: &str) -> Result<(Authorized<Room, Write>, Vec<Message>), Fault> {
    let actor = Actor::User(state.services.accounts.admit(key).await?);
    let id = named(id).ok_or_else(|| Fault::new(&codes::ROOM_NOT_FOUND))?;
    let room: Authorized<Room, Read> = state.services.rooms.find(&actor, id).await?;
    let past = state.services.rooms.conversation(&room).await?.messages;
    Ok((state.services.rooms.find(&actor, id).await?, past))
}

fn refusal(fault: Fault) -> Refusal {
    match fault.kind() {
        Kind::Unauthenticated | Kind::NotFound => forbidden(),
        _ => fault.into(),
    }
}

fn forbidden() -> Refusal {
    Refusal::detail(StatusCode::FORBIDDEN, "이 작업을 수행할 권한(permission)이 없습니다.".to_owned())
}

/// The socket, unless the request is no handshake.
async fn accept(request: &HttpRequest, payload: web::Payload) -> Option<(HttpResponse, Session, Incoming)> {
    let (payload, allowance) = incoming::bounded(payload);
    let payload = web::Payload::from_request(request, &mut payload.into()).await.ok()?;
    let (response, session, frames) = actix_ws::handle(request, payload).ok()?;
    Some((response, session, Incoming::new(frames, allowance)))
}

fn no_handshake() -> HttpResponse {
    let refusal = Refusal::detail(StatusCode::UPGRADE_REQUIRED, "WebSocket 연결이 필요합니다.".to_owned());
    let mut response = refusal.into_response();
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    response
}

#[expect(
    clippy::disallowed_methods,
    reason = "a socket lives on the worker that holds its connection; whatever must be finished is a task of the server"
)]
fn start(talk: Talk, past: Vec<Message>) {
    actix_web::rt::spawn(talk.run(past).in_current_span());
}
