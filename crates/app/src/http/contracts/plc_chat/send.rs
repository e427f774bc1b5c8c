//! Sending: the reply as one answer, or as a stream (contract §4.3).

use super::chats::{USER_CHARS, open_room};
use super::fields::{Asked, Fields, bounded};
use super::frames::{Frames, events};
use super::refusal::{RefusalShape, Word};
use super::shapes::{CANCELLED, ReplyShape, stamp};
use super::{Refusal, chat_id};
use crate::http::v1::stream::{Reader, respond};
use crate::http::{State, once};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use maru_domain::access::Actor;
use maru_domain::error::{Fault, codes};
use maru_domain::ids::RoomRef;
use maru_domain::messages::{SendRequest, Sending};
use maru_domain::once::{Once, OnceKey};
use maru_domain::plcs::PlcUuid;
use maru_domain::text::CleanText;
use maru_domain::turns::{Settled, TurnStatus, TurnView};
use utoipa::ToSchema;

/// A message.
#[derive(ToSchema)]
#[schema(as = PlcChatMessage)]
#[expect(dead_code, reason = "it describes a body and is never made")]
pub struct MessageBody {
    /// 1 to 32,000 characters, kept as sent.
    #[schema(example = "선택한 PLC Ladder ○○○ 기능이 구현되어 있는지 확인해줘")]
    message: String,
    /// The client's own user.
    #[schema(default = "user")]
    user_id: Option<String>,
    /// The PLC that it is about: how that is now is kept with the message.
    #[schema(example = "plc-uuid-001")]
    plc_uuid: Option<String>,
}

/// What a message says, and for whom.
struct Said {
    request: SendRequest,
    user_id: String,
}

fn said(fields: &Fields, once: Option<OnceKey>) -> Result<Said, Refusal> {
    let content = fields.message()?;
    let user_id = fields.optional("user_id")?.unwrap_or_else(|| "user".to_owned());
    let plc = match fields.optional("plc_uuid")? {
        Some(uuid) => Some(PlcUuid::parse(&uuid).ok_or_else(|| Fault::new(&codes::UNKNOWN_PLC))?),
        None => None,
    };
    let request = SendRequest { content, plc, once, ..SendRequest::default() };
    Ok(Said { request, user_id: bounded("user_id", user_id, USER_CHARS)? })
}

/// Sends to the chat of that id, which the first message opens.
async fn send(state: &State, actor: &Actor, chat: &str, said: Said) -> Result<Once<Sending>, Refusal> {
    let messages = &state.services.messages;
    if !chat_id::is_valid(chat) {
        return Err(Refusal::invalid(format!("chat_id: {chat}")));
    }
    // For its owner the id may be that of any room.
    if let (Actor::User(_), Ok(_)) = (actor, chat.parse::<RoomRef>())
        && let Some(room) = chat_id::find(state, actor, chat).await?
    {
        return Ok(messages.send(&room, said.request).await?);
    }
    let title = CleanText::bounded(format!("Chat {chat}"), 255).unwrap_or_default();
    Ok(messages.send_to_named(actor, open_room(chat.to_owned(), title, said.user_id), said.request).await?)
}

/// Sends a message and waits for the reply.
#[utoipa::path(post, path = "/v1/chat/{chat_id}/message", operation_id = "plc_chat_message", tag = "plc chat", security((), ("bearer" = [])), request_body = MessageBody, params(
    ("chat_id" = String, Path, description = "The chat's id: 1 to 50 of `A-Z a-z 0-9 . _ : -`. An unknown one opens a chat."),
), responses(
    (status = 200, description = "The reply.", body = ReplyShape),
    (status = 400, description = "`REQUIRED_FIELD_MISSING`, `CHAT_MESSAGE_INVALID` or `VALIDATION_ERROR` (also for a PLC that is not there)", body = RefusalShape),
    (status = 401, description = "`CHAT_ACCESS_DENIED`", body = RefusalShape),
    (status = 429, description = "`TOO_MANY_REQUESTS`: too many messages wait in this chat.", body = RefusalShape),
    (status = 503, description = "`CHAT_AI_RESPONSE_ERROR`: the model failed; the message stays.", body = RefusalShape),
))]
pub async fn message(
    request: HttpRequest,
    state: web::Data<State>,
    Asked(visitor, fields): Asked,
    chat: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let key = once::key(&request, &state, visitor.scope(&request), &fields.bytes)?;
    let said = said(&fields, key.clone())?;
    if let Some(kept) = once::kept(&state, key.as_ref()).await? {
        return Ok(kept);
    }
    let (sending, again) = send(&state, visitor.actor(), &chat, said).await?.made()?;
    let shape = match sending.settled().await?.1 {
        Settled::Ended { view, .. } => reply(&state, &view)?,
        Settled::Withdrawn(_) | Settled::Gone => return Err(Refusal::no_chat(&chat)),
    };
    let body = serde_json::to_vec(&shape).map_err(|error| Fault::new(&codes::INTERNAL).caused_by(error))?;
    let response = once::keep(&state, key, StatusCode::OK, body).await;
    Ok(if again { once::replayed(response) } else { response })
}

/// The end of a turn as one answer.
fn reply(state: &State, view: &TurnView) -> Result<ReplyShape, Refusal> {
    let (kind, content) = match view.turn.status {
        TurnStatus::Cancelled => ("cancelled", CANCELLED.to_owned()),
        TurnStatus::Completed => ("ai_response", view.reply.clone()),
        _ => return Err(failed(view)),
    };
    Ok(ReplyShape {
        kind,
        message_id: view.turn.reply_id.to_string(),
        content,
        user_id: "ai",
        timestamp: stamp(view.turn.finished_at.unwrap_or(view.turn.created_at), &state.zone),
    })
}

/// A turn whose model failed; what is said of it is ours and not the provider's.
pub fn failed(view: &TurnView) -> Refusal {
    let detail = view.turn.error.as_ref().map_or("", |error| error.detail.as_str());
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, Word::AiResponseError, detail)
}

/// Sends a message and streams the reply, in `data:` lines only.
///
/// Frames: `user_message`, `progress`, `ai_response_chunk`, and at the end `ai_response_complete`,
/// `cancelled` or `error`; `heartbeat` every ten seconds. A reader that leaves stops nothing.
#[utoipa::path(post, path = "/v1/chat/{chat_id}/stream", operation_id = "plc_chat_stream", tag = "plc chat", security((), ("bearer" = [])), request_body = MessageBody, params(
    ("chat_id" = String, Path, description = "The chat's id. An unknown one opens a chat."),
), responses(
    (status = 200, description = "Frames.", content_type = "text/event-stream"),
    (status = 400, description = "`REQUIRED_FIELD_MISSING`, `CHAT_MESSAGE_INVALID` or `VALIDATION_ERROR`", body = RefusalShape),
    (status = 401, description = "`CHAT_ACCESS_DENIED`", body = RefusalShape),
    (status = 429, description = "`TOO_MANY_REQUESTS`", body = RefusalShape),
))]
pub async fn stream(
    request: HttpRequest,
    state: web::Data<State>,
    Asked(visitor, fields): Asked,
    chat: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let key = once::key(&request, &state, visitor.scope(&request), &fields.bytes)?;
    let said = said(&fields, key)?;
    let user_id = said.user_id.clone();
    let (sending, again) = send(&state, visitor.actor(), &chat, said).await?.made()?;
    let turn = sending.sent.turn.id;
    let followed = state.services.turns.follow(turn, None).await?;
    let frames = Frames::new(state.zone.clone(), chat.into_inner(), user_id, &sending.sent);
    let reader = Reader { visitor, ends_at_drain: false, comments: false, retry: false };
    let response = respond(&request, &state, reader, events(frames, followed));
    Ok(if again { once::replayed(response) } else { response })
}
