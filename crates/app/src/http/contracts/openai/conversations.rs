//! Conversations and their items: rooms and their messages under other names.

use super::fields::{Asked, Known};
use super::ids;
use super::items::{item, kept};
use super::lists::{ListShape, Paging};
use super::refusal::{Refusal, RefusalShape, missing_item};
use super::stored::MetadataBody;
use crate::http::v1::caller::Caller;
use crate::http::{State, once};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use maru_domain::access::{Action, Authorized, Read, Write};
use maru_domain::error::{Fault, codes};
use maru_domain::ids::{MessageId, RoomRef};
use maru_domain::messages::{Message, Saying};
use maru_domain::page::Order;
use maru_domain::rooms::ports::RoomFields;
use maru_domain::rooms::{OpenRoom, Room, RoomKind, TurnPolicy, title_of};
use maru_domain::text::CleanText;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// The most items that are told at once.
const ITEMS: usize = 20;

/// A new conversation.
#[derive(ToSchema)]
#[schema(as = OpenAiNewConversation)]
#[expect(dead_code, reason = "it describes a body and is never made")]
pub struct ConversationBody {
    /// Up to 20 messages that it begins with.
    #[schema(value_type = Option<Vec<Object>>)]
    items: Option<Vec<Value>>,
    /// Up to 16 short texts by name.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
}

/// Items for a conversation.
#[derive(ToSchema)]
#[schema(as = OpenAiNewItems)]
#[expect(dead_code, reason = "it describes a body and is never made")]
pub struct ItemsBody {
    /// 1 to 20 messages: `{"type":"message","role","content"}`.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Value>,
}

/// A conversation.
pub fn shape(room: &Room) -> Value {
    json!({
        "id": ids::conversation(room.id),
        "object": "conversation",
        "created_at": room.created_at.as_second(),
        "metadata": room.metadata,
    })
}

/// The caller's room of that name; a foreign one is not found.
pub async fn find<A: Action>(
    state: &State,
    caller: &Caller,
    id: &str,
) -> Result<Authorized<Room, A>, Refusal> {
    let room = ids::room_of(id).ok_or_else(|| Refusal::no_conversation(id))?;
    match state.services.rooms.find(&caller.actor(), RoomRef::Id(room)).await {
        Err(fault) if *fault.code == codes::ROOM_NOT_FOUND => Err(Refusal::no_conversation(id)),
        found => Ok(found?),
    }
}

/// A room of this contract, named after what is said first in it.
pub fn open_room(said: Option<&Saying>) -> OpenRoom {
    let name = said.map_or_else(String::new, |said| title_of(said.content.as_str()));
    OpenRoom {
        kind: RoomKind::Openai,
        public_id: None,
        name: CleanText::bounded(name, 255).unwrap_or_default(),
        system_prompt: CleanText::default(),
        model: None,
        turn_policy: TurnPolicy::Queue,
        metadata: serde_json::Map::new(),
    }
}

/// Opens a conversation.
#[utoipa::path(post, path = "/v1/conversations", operation_id = "openai_open_conversation", tag = "openai", request_body = ConversationBody, security(("bearer" = [])), responses(
    (status = 200, description = "The conversation.", body = Object),
    (status = 400, description = "A parameter that is wrong or not supported, by its name in `param`.", body = RefusalShape),
    (status = 401, description = "`invalid_api_key`", body = RefusalShape),
))]
pub async fn open(
    request: HttpRequest,
    state: web::Data<State>,
    Asked(caller, body): Asked,
) -> Result<HttpResponse, Refusal> {
    let fields = body.fields();
    let said = kept(fields.list("items")?.map_or(&[][..], Vec::as_slice), "items", ITEMS)?;
    let room = OpenRoom { metadata: fields.metadata()?.unwrap_or_default(), ..open_room(said.first()) };
    let key = once::key(&request, &state, caller.id().to_string(), &body.bytes)?;
    if let Some(kept) = once::kept(&state, key.as_ref()).await? {
        return Ok(kept);
    }
    let (room, again) = if said.is_empty() {
        state.services.rooms.open(&caller.actor(), room, key.clone()).await?.made()?
    } else {
        let heard = state.services.messages.tell_anew(&caller.actor(), room, said, key.clone()).await?;
        heard.map(|heard| heard.room).made()?
    };
    let response = once::keep(&state, key, StatusCode::OK, shape(&room).to_string().into_bytes()).await;
    Ok(if again { once::replayed(response) } else { response })
}

/// A conversation.
#[utoipa::path(get, path = "/v1/conversations/{id}", operation_id = "openai_conversation", tag = "openai", security(("bearer" = [])), params(
    ("id" = String, Path, description = "`conv_…`"),
), responses(
    (status = 200, description = "The conversation.", body = Object),
    (status = 401, description = "`invalid_api_key`", body = RefusalShape),
    (status = 404, description = "It is not there.", body = RefusalShape),
))]
pub async fn conversation(
    state: web::Data<State>,
    Known(caller): Known,
    id: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let room: Authorized<Room, Read> = find(&state, &caller, &id).await?;
    Ok(HttpResponse::Ok().json(shape(room.get())))
}

/// Replaces the notes of a conversation.
#[utoipa::path(post, path = "/v1/conversations/{id}", operation_id = "openai_change_conversation", tag = "openai", request_body = MetadataBody, security(("bearer" = [])), params(
    ("id" = String, Path, description = "`conv_…`"),
), responses(
    (status = 200, description = "The conversation as it is now.", body = Object),
    (status = 400, description = "A parameter that is wrong.", body = RefusalShape),
    (status = 401, description = "`invalid_api_key`", body = RefusalShape),
    (status = 404, description = "It is not there.", body = RefusalShape),
))]
pub async fn change(
    state: web::Data<State>,
    Asked(caller, body): Asked,
    id: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let metadata = body.fields().metadata()?.ok_or_else(|| Refusal::missing("metadata"))?;
    let room: Authorized<Room, Write> = find(&state, &caller, &id).await?;
    let fields = RoomFields { metadata: Some(metadata), ..RoomFields::default() };
    let room = state.services.rooms.change(&room, fields).await?;
    Ok(HttpResponse::Ok().json(shape(&room)))
}

/// Deletes a conversation for good, with its items.
#[utoipa::path(delete, path = "/v1/conversations/{id}", operation_id = "openai_delete_conversation", tag = "openai", security(("bearer" = [])), params(
    ("id" = String, Path, description = "`conv_…`"),
), responses(
    (status = 200, description = "Deleted.", body = Object),
    (status = 401, description = "`invalid_api_key`", body = RefusalShape),
    (status = 404, description = "It is not there.", body = RefusalShape),
))]
pub async fn delete(
    state: web::Data<State>,
    Known(caller): Known,
    id: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let room = find(&state, &caller, &id).await?;
    state.services.rooms.delete(room).await?;
    Ok(HttpResponse::Ok()
        .json(json!({ "id": id.as_str(), "object": "conversation.deleted", "deleted": true })))
}

fn item_id(id: &str) -> Result<MessageId, Refusal> {
    ids::message_of(id).ok_or_else(|| Refusal::missing_object("Item", id))
}

/// A message of a room; one that is not there under its name here.
pub async fn message<A>(state: &State, room: &Authorized<Room, A>, id: &str) -> Result<Message, Refusal> {
    let id = item_id(id)?;
    match state.services.messages.find(room, id).await {
        Err(fault) if *fault.code == codes::MESSAGE_NOT_FOUND => Err(missing_item(id)),
        found => Ok(found?),
    }
}

/// The place of the item that a page comes after, where one is named.
pub async fn place<A>(
    state: &State,
    room: &Authorized<Room, A>,
    after: Option<&str>,
) -> Result<Option<i64>, Refusal> {
    let Some(after) = after else { return Ok(None) };
    let found = message(state, room, after).await.map_err(|refusal| {
        if refusal.is_missing() { refusal.about("after", "invalid_value") } else { refusal }
    })?;
    Ok(Some(found.seq))
}

/// The items of a conversation.
#[utoipa::path(get, path = "/v1/conversations/{id}/items", operation_id = "openai_items", tag = "openai", security(("bearer" = [])), params(
    ("id" = String, Path, description = "`conv_…`"),
    ("limit" = Option<u16>, Query, description = "1 to 100; 20 when missing."),
    ("after" = Option<String>, Query, description = "The id of an item: what comes after it in this order."),
    ("order" = Option<String>, Query, description = "`desc`, the newest first, or `asc`."),
), responses(
    (status = 200, description = "A page of items.", body = ListShape),
    (status = 400, description = "A parameter that is wrong.", body = RefusalShape),
    (status = 401, description = "`invalid_api_key`", body = RefusalShape),
    (status = 404, description = "It is not there.", body = RefusalShape),
))]
pub async fn items(
    request: HttpRequest,
    state: web::Data<State>,
    Known(caller): Known,
    id: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let room: Authorized<Room, Read> = find(&state, &caller, &id).await?;
    let paging = Paging::of(&request, Order::Descending)?;
    let after = place(&state, &room, paging.after.as_deref()).await?;
    let page = state.services.messages.page(&room, paging.request(after)).await?;
    Ok(HttpResponse::Ok().json(ListShape::of(&page, item)))
}

/// Adds items to a conversation. No reply is made.
#[utoipa::path(post, path = "/v1/conversations/{id}/items", operation_id = "openai_add_items", tag = "openai", request_body = ItemsBody, security(("bearer" = [])), params(
    ("id" = String, Path, description = "`conv_…`"),
), responses(
    (status = 200, description = "The items that were added.", body = ListShape),
    (status = 400, description = "A parameter that is wrong or not supported, by its name in `param`.", body = RefusalShape),
    (status = 401, description = "`invalid_api_key`", body = RefusalShape),
    (status = 404, description = "It is not there.", body = RefusalShape),
))]
pub async fn add_items(
    request: HttpRequest,
    state: web::Data<State>,
    Asked(caller, body): Asked,
    id: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let fields = body.fields();
    let items = fields.list("items")?.ok_or_else(|| Refusal::missing("items"))?;
    let said = kept(items, "items", ITEMS)?;
    if said.is_empty() {
        return Err(Refusal::value("items", "it must not be empty"));
    }
    let key = once::key(&request, &state, caller.id().to_string(), &body.bytes)?;
    if let Some(kept) = once::kept(&state, key.as_ref()).await? {
        return Ok(kept);
    }
    let room: Authorized<Room, Write> = find(&state, &caller, &id).await?;
    let (heard, again) = state.services.messages.tell(&room, said, key.clone()).await?.made()?;
    let list = ListShape::new(heard.messages.iter().map(item).collect(), false);
    let body = serde_json::to_vec(&list).map_err(|error| Fault::new(&codes::INTERNAL).caused_by(error))?;
    let response = once::keep(&state, key, StatusCode::OK, body).await;
    Ok(if again { once::replayed(response) } else { response })
}

/// An item of a conversation.
#[utoipa::path(get, path = "/v1/conversations/{id}/items/{item_id}", operation_id = "openai_item", tag = "openai", security(("bearer" = [])), params(
    ("id" = String, Path, description = "`conv_…`"),
    ("item_id" = String, Path, description = "`msg_…`"),
), responses(
    (status = 200, description = "The item.", body = Object),
    (status = 401, description = "`invalid_api_key`", body = RefusalShape),
    (status = 404, description = "It is not there.", body = RefusalShape),
))]
pub async fn one_item(
    state: web::Data<State>,
    Known(caller): Known,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Refusal> {
    let room: Authorized<Room, Read> = find(&state, &caller, &path.0).await?;
    Ok(HttpResponse::Ok().json(item(&message(&state, &room, &path.1).await?)))
}

/// Deletes an item. A reply that is still being written ends first.
#[utoipa::path(delete, path = "/v1/conversations/{id}/items/{item_id}", operation_id = "openai_delete_item", tag = "openai", security(("bearer" = [])), params(
    ("id" = String, Path, description = "`conv_…`"),
    ("item_id" = String, Path, description = "`msg_…`"),
), responses(
    (status = 200, description = "The conversation.", body = Object),
    (status = 401, description = "`invalid_api_key`", body = RefusalShape),
    (status = 404, description = "It is not there.", body = RefusalShape),
))]
pub async fn delete_item(
    state: web::Data<State>,
    Known(caller): Known,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Refusal> {
    let room: Authorized<Room, Write> = find(&state, &caller, &path.0).await?;
    let id = message(&state, &room, &path.1).await?.id;
    state.services.messages.delete(&room, id).await?;
    Ok(HttpResponse::Ok().json(shape(room.get())))
}
