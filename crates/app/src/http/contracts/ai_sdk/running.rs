//! Coming back to a reply that is being made, and stopping it.

use super::chat::told;
use super::fields::is_id;
use super::refusal::Refusal;
use crate::http::State;
use crate::http::visitor::Visitor;
use actix_web::{HttpRequest, HttpResponse, web};
use maru_domain::access::{Actor, Authorized, Write};
use maru_domain::error::codes;
use maru_domain::rooms::{Room, RoomKind};
use serde::Serialize;
use utoipa::ToSchema;

/// What stopping answers.
#[derive(Serialize, ToSchema)]
#[schema(as = AiSdkStopped)]
pub struct StoppedShape {
    /// Nothing runs in the chat any more.
    success: bool,
}

/// The caller's chat of that id, if there is one.
async fn find(state: &State, actor: &Actor, id: &str) -> Result<Option<Authorized<Room, Write>>, Refusal> {
    if !is_id(id) {
        return Ok(None);
    }
    match state.services.rooms.named(actor, RoomKind::Ui, id.to_owned()).await {
        Ok(room) => Ok(Some(room)),
        Err(fault) if *fault.code == codes::ROOM_NOT_FOUND => Ok(None),
        Err(fault) => Err(fault.into()),
    }
}

/// The reply that is being made in a chat, from its beginning.
#[utoipa::path(get, path = "/api/chat/{id}/stream", operation_id = "ai_sdk_resume", tag = "ai sdk", security((), ("bearer" = [])), params(
    ("id" = String, Path, description = "The chat's id."),
), responses(
    (status = 200, description = "The parts of the reply, from the first one on.", content_type = "text/event-stream"),
    (status = 204, description = "Nothing runs in this chat, or it is not there."),
    (status = 401, description = "No token, or one that does not work.", content_type = "text/plain"),
))]
pub async fn resume(
    request: HttpRequest,
    state: web::Data<State>,
    visitor: Visitor,
    id: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let Some(room) = find(&state, visitor.actor(), &id).await? else {
        return Ok(HttpResponse::NoContent().finish());
    };
    match state.services.turns.running(&room).await? {
        Some(view) => told(&request, &state, visitor, &view.turn).await,
        None => Ok(HttpResponse::NoContent().finish()),
    }
}

/// Stops what runs in a chat. The text so far is kept; no more text comes after this answer.
#[utoipa::path(post, path = "/api/chat/{id}/stop", operation_id = "ai_sdk_stop", tag = "ai sdk", security((), ("bearer" = [])), params(
    ("id" = String, Path, description = "The chat's id."),
), responses(
    (status = 200, description = "Nothing runs in the chat any more.", body = StoppedShape),
    (status = 401, description = "No token, or one that does not work.", content_type = "text/plain"),
))]
pub async fn stop(
    state: web::Data<State>,
    visitor: Visitor,
    id: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    if let Some(room) = find(&state, visitor.actor(), &id).await? {
        state.services.turns.cancel_all(&room).await?;
    }
    Ok(HttpResponse::Ok().json(StoppedShape { success: true }))
}
