//! Stopping a reply, and clearing a chat (contract §4.3).

use super::chats::USER_CHARS;
use super::fields::Query;
use super::refusal::RefusalShape;
use super::{Refusal, chat_id};
use crate::http::visitor::Visitor;
use crate::http::{State, once};
use actix_web::{HttpRequest, HttpResponse, web};
use maru_domain::access::{Authorized, Write};
use maru_domain::once::KeptAnswer;
use maru_domain::rooms::Room;
use maru_domain::rooms::ports::RoomFields;
use serde_json::{Value, json};

fn kept(body: &Value) -> KeptAnswer {
    KeptAnswer { status: 200, body: body.to_string() }
}

/// Stops the reply that is being written in a chat. The open stream ends with `cancelled`; messages that wait behind it
/// are answered.
#[utoipa::path(post, path = "/v1/chat/{chat_id}/cancel", operation_id = "plc_chat_cancel", tag = "plc chat", security((), ("bearer" = [])), params(
    ("chat_id" = String, Path, description = "The chat's id."),
    ("user_id" = String, Query, description = "The client's own user."),
), responses(
    (status = 200, description = "`{\"message\",\"cancelled\"}`; not cancelled when nothing was being written."),
    (status = 400, description = "`REQUIRED_FIELD_MISSING`", body = RefusalShape),
    (status = 401, description = "`CHAT_ACCESS_DENIED`", body = RefusalShape),
))]
pub async fn cancel(
    request: HttpRequest,
    state: web::Data<State>,
    visitor: Visitor,
    chat: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    Query::of(&request).required("user_id", USER_CHARS)?;
    let key = once::key(&request, &state, visitor.scope(&request), b"")?;
    let act = async {
        let cancelled = match chat_id::find(&state, visitor.actor(), &chat).await? {
            Some(room) => state.services.turns.cancel_running(&room).await?,
            None => false,
        };
        let message = if cancelled {
            "AI 응답 생성이 취소되었습니다."
        } else {
            "취소할 수 있는 생성이 없습니다."
        };
        Ok(kept(&json!({ "message": message, "cancelled": cancelled })))
    };
    once::repeatable(&state, key, act).await
}

/// Takes everything said in a chat away; the chat stays.
#[utoipa::path(post, path = "/v1/chat/{chat_id}/clear", operation_id = "plc_chat_clear", tag = "plc chat", security((), ("bearer" = [])), params(
    ("chat_id" = String, Path, description = "The chat's id."),
), responses(
    (status = 200, description = "`{\"type\":\"conversation_cleared\",\"message\"}`"),
    (status = 401, description = "`CHAT_ACCESS_DENIED`", body = RefusalShape),
    (status = 404, description = "`CHAT_SESSION_NOT_FOUND`", body = RefusalShape),
))]
pub async fn clear(
    request: HttpRequest,
    state: web::Data<State>,
    visitor: Visitor,
    chat: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let key = once::key(&request, &state, visitor.scope(&request), b"")?;
    let act = async {
        let room: Authorized<Room, Write> = chat_id::room(&state, visitor.actor(), &chat).await?;
        let fields = RoomFields { clear: true, archive: true, ..RoomFields::default() };
        state.services.rooms.change(&room, fields).await?;
        Ok(kept(&json!({ "type": "conversation_cleared", "message": "대화 기록이 초기화되었습니다." })))
    };
    once::repeatable(&state, key, act).await
}
