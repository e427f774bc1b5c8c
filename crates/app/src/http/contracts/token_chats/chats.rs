//! Sessions: send, list, edit, delete, end (contract §1.5–§1.8).

use super::super::drf::Phrase;
use super::conversation;
use super::shapes::{ChatBody, ChatShape, EditBody, EndedShape, ListedChatShape, local};
use super::{Asked, Caller, Fields, Refusal};
use crate::http::page_place::{PageList, PagePlace, with_page};
use crate::http::{State, once};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use maru_domain::access::{Authorized, Read, Write};
use maru_domain::error::{Fault, codes};
use maru_domain::ids::{MessageId, RoomRef, TurnId};
use maru_domain::messages::SendRequest;
use maru_domain::messages::ports::{EditTarget, Sent};
use maru_domain::once::OnceKey;
use maru_domain::rooms::Room;
use maru_domain::text::{CleanText, TextFault};
use maru_domain::turns::{Settled, SettledVersion, TurnView};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Starts, continues or ends the caller's session.
#[utoipa::path(post, path = "/api/chats/", tag = "token chats", request_body = ChatBody, security(("token" = [])), responses(
    (status = 201, description = "A new session was opened by this message.", body = ChatShape),
    (status = 200, description = "The message and its reply were added to the open session; or the session has ended.", body = ChatShape),
    (status = 400, description = "The content is missing, blank, too long or holds control characters."),
    (status = 401, description = "No token, or one that does not work."),
    (status = 404, description = "There is no open session to end."),
    (status = 422, description = "The Idempotency-Key was used for another request."),
    (status = 429, description = "Too many messages wait in this session; see Retry-After."),
    (status = 503, description = "The model or the database is unavailable, and nothing was stored; or the reply takes too long, and the same Idempotency-Key finds it later."),
))]
pub async fn send(
    request: HttpRequest,
    state: web::Data<State>,
    Asked { caller, fields }: Asked,
) -> Result<HttpResponse, Refusal> {
    let content = content(&fields, "Content is required.")?;
    let key = once::key(&request, &state, caller.id().to_string(), &fields.bytes)?;
    if let Some(kept) = once::kept(&state, key.as_ref()).await? {
        return Ok(kept);
    }
    if fields.flag("end_session") {
        end(&state, &caller, key).await
    } else {
        converse(&state, &caller, content, key).await
    }
}

/// The text of a message, as it was sent.
fn content(fields: &Fields, missing: &str) -> Result<CleanText, Refusal> {
    let refuse = |words: &str| Refusal::error(StatusCode::BAD_REQUEST, words);
    let text = match fields.values.get("content") {
        None | Some(Value::Null) => return Err(refuse(missing)),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) => {
            return Err(Refusal::fields(Map::from_iter([(
                "content".to_owned(),
                json!(["Not a valid string."]),
            )])));
        }
    };
    CleanText::message(text).map_err(|fault| match fault {
        TextFault::Blank => refuse(missing),
        TextFault::TooLong(most) => refuse(&format!("Content may have at most {most} characters.")),
        TextFault::Control => refuse("Content may not hold control characters."),
    })
}

async fn converse(
    state: &State,
    caller: &Caller,
    content: CleanText,
    key: Option<OnceKey>,
) -> Result<HttpResponse, Refusal> {
    let request = SendRequest {
        content,
        // A failing model leaves nothing behind (contract §1.5).
        withdraw_on_failure: true,
        once: key.clone(),
        ..SendRequest::default()
    };
    let (sending, replayed) = state.services.messages.send_to_session(caller.id(), request).await?.made()?;
    let (sent, settled) = sending.settled().await?;
    let chat = match settled {
        Settled::Ended { view, version } => {
            // A retry sees the room as it is now, not as its message found it.
            let version = version.filter(|_| !replayed);
            chat_after(state, caller, &sent, &view, version).await?
        }
        Settled::Withdrawn(_) => {
            return Err(Refusal::error(
                StatusCode::SERVICE_UNAVAILABLE,
                "The model is unavailable. Please try again.",
            ));
        }
        Settled::Gone => return Err(Refusal::error(StatusCode::NOT_FOUND, "Chat not found.")),
    };
    let status = if sent.opened { StatusCode::CREATED } else { StatusCode::OK };
    let response = once::keep(state, key, status, chat).await;
    Ok(if replayed { once::replayed(response) } else { response })
}

/// The chat after a turn: made from the page before it where that is at hand, else read anew.
async fn chat_after(
    state: &State,
    caller: &Caller,
    sent: &Sent,
    view: &TurnView,
    version: Option<SettledVersion>,
) -> Result<Vec<u8>, Refusal> {
    if let Some(version) = version
        && let Some(turns) = conversation::extended(state, sent, view, version).await?
    {
        return chat(caller, &sent.room, &turns);
    }
    let room: Authorized<Room, Read> =
        find(state, caller, RoomRef::Id(sent.room.id), "Chat not found.").await?;
    let turns = conversation::rendered(state, &room).await?;
    chat(caller, room.get(), &turns)
}

fn chat(caller: &Caller, room: &Room, turns: &[u8]) -> Result<Vec<u8>, Refusal> {
    Ok(with_page(&ChatShape::new(room, caller.user().number), turns)?)
}

async fn end(state: &State, caller: &Caller, key: Option<OnceKey>) -> Result<HttpResponse, Refusal> {
    let (room, replayed) = match state.services.rooms.end_session(caller.id(), key.clone()).await {
        Ok(ended) => ended.made()?,
        Err(fault) if *fault.code == codes::NO_OPEN_SESSION => {
            return Err(Refusal::error(StatusCode::NOT_FOUND, "No active chat session found to end."));
        }
        Err(fault) => return Err(fault.into()),
    };
    let zone = &state.token_chats_zone;
    let shape = EndedShape {
        message: "Chat session ended successfully",
        start_time: local(room.created_at, zone),
        end_time: local(room.ended_at.unwrap_or(room.updated_at), zone),
        session_id: room.id.0,
    };
    let response = once::keep(state, key, StatusCode::OK, to_json(&shape)?).await;
    Ok(if replayed { once::replayed(response) } else { response })
}

/// The caller's chats, oldest first.
#[utoipa::path(get, path = "/api/chats/", tag = "token chats", security(("token" = [])), params(
    ("session_id" = Option<String>, Query, description = "Only the chat of this id; unknown or foreign gives an empty list."),
), responses(
    (status = 200, description = "The chats.", body = Vec<ListedChatShape>),
    (status = 401, description = "No token, or one that does not work."),
    (status = 503, description = "The database is away; see Retry-After."),
))]
pub async fn list(
    request: HttpRequest,
    state: web::Data<State>,
    caller: Caller,
) -> Result<HttpResponse, Refusal> {
    let mut chats = PageList::default();
    for room in rooms(&state, &caller, session_id(request.query_string())).await? {
        let turns = match conversation::rendered(&state, &room).await {
            Ok(turns) => turns,
            // Deleted since the list was read.
            Err(fault) if *fault.code == codes::ROOM_NOT_FOUND => continue,
            Err(fault) => return Err(fault.into()),
        };
        let room = room.get();
        let chat = ListedChatShape {
            chat_id: room.number,
            user_id: caller.user().number,
            start_time: local(room.created_at, &state.token_chats_zone),
            end_time: room.ended_at.map(|at| local(at, &state.token_chats_zone)),
            session_id: room.id.0,
            conversation: PagePlace,
        };
        chats.push(&chat, turns)?;
    }
    Ok(HttpResponse::Ok().content_type("application/json").body(chats.into_body()))
}

/// The session that the list is limited to: the last of that name, as Django reads it; an empty one is none.
fn session_id(query: &str) -> Option<String> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
    let last = pairs.into_iter().rev().find(|(name, _)| name == "session_id");
    last.map(|(_, id)| id).filter(|id| !id.is_empty())
}

async fn rooms(
    state: &State,
    caller: &Caller,
    session_id: Option<String>,
) -> Result<Vec<Authorized<Room, Read>>, Refusal> {
    match session_id {
        None => Ok(state.services.rooms.owned(caller.id()).await?),
        Some(id) => {
            let Ok(id) = id.parse() else { return Ok(Vec::new()) };
            match state.services.rooms.find(&caller.actor(), RoomRef::Id(id)).await {
                Ok(room) => Ok(vec![room]),
                Err(fault) if *fault.code == codes::ROOM_NOT_FOUND => Ok(Vec::new()),
                Err(fault) => Err(fault.into()),
            }
        }
    }
}

/// Replaces what the person said in a turn; no new reply is made.
#[utoipa::path(patch, path = "/api/chats/{chat_id}/messages/{message_id}/", tag = "token chats", request_body = EditBody, security(("token" = [])), params(
    ("chat_id" = i64, Path, description = "The session's number."),
    ("message_id" = uuid::Uuid, Path, description = "The turn's id."),
), responses(
    (status = 200, description = "`{\"message\":\"Message updated successfully\"}`"),
    (status = 400, description = "The content is missing or cannot be stored."),
    (status = 401, description = "No token, or one that does not work."),
    (status = 404, description = "No such chat or message of the caller's."),
))]
pub async fn edit(
    state: web::Data<State>,
    path: web::Path<(String, String)>,
    Asked { caller, fields }: Asked,
) -> Result<HttpResponse, Refusal> {
    let (chat_id, message_id) = path.into_inner();
    let chat_id = number(&chat_id)?;
    let content = content(&fields, "Message ID and new content are required.")?;
    let room: Authorized<Room, Write> = find(&state, &caller, chat_id, "Chat not found.").await?;
    let missing = || Refusal::error(StatusCode::NOT_FOUND, "Message not found.");
    let turn: TurnId = message_id.parse().map_err(|_| missing())?;
    // What nobody was asked to answer has no turn, and is shown here under its own id.
    let messages = &state.services.messages;
    let edited = match messages.edit(&room, EditTarget::Turn(turn), content.clone()).await {
        Err(fault) if *fault.code == codes::MESSAGE_NOT_FOUND => {
            messages.edit(&room, EditTarget::Message(MessageId(turn.0)), content).await
        }
        edited => edited,
    };
    match edited {
        Ok(_) => Ok(HttpResponse::Ok().json(json!({ "message": "Message updated successfully" }))),
        Err(fault) if *fault.code == codes::MESSAGE_NOT_FOUND => Err(missing()),
        Err(fault) => Err(fault.into()),
    }
}

/// Deletes a chat for good.
#[utoipa::path(delete, path = "/api/chats/{chat_id}/", tag = "token chats", security(("token" = [])), params(
    ("chat_id" = i64, Path, description = "The session's number."),
), responses(
    (status = 200, description = "`{\"message\":\"Chat deleted successfully\"}`"),
    (status = 401, description = "No token, or one that does not work."),
    (status = 404, description = "No such chat of the caller's."),
))]
pub async fn delete(
    state: web::Data<State>,
    caller: Caller,
    path: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let chat_id = number(&path.into_inner())?;
    let missing = "Chat not found or you do not have permission to delete it.";
    let room: Authorized<Room, Write> = find(&state, &caller, chat_id, missing).await?;
    match state.services.rooms.delete(room).await {
        Ok(()) => Ok(HttpResponse::Ok().json(json!({ "message": "Chat deleted successfully" }))),
        Err(fault) if *fault.code == codes::ROOM_NOT_FOUND => {
            Err(Refusal::error(StatusCode::NOT_FOUND, missing))
        }
        Err(fault) => Err(fault.into()),
    }
}

/// A chat's number; what is not one is not found (contract §1.8).
fn number(text: &str) -> Result<RoomRef, Refusal> {
    let number = text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    number.map(RoomRef::Number).ok_or_else(|| Refusal::phrase(StatusCode::NOT_FOUND, Phrase::NotFound))
}

/// One of the caller's rooms; a foreign one is not found.
async fn find<A: maru_domain::access::Action>(
    state: &State,
    caller: &Caller,
    room: RoomRef,
    missing: &str,
) -> Result<Authorized<Room, A>, Refusal> {
    match state.services.rooms.find(&caller.actor(), room).await {
        Ok(room) => Ok(room),
        Err(fault) if *fault.code == codes::ROOM_NOT_FOUND => {
            Err(Refusal::error(StatusCode::NOT_FOUND, missing))
        }
        Err(fault) => Err(fault.into()),
    }
}

fn to_json(shape: &impl Serialize) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(shape).map_err(|error| Fault::new(&codes::INTERNAL).caused_by(error).into())
}
