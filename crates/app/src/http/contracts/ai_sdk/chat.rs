//! Sending, and another reply for what was sent.

use super::fields::{Asked, Trigger, Wish};
use super::parts::parts;
use super::refusal::Refusal;
use crate::http::v1::stream::{Reader, respond};
use crate::http::visitor::Visitor;
use crate::http::{State, once};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use maru_domain::access::{Actor, Authorized, Write};
use maru_domain::error::codes;
use maru_domain::messages::{Message, SendRequest, Sending};
use maru_domain::once::OnceKey;
use maru_domain::rooms::{OpenRoom, Room, RoomKind, TurnPolicy, title_of};
use maru_domain::text::CleanText;
use maru_domain::turns::Turn;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The version of the stream, without which the client does not read it.
const STREAM: HeaderName = HeaderName::from_static("x-vercel-ai-ui-message-stream");

/// What the default transport sends.
#[derive(ToSchema)]
#[schema(as = AiSdkChat)]
#[expect(dead_code, reason = "it describes a body and is never made")]
pub struct ChatBody {
    /// The chat's id among the caller's own, 1 to 128 characters; an unknown one opens a chat.
    #[schema(example = "kJ3hX2m9")]
    id: String,
    /// The chat's messages, of which only the newest of the person counts. An app may send `message` instead.
    #[schema(value_type = Vec<Object>)]
    messages: Vec<Value>,
    /// `submit-message` or `regenerate-message`.
    #[schema(example = "submit-message")]
    trigger: Option<String>,
    /// The model for this reply.
    model: Option<String>,
}

/// Sends a message, and streams the reply.
///
/// A message whose id was sent before is the same message: its reply is streamed again; with another
/// text, the text is replaced and what followed goes. `regenerate-message` puts another reply in the
/// place of the one that is there.
#[utoipa::path(post, path = "/api/chat", operation_id = "ai_sdk_chat", tag = "ai sdk", security((), ("bearer" = [])), request_body = ChatBody, responses(
    (status = 200, description = "The parts of the reply, and `[DONE]`.", content_type = "text/event-stream"),
    (status = 400, description = "What is wrong, in plain words.", content_type = "text/plain"),
    (status = 401, description = "No token, or one that does not work.", content_type = "text/plain"),
    (status = 404, description = "There is no such chat, or no such message in it.", content_type = "text/plain"),
    (status = 429, description = "Too many messages wait in this chat.", content_type = "text/plain"),
    (status = 503, description = "The server is about to stop.", content_type = "text/plain"),
))]
pub async fn chat(
    request: HttpRequest,
    state: web::Data<State>,
    Asked { visitor, wish, bytes }: Asked,
) -> Result<HttpResponse, Refusal> {
    let key = once::key(&request, &state, visitor.scope(&request), &bytes)?;
    let sending = match wish.trigger {
        Trigger::Submit => submit(&state, visitor.actor(), wish, key).await?,
        Trigger::Regenerate => regenerate(&state, visitor.actor(), wish, key).await?,
    };
    told(&request, &state, visitor, &sending.sent.turn).await
}

/// The parts of a turn's reply, from the beginning.
pub async fn told(
    request: &HttpRequest,
    state: &web::Data<State>,
    visitor: Visitor,
    turn: &Turn,
) -> Result<HttpResponse, Refusal> {
    let followed = state.services.turns.follow(turn.id, None).await?;
    let reader = Reader { visitor, ends_at_drain: false, comments: true, retry: false };
    let mut response = respond(request, state, reader, parts(turn, followed));
    response.headers_mut().insert(STREAM, HeaderValue::from_static("v1"));
    Ok(response)
}

async fn submit(state: &State, actor: &Actor, wish: Wish, once: Option<OnceKey>) -> Result<Sending, Refusal> {
    let messages = &state.services.messages;
    let (chat, content, model) = (wish.chat.clone(), wish.content.clone(), wish.model.clone());
    let room = OpenRoom {
        kind: RoomKind::Ui,
        public_id: Some(wish.chat),
        name: CleanText::bounded(title_of(wish.content.as_str()), 255).unwrap_or_default(),
        system_prompt: CleanText::default(),
        model: None,
        turn_policy: TurnPolicy::Queue,
        metadata: Map::new(),
    };
    let request = SendRequest {
        content: wish.content,
        client_id: wish.message,
        model: wish.model,
        once,
        ..SendRequest::default()
    };
    let (sending, again) = messages.send_to_named(actor, room, request).await?.made()?;
    if !again || sending.sent.message.content == content.as_str() {
        return Ok(sending);
    }
    // The person has written the message anew.
    let message = sending.sent.message.id;
    let room: Authorized<Room, Write> = state.services.rooms.named(actor, RoomKind::Ui, chat).await?;
    Ok(messages.regenerate(&room, message, Some(content), model, None).await?.made()?.0)
}

async fn regenerate(
    state: &State,
    actor: &Actor,
    wish: Wish,
    once: Option<OnceKey>,
) -> Result<Sending, Refusal> {
    let room = state.services.rooms.named(actor, RoomKind::Ui, wish.chat).await;
    let room: Authorized<Room, Write> =
        room.map_err(
            |fault| if *fault.code == codes::ROOM_NOT_FOUND { Refusal::no_chat() } else { fault.into() },
        )?;
    let message = named(state, &room, wish.message).await?;
    let content = (message.content != wish.content.as_str()).then_some(wish.content);
    let messages = &state.services.messages;
    Ok(messages.regenerate(&room, message.id, content, wish.model, once).await?.made()?.0)
}

/// The message of that id: the client's own, or ours where the client has read the chat elsewhere.
async fn named(
    state: &State,
    room: &Authorized<Room, Write>,
    id: Option<String>,
) -> Result<Message, Refusal> {
    let id = id.ok_or_else(|| Refusal::bad("the message to be answered anew must have its id"))?;
    let messages = &state.services.messages;
    match (messages.of_client(room, id.clone()).await, id.parse()) {
        (Err(fault), Ok(ours)) if *fault.code == codes::MESSAGE_NOT_FOUND => {
            Ok(messages.find(room, ours).await?)
        }
        (found, _) => Ok(found?),
    }
}
