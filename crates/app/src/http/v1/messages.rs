//! Messages: page, read, edit, delete (contract §8). Sending is in `send.rs`.

use super::bodies::EditBody;
use super::caller::{Asked, Caller};
use super::query::{self, Paging};
use super::rooms::find;
use super::send::{self, Ask};
use super::shapes::{self, MessageShape, PageShape, SentShape};
use super::{Problem, etag};
use crate::http::State;
use crate::http::plc_pages::{PlcPage, is_hidden};
use actix_web::{HttpRequest, HttpResponse, web};
use maru_domain::access::{Authorized, Read, Write};
use maru_domain::error::{Fault, codes};
use maru_domain::ids::MessageId;
use maru_domain::messages::ports::EditTarget;
use maru_domain::messages::{Message, Role};
use maru_domain::page::{Order, PageRequest};
use maru_domain::plcs::Hidden;
use maru_domain::rooms::Room;
use serde_json::Value;

/// A page of a room's messages.
#[utoipa::path(get, path = "/v1/rooms/{id}/messages", operation_id = "v1_messages", tag = "messages", security(("bearer" = [])), params(
    ("id" = String, Path, description = "The room's id or number."),
    ("limit" = Option<u16>, Query, description = "1 to 200; 50 when missing.", minimum = 1, maximum = 200),
    ("after" = Option<String>, Query, description = "A cursor: what follows it in this order."),
    ("before" = Option<String>, Query, description = "A cursor: what comes just before it in this order."),
    ("order" = Option<String>, Query, description = "`asc`, the oldest first, or `desc`."),
    ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer."),
), responses(
    (status = 200, description = "A page, with an `ETag`.", body = PageShape<MessageShape>),
    (status = 304, description = "As it was under that `ETag`."),
))]
pub async fn messages(
    request: HttpRequest,
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let wanted = Paging::of(&request)?.request::<i64>(Order::Ascending)?;
    let room: Authorized<Room, Read> = find(&state, &caller, &id).await?;
    let tag = format!("{}-{}", room.get().id.0.simple(), room.get().version);
    if let Some(unchanged) = etag::not_modified(&request, &tag) {
        return Ok(unchanged);
    }
    // The version is part of the key, so a page can be missing but never stale.
    let key = format!("v1.messages:2:{tag}:{wanted:?}");
    let page = match PlcPage::kept(&state, &key).await {
        Some(page) => page,
        None => made(&state, &room, wanted, key).await?,
    };
    let hidden = page.hidden(&state).await?;
    // What is hidden can change without a change of the room, and the tag with it.
    let tag = if page.shows_plcs() { format!("{tag}-{}", plcs_tag(&state, &hidden)) } else { tag };
    if let Some(unchanged) = etag::not_modified(&request, &tag) {
        return Ok(unchanged);
    }
    let response =
        HttpResponse::Ok().content_type("application/json").body(page.shown(&hidden, "data", hide)?);
    Ok(etag::tagged(response, &tag))
}

async fn made(
    state: &State,
    room: &Authorized<Room, Read>,
    wanted: PageRequest<i64>,
    key: String,
) -> Result<PlcPage, Problem> {
    let page = state.services.messages.page(room, wanted).await?;
    let nothing = Hidden::none();
    let blank = PlcPage::blank(&page.items)?;
    let shape = |message| shapes::message(message, &nothing);
    let page = blank.written(&query::shape(page, &wanted, |message| message.seq, shape))?;
    page.keep(state, key).await;
    Ok(page)
}

/// Takes the snapshot of a hidden PLC out of a message.
fn hide(message: &mut Value, hidden: &Hidden) {
    if let Some(plc) = message.get_mut("plc")
        && is_hidden(plc.get("plc_uuid"), hidden)
    {
        plc["snapshot"] = Value::Null;
    }
}

fn plcs_tag(state: &State, hidden: &Hidden) -> String {
    let names: Vec<&str> = hidden.sorted().into_iter().map(|plc| plc.0.as_str()).collect();
    let digest = state.services.accounts.fingerprint(names.join("\n").as_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A message as it may be shown now.
pub async fn shown(state: &State, message: Message) -> Result<MessageShape, Problem> {
    let hidden = state.services.plcs.hidden_in([&message]).await?;
    Ok(shapes::message(message, &hidden))
}

fn message_id(text: &str) -> Result<MessageId, Problem> {
    text.parse().map_err(|_| Fault::new(&codes::MESSAGE_NOT_FOUND).into())
}

/// A message.
#[utoipa::path(get, path = "/v1/rooms/{id}/messages/{message_id}", operation_id = "v1_message", tag = "messages", security(("bearer" = [])), params(
    ("id" = String, Path, description = "The room's id or number."),
    ("message_id" = uuid::Uuid, Path, description = "The message's id."),
), responses((status = 200, description = "The message.", body = MessageShape)))]
pub async fn message(
    state: web::Data<State>,
    caller: Caller,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let room: Authorized<Room, Read> = find(&state, &caller, &path.0).await?;
    let message = state.services.messages.find(&room, message_id(&path.1)?).await?;
    Ok(HttpResponse::Ok().json(shown(&state, message).await?))
}

/// Replaces what a person said. With `regenerate` the later messages go and a new turn starts.
#[utoipa::path(patch, path = "/v1/rooms/{id}/messages/{message_id}", operation_id = "v1_edit_message", tag = "messages", request_body = EditBody, security(("bearer" = [])), params(
    ("id" = String, Path, description = "The room's id or number."),
    ("message_id" = uuid::Uuid, Path, description = "The message's id."),
), responses(
    (status = 200, description = "The message; no new reply is made. (With `regenerate` and `Prefer: wait`: as for a send.)", body = MessageShape),
    (status = 201, description = "With `regenerate`: the message and its new turn, or the turn's events.", body = SentShape),
))]
pub async fn edit(
    request: HttpRequest,
    state: web::Data<State>,
    Asked(caller, body): Asked,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (content, regenerate) = (body.content(), body.flag("regenerate").unwrap_or(false));
    body.check()?;
    let content = content.ok_or_else(|| Fault::new(&codes::INVALID_REQUEST))?;
    let room: Authorized<Room, Write> = find(&state, &caller, &path.0).await?;
    let id = message_id(&path.1)?;
    let messages = &state.services.messages;
    if regenerate {
        let again = messages.regenerate(&room, id, Some(content), None, None).await?;
        return send::answer(Ask { request: &request, state: &state, caller: &caller, key: None }, again)
            .await;
    }
    if messages.find(&room, id).await?.role != Role::User {
        return Err(Fault::new(&codes::NOT_A_PERSONS_MESSAGE).into());
    }
    let message = messages.edit(&room, EditTarget::Message(id), content).await?;
    Ok(HttpResponse::Ok().json(shown(&state, message).await?))
}

/// Deletes a message. A turn that still writes it ends first.
#[utoipa::path(delete, path = "/v1/rooms/{id}/messages/{message_id}", operation_id = "v1_delete_message", tag = "messages", security(("bearer" = [])), params(
    ("id" = String, Path, description = "The room's id or number."),
    ("message_id" = uuid::Uuid, Path, description = "The message's id."),
), responses((status = 204, description = "Deleted.")))]
pub async fn delete(
    state: web::Data<State>,
    caller: Caller,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let room: Authorized<Room, Write> = find(&state, &caller, &path.0).await?;
    state.services.messages.delete(&room, message_id(&path.1)?).await?;
    Ok(HttpResponse::NoContent().finish())
}
