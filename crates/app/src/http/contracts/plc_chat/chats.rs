//! Chats: open, list, rename, delete (contract §4.3).

use super::fields::{Asked, Query, text_words};
use super::refusal::RefusalShape;
use super::shapes::{ChatShape, user_of};
use super::{Refusal, chat_id};
use crate::http::visitor::Visitor;
use crate::http::{State, once};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use maru_domain::access::{Authorized, Read};
use maru_domain::error::{Fault, codes};
use maru_domain::rooms::ports::RoomFields;
use maru_domain::rooms::{OpenRoom, Room, RoomKind, TurnPolicy};
use maru_domain::text::CleanText;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// The longest title of a chat, in characters.
pub const TITLE_CHARS: usize = 255;
/// The longest name that a client has for one of its own users.
pub const USER_CHARS: usize = 100;

/// A new chat.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes a body and is never made")]
pub struct NewChatBody {
    #[schema(example = "1라인 점검")]
    chat_title: String,
    /// The client's own user.
    #[schema(example = "user001")]
    user_id: String,
}

/// A room of this contract.
pub fn open_room(public_id: String, title: CleanText, user_id: String) -> OpenRoom {
    OpenRoom {
        kind: RoomKind::Plc,
        public_id: Some(public_id),
        name: title,
        system_prompt: CleanText::default(),
        model: None,
        turn_policy: TurnPolicy::Queue,
        metadata: Map::from_iter([("user_id".to_owned(), Value::String(user_id))]),
    }
}

fn title(name: &str, text: String) -> Result<CleanText, Refusal> {
    CleanText::bounded(text, TITLE_CHARS)
        .map_err(|fault| Refusal::invalid(format!("{name} {}", text_words(&fault))))
}

/// Opens a chat.
#[utoipa::path(post, path = "/v1/chat/chats", operation_id = "plc_chat_create", tag = "plc chat", security((), ("bearer" = [])), request_body = NewChatBody, responses(
    (status = 200, description = "The chat.", body = ChatShape),
    (status = 400, description = "`REQUIRED_FIELD_MISSING` or `VALIDATION_ERROR`", body = RefusalShape),
    (status = 401, description = "`CHAT_ACCESS_DENIED`", body = RefusalShape),
))]
pub async fn create(
    request: HttpRequest,
    state: web::Data<State>,
    Asked(visitor, fields): Asked,
) -> Result<HttpResponse, Refusal> {
    let user_id = fields.required("user_id", USER_CHARS)?;
    let title = title("chat_title", fields.required("chat_title", TITLE_CHARS)?)?;
    let key = once::key(&request, &state, visitor.scope(&request), &fields.bytes)?;
    if let Some(kept) = once::kept(&state, key.as_ref()).await? {
        return Ok(kept);
    }
    let open = open_room(state.services.rooms.new_public_id(), title, user_id);
    let (room, again) = state.services.rooms.open(visitor.actor(), open, key.clone()).await?.made()?;
    let body = serde_json::to_vec(&ChatShape::opened(&room, &state.zone))
        .map_err(|error| Fault::new(&codes::INTERNAL).caused_by(error))?;
    let response = once::keep(&state, key, StatusCode::OK, body).await;
    Ok(if again { once::replayed(response) } else { response })
}

/// The chats of one of the client's users, the newest first.
#[utoipa::path(get, path = "/v1/chat/chats", operation_id = "plc_chat_list", tag = "plc chat", security((), ("bearer" = [])), params(
    ("user_id" = String, Query, description = "The client's own user."),
), responses(
    (status = 200, description = "`{\"chats\":[…]}`", body = Vec<ChatShape>),
    (status = 400, description = "`REQUIRED_FIELD_MISSING`", body = RefusalShape),
    (status = 401, description = "`CHAT_ACCESS_DENIED`", body = RefusalShape),
))]
pub async fn list(
    request: HttpRequest,
    state: web::Data<State>,
    visitor: Visitor,
) -> Result<HttpResponse, Refusal> {
    let user_id = Query::of(&request).required("user_id", USER_CHARS)?;
    let rooms = state.services.rooms.of_client(visitor.actor(), RoomKind::Plc, user_id).await?;
    let chats: Vec<ChatShape> = rooms.iter().map(|room| ChatShape::listed(room, &state.zone)).collect();
    Ok(HttpResponse::Ok().json(json!({ "chats": chats })))
}

/// A chat.
///
/// `history` is no chat here: the path would be the history of a chat called `chats`, and no chat
/// may be called that.
#[utoipa::path(get, path = "/v1/chat/chats/{chat_id}", operation_id = "plc_chat_one", tag = "plc chat", security((), ("bearer" = [])), params(
    ("chat_id" = String, Path, description = "The chat's id."),
), responses(
    (status = 200, description = "The chat.", body = ChatShape),
    (status = 401, description = "`CHAT_ACCESS_DENIED`", body = RefusalShape),
    (status = 404, description = "`CHAT_SESSION_NOT_FOUND`", body = RefusalShape),
))]
pub async fn chat(
    state: web::Data<State>,
    visitor: Visitor,
    chat: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    if *chat == "history" {
        return Err(Refusal::no_chat("chats"));
    }
    let room: Authorized<Room, Read> = chat_id::room(&state, visitor.actor(), &chat).await?;
    Ok(HttpResponse::Ok().json(ChatShape::listed(room.get(), &state.zone)))
}

/// Gives a chat another title.
#[utoipa::path(put, path = "/v1/chat/chats/{chat_id}/title", operation_id = "plc_chat_rename", tag = "plc chat", security((), ("bearer" = [])), params(
    ("chat_id" = String, Path, description = "The chat's id."),
    ("new_title" = String, Query, description = "The new title."),
    ("user_id" = String, Query, description = "The client's own user, for whom the chat was opened."),
), responses(
    (status = 200, description = "`{\"message\",\"success\"}`; not a success when there is no such chat of this user."),
    (status = 400, description = "`REQUIRED_FIELD_MISSING` or `VALIDATION_ERROR`", body = RefusalShape),
    (status = 401, description = "`CHAT_ACCESS_DENIED`", body = RefusalShape),
))]
pub async fn rename(
    request: HttpRequest,
    state: web::Data<State>,
    visitor: Visitor,
    chat: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let query = Query::of(&request);
    let name = title("new_title", query.required("new_title", TITLE_CHARS)?)?.into_string();
    let user_id = query.required("user_id", USER_CHARS)?;
    let room =
        chat_id::find(&state, visitor.actor(), &chat).await?.filter(|room| user_of(room.get()) == user_id);
    let success = match room {
        Some(room) => {
            let fields = RoomFields { name: Some(name), ..RoomFields::default() };
            done(state.services.rooms.change(&room, fields).await)?
        }
        None => false,
    };
    let message = if success {
        "채팅방 이름이 변경되었습니다."
    } else {
        "채팅방 이름 변경에 실패했습니다."
    };
    Ok(HttpResponse::Ok().json(json!({ "message": message, "success": success })))
}

/// Takes a chat away. What was said stays in the database, where nobody reads it.
#[utoipa::path(delete, path = "/v1/chat/chats/{chat_id}", operation_id = "plc_chat_delete", tag = "plc chat", security((), ("bearer" = [])), params(
    ("chat_id" = String, Path, description = "The chat's id."),
), responses(
    (status = 200, description = "`{\"message\",\"deleted\"}`; not deleted when there is no such chat."),
    (status = 401, description = "`CHAT_ACCESS_DENIED`", body = RefusalShape),
))]
pub async fn delete(
    state: web::Data<State>,
    visitor: Visitor,
    chat: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let deleted = match chat_id::find(&state, visitor.actor(), &chat).await? {
        Some(room) => done(state.services.rooms.hide(room).await)?,
        None => false,
    };
    let message =
        if deleted { "채팅이 삭제되었습니다." } else { "채팅 삭제에 실패했습니다." };
    Ok(HttpResponse::Ok().json(json!({ "message": message, "deleted": deleted })))
}

/// False when the room was gone already.
fn done<T>(outcome: Result<T, Fault>) -> Result<bool, Refusal> {
    match outcome {
        Ok(_) => Ok(true),
        Err(fault) if *fault.code == codes::ROOM_NOT_FOUND => Ok(false),
        Err(fault) => Err(fault.into()),
    }
}
