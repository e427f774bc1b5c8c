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
use maru_domain::messages::{Message, SendRequest};
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
    /// The message that is edited, or the reply that is to be made anew.
    #[schema(rename = "messageId")]
    message_id: Option<String>,
    /// The model for this reply.
    model: Option<String>,
}

/// Sends a message, and streams the reply.
///
/// A message whose id was sent before is the same message: its reply is streamed again. With another text,
/// and its id as `messageId`, it is edited: what followed goes. `regenerate-message` puts another reply in
/// the place of the last one, or of the one that `messageId` names. Nothing else costs anything that is
/// stored.
#[utoipa::path(post, path = "/api/chat", operation_id = "ai_sdk_chat", tag = "ai sdk", security((), ("bearer" = [])), request_body = ChatBody, responses(
    (status = 200, description = "The parts of the reply, and `[DONE]`.", content_type = "text/event-stream"),
    (status = 400, description = "What is wrong, in plain words.", content_type = "text/plain"),
    (status = 401, description = "No token, or one that does not work.", content_type = "text/plain"),
    (status = 404, description = "There is no such chat, or no such message in it.", content_type = "text/plain"),
    (status = 409, description = "More was said since what is to be made anew.", content_type = "text/plain"),
    (status = 429, description = "Too many messages wait in this chat.", content_type = "text/plain"),
    (status = 503, description = "The server is about to stop.", content_type = "text/plain"),
))]
pub async fn chat(
    request: HttpRequest,
    state: web::Data<State>,
    Asked { visitor, wish, bytes }: Asked,
) -> Result<HttpResponse, Refusal> {
    let key = once::key(&request, &state, visitor.scope(&request), &bytes)?;
    let turn = match wish.trigger {
        Trigger::Submit => submit(&state, visitor.actor(), wish, key).await?,
        Trigger::Regenerate => regenerate(&state, visitor.actor(), wish, key).await?,
    };
    told(&request, &state, visitor, &turn).await
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

async fn submit(state: &State, actor: &Actor, wish: Wish, once: Option<OnceKey>) -> Result<Turn, Refusal> {
    let messages = &state.services.messages;
    if let Some((room, message)) = read_elsewhere(state, actor, &wish).await? {
        return sent_before(state, &room, message, wish).await;
    }
    let room = OpenRoom {
        kind: RoomKind::Ui,
        public_id: Some(wish.chat.clone()),
        name: CleanText::bounded(title_of(wish.content.as_str()), 255).unwrap_or_default(),
        system_prompt: CleanText::default(),
        model: None,
        turn_policy: TurnPolicy::Queue,
        metadata: Map::new(),
    };
    let request = SendRequest {
        content: wish.content.clone(),
        client_id: wish.message.clone(),
        model: wish.model.clone(),
        once,
        ..SendRequest::default()
    };
    let (sending, again) = messages.send_to_named(actor, room, request).await?.made()?;
    if !again || sending.sent.message.content == wish.content.as_str() {
        return Ok(sending.sent.turn);
    }
    let room = state.services.rooms.named(actor, RoomKind::Ui, wish.chat.clone()).await?;
    sent_before(state, &room, sending.sent.message, wish).await
}

/// The message that goes by an id of ours, which a client has that has read the chat elsewhere.
async fn read_elsewhere(
    state: &State,
    actor: &Actor,
    wish: &Wish,
) -> Result<Option<(Authorized<Room, Write>, Message)>, Refusal> {
    let Some(id) = wish.message.as_deref().and_then(|id| id.parse().ok()) else { return Ok(None) };
    let room = match state.services.rooms.named(actor, RoomKind::Ui, wish.chat.clone()).await {
        Err(fault) if *fault.code == codes::ROOM_NOT_FOUND => return Ok(None),
        room => room?,
    };
    match state.services.messages.find(&room, id).await {
        Err(fault) if *fault.code == codes::MESSAGE_NOT_FOUND => Ok(None),
        message => Ok(Some((room, message?))),
    }
}

/// A message that is there already: the same once more, or with another text where the client says so.
async fn sent_before(
    state: &State,
    room: &Authorized<Room, Write>,
    message: Message,
    wish: Wish,
) -> Result<Turn, Refusal> {
    let messages = &state.services.messages;
    if message.content != wish.content.as_str() {
        wish.may_edit()?;
        let sending = messages.regenerate(room, message.id, Some(wish.content), wish.model, None).await?;
        return Ok(sending.made()?.0.sent.turn);
    }
    let turn = match message.turn_id {
        Some(turn) => state.services.turns.find(turn).await?,
        None => None,
    };
    match turn {
        Some(view) => Ok(view.turn),
        // Nobody has answered it yet.
        None => Ok(messages.regenerate_last(room, &message, wish.model, None).await?.made()?.0.sent.turn),
    }
}

async fn regenerate(
    state: &State,
    actor: &Actor,
    wish: Wish,
    once: Option<OnceKey>,
) -> Result<Turn, Refusal> {
    let room = state.services.rooms.named(actor, RoomKind::Ui, wish.chat.clone()).await;
    let room: Authorized<Room, Write> =
        room.map_err(
            |fault| if *fault.code == codes::ROOM_NOT_FOUND { Refusal::no_chat() } else { fault.into() },
        )?;
    let message = named(state, &room, wish.message.clone()).await?;
    let messages = &state.services.messages;
    let is_same = message.content == wish.content.as_str();
    let made = if is_same && wish.names.is_none() {
        messages.regenerate_last(&room, &message, wish.model, once).await
    } else {
        if !is_same {
            wish.may_edit()?;
        }
        let content = (!is_same).then_some(wish.content);
        messages.regenerate(&room, message.id, content, wish.model, once).await
    };
    Ok(made?.made()?.0.sent.turn)
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
