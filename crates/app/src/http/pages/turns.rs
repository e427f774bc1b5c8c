//! Replies that are stopped, or asked for anew.

use super::answer::{self, Trouble};
use super::conversation::{self, Voice};
use super::form::Asked;
use super::language::Language;
use super::place::is_of_htmx;
use super::rooms::{self, address};
use crate::http::{State, once};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use maru_domain::access::{Authorized, Write};
use maru_domain::error::{Fault, codes};
use maru_domain::messages::Sending;
use maru_domain::rooms::Room;
use maru_domain::turns::TurnView;
use std::time::Duration;

/// Without scripts an answer waits so long for the reply; then the page shows how far it is.
const PATIENCE: Duration = Duration::from_secs(60);

/// A turn of a room.
pub async fn find(state: &State, room: &Room, turn: &str) -> Result<TurnView, Fault> {
    let missing = || Fault::new(&codes::TURN_NOT_FOUND);
    let view = state.services.turns.find(turn.parse().map_err(|_| missing())?).await?;
    view.filter(|view| view.turn.room_id == room.id).ok_or_else(missing)
}

/// Stops a reply; the text so far is kept.
#[utoipa::path(post, path = "/chat/{pk}/turns/{turn}/stop/", operation_id = "pages_stop", tag = "pages", security((), ("token" = [])), params(
    ("pk" = i64, Path, description = "The room's number."),
    ("turn" = uuid::Uuid, Path, description = "The turn's id."),
), responses(
    (status = 302, description = "Stopped: the room."),
    (status = 204, description = "With `HX-Request: true`: stopped; the stream says the rest."),
    (status = 401, description = "A form to log in."),
    (status = 403, description = "Another site's form."),
    (status = 404, description = "The room has no such turn."),
))]
pub async fn stop(
    request: HttpRequest,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
    Asked(visitor, _): Asked,
) -> Result<HttpResponse, Trouble> {
    let room: Authorized<Room, Write> = rooms::find(&state, &visitor, &path.0).await?;
    let view = find(&state, room.get(), &path.1).await?;
    state.services.turns.cancel(&room, view.turn.id).await?;
    if is_of_htmx(request.headers()) {
        return Ok(answer::secured(HttpResponse::NoContent().finish()));
    }
    Ok(answer::go_to(&address(room.get().number)))
}

/// Has the latest reply written again.
#[utoipa::path(post, path = "/chat/{pk}/turns/{turn}/retry/", operation_id = "pages_retry", tag = "pages", security((), ("token" = [])), params(
    ("pk" = i64, Path, description = "The room's number."),
    ("turn" = uuid::Uuid, Path, description = "The turn's id."),
), responses(
    (status = 302, description = "The room, with the new reply."),
    (status = 200, description = "With `HX-Request: true`: the new reply while it is written.", content_type = "text/html"),
    (status = 401, description = "A form to log in."),
    (status = 403, description = "Another site's form."),
    (status = 404, description = "The room has no such turn."),
    (status = 409, description = "The turn still runs, is not the latest, or the room has ended."),
    (status = 422, description = "The Idempotency-Key was used for another request."),
    (status = 503, description = "The server stops, or the database is away."),
))]
pub async fn retry(
    request: HttpRequest,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
    Asked(visitor, form): Asked,
) -> Result<HttpResponse, Trouble> {
    let room: Authorized<Room, Write> = rooms::find(&state, &visitor, &path.0).await?;
    let view = find(&state, room.get(), &path.1).await?;
    if !view.turn.status.is_terminal() {
        return Err(Fault::new(&codes::TURN_IN_PROGRESS).into());
    }
    let key = once::key(&request, &state, visitor.scope(&request), &form.bytes)?;
    let (sending, _) = state.services.messages.retry(&room, &view.turn, key).await?.made()?;
    if is_of_htmx(request.headers()) {
        let reply = state.services.messages.find(&room, sending.sent.turn.reply_id).await?;
        let words = Language::of(request.headers()).words();
        let voice = Voice { state: &state, words, room: room.get().number };
        return Ok(answer::piece(StatusCode::OK, conversation::one(&voice, &reply, true, true).await?));
    }
    wait_a_while(sending).await;
    Ok(answer::go_to(&address(room.get().number)))
}

/// Waits for a reply, for a reader whose page does not grow by itself. What becomes of it stands on the
/// page that they see next.
pub async fn wait_a_while(sending: Sending) {
    let _ = tokio::time::timeout(PATIENCE, sending.settled()).await;
}
