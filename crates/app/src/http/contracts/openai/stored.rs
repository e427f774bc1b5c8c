//! Chat completions that were stored: rooms, each opened by one completion.

use super::chunks::Completion;
use super::fields::{Asked, Known, default_model};
use super::lists::{ListShape, Paging};
use super::refusal::{Refusal, RefusalShape};
use super::{conversations, ids};
use crate::http::State;
use crate::http::v1::caller::Caller;
use crate::http::v1::query::Query;
use actix_web::{HttpRequest, HttpResponse, web};
use maru_domain::access::{Action, Authorized, Read, Write};
use maru_domain::error::codes;
use maru_domain::ids::RoomRef;
use maru_domain::messages::Message;
use maru_domain::page::Order;
use maru_domain::rooms::ports::RoomFields;
use maru_domain::rooms::{Room, RoomKind};
use maru_domain::turns::TurnView;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Notes, in place of those that are there.
#[derive(ToSchema)]
#[schema(as = OpenAiMetadata)]
#[expect(dead_code, reason = "it describes a body and is never made")]
pub struct MetadataBody {
    /// Up to 16 short texts by name.
    #[schema(value_type = Object)]
    metadata: Value,
}

fn missing(id: &str) -> Refusal {
    Refusal::missing_object("Chat completion", id)
}

async fn find<A: Action>(state: &State, caller: &Caller, id: &str) -> Result<Authorized<Room, A>, Refusal> {
    let room = ids::completion_of(id).ok_or_else(|| missing(id))?;
    match state.services.rooms.find(&caller.actor(), RoomRef::Id(room)).await {
        Ok(room) if is_completion(room.get()) => Ok(room),
        Ok(_) => Err(missing(id)),
        Err(fault) if *fault.code == codes::ROOM_NOT_FOUND => Err(missing(id)),
        Err(fault) => Err(fault.into()),
    }
}

fn is_completion(room: &Room) -> bool {
    room.kind == RoomKind::Openai && room.public_id.is_some()
}

async fn shown(state: &State, room: &Authorized<Room, Read>) -> Result<Value, Refusal> {
    let first = state.services.turns.first(room).await?;
    Ok(shape(state, room.get(), first.as_ref()))
}

fn shape(state: &State, room: &Room, first: Option<&TurnView>) -> Value {
    let completion = Completion {
        id: ids::completion(room.id),
        created_at: room.created_at,
        model: first
            .and_then(|view| view.turn.model.clone())
            .or_else(|| room.model.clone())
            .unwrap_or_else(|| default_model(state)),
    };
    let mut whole = match first {
        Some(view) => completion.whole(view),
        // All that was said has been deleted.
        None => json!({
            "id": completion.id,
            "object": "chat.completion",
            "created": completion.created_at.as_second(),
            "model": completion.model,
            "choices": [],
        }),
    };
    whole["metadata"] = Value::Object(room.metadata.clone());
    whole
}

/// The caller's stored completions.
#[utoipa::path(get, path = "/v1/chat/completions", operation_id = "openai_completions", tag = "openai", security(("bearer" = [])), params(
    ("limit" = Option<u16>, Query, description = "1 to 100; 20 when missing."),
    ("after" = Option<String>, Query, description = "The id of a completion: what comes after it in this order."),
    ("order" = Option<String>, Query, description = "`asc`, the oldest first, or `desc`."),
    ("model" = Option<String>, Query, description = "Only those that named this model."),
), responses(
    (status = 200, description = "A page of completions.", body = ListShape),
    (status = 400, description = "A parameter that is wrong.", body = RefusalShape),
    (status = 401, description = "`invalid_api_key`", body = RefusalShape),
))]
pub async fn completions(
    request: HttpRequest,
    state: web::Data<State>,
    Known(caller): Known,
) -> Result<HttpResponse, Refusal> {
    let paging = Paging::of(&request, Order::Ascending)?;
    if request.query_string().contains("metadata") {
        return Err(Refusal::unsupported("metadata", "does not search in notes"));
    }
    let after = match &paging.after {
        Some(id) => Some(
            find::<Read>(&state, &caller, id)
                .await
                .map_err(|refusal| refusal.about("after", "invalid_value"))?,
        ),
        None => None,
    };
    let model = Query::of(&request).one("model")?;
    let wanted = paging.request(after.map(|room| room.get().number));
    let page = state.services.rooms.completions(caller.id(), model, wanted).await?;
    let mut data = Vec::with_capacity(page.items.len());
    for room in &page.items {
        data.push(shown(&state, room).await?);
    }
    Ok(HttpResponse::Ok().json(ListShape::new(data, page.has_more)))
}

/// A stored completion.
#[utoipa::path(get, path = "/v1/chat/completions/{id}", operation_id = "openai_completion", tag = "openai", security(("bearer" = [])), params(
    ("id" = String, Path, description = "`chatcmpl-…`"),
), responses(
    (status = 200, description = "The completion.", body = Object),
    (status = 401, description = "`invalid_api_key`", body = RefusalShape),
    (status = 404, description = "It is not there, or not stored.", body = RefusalShape),
))]
pub async fn completion(
    state: web::Data<State>,
    Known(caller): Known,
    id: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let room = find(&state, &caller, &id).await?;
    Ok(HttpResponse::Ok().json(shown(&state, &room).await?))
}

/// The messages that a stored completion was asked with.
#[utoipa::path(get, path = "/v1/chat/completions/{id}/messages", operation_id = "openai_completion_messages", tag = "openai", security(("bearer" = [])), params(
    ("id" = String, Path, description = "`chatcmpl-…`"),
    ("limit" = Option<u16>, Query, description = "1 to 100; 20 when missing."),
    ("after" = Option<String>, Query, description = "The id of a message: what comes after it in this order."),
    ("order" = Option<String>, Query, description = "`asc`, the oldest first, or `desc`."),
), responses(
    (status = 200, description = "A page of messages.", body = ListShape),
    (status = 400, description = "A parameter that is wrong.", body = RefusalShape),
    (status = 401, description = "`invalid_api_key`", body = RefusalShape),
    (status = 404, description = "It is not there, or not stored.", body = RefusalShape),
))]
pub async fn completion_messages(
    request: HttpRequest,
    state: web::Data<State>,
    Known(caller): Known,
    id: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let room: Authorized<Room, Read> = find(&state, &caller, &id).await?;
    let paging = Paging::of(&request, Order::Ascending)?;
    let Some(view) = state.services.turns.first(&room).await? else {
        return Ok(HttpResponse::Ok().json(ListShape::new(Vec::new(), false)));
    };
    let system_id = format!("{}-0", id.as_str());
    let named = paging.after.as_deref().filter(|after| *after != system_id);
    let after = conversations::place(&state, &room, named).await?;
    let page = state.services.messages.of_turn(&room, &view.turn, paging.request(after)).await?;
    let mut data: Vec<Value> = page.items.iter().map(said).collect();
    // What the model was told first stands in the room's prompt, and not among its messages.
    let prompt = &room.get().system_prompt;
    let system = json!({ "id": system_id, "role": "system", "content": prompt });
    let mut has_more = page.has_more;
    match paging.order {
        _ if prompt.is_empty() => {}
        Order::Ascending if paging.after.is_none() => {
            data.insert(0, system);
            has_more |= data.len() > paging.limit;
            data.truncate(paging.limit);
        }
        Order::Descending if !page.has_more && paging.after.as_deref() != Some(&system_id) => {
            if data.len() < paging.limit {
                data.push(system);
            } else {
                has_more = true;
            }
        }
        Order::Ascending | Order::Descending => {}
    }
    Ok(HttpResponse::Ok().json(ListShape::new(data, has_more)))
}

fn said(message: &Message) -> Value {
    json!({ "id": ids::message(message.id), "role": message.role.as_str(), "content": message.content })
}

/// Replaces the notes of a stored completion.
#[utoipa::path(post, path = "/v1/chat/completions/{id}", operation_id = "openai_change_completion", tag = "openai", request_body = MetadataBody, security(("bearer" = [])), params(
    ("id" = String, Path, description = "`chatcmpl-…`"),
), responses(
    (status = 200, description = "The completion.", body = Object),
    (status = 400, description = "A parameter that is wrong.", body = RefusalShape),
    (status = 401, description = "`invalid_api_key`", body = RefusalShape),
    (status = 404, description = "It is not there, or not stored.", body = RefusalShape),
))]
pub async fn change_completion(
    state: web::Data<State>,
    Asked(caller, body): Asked,
    id: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let metadata = body.fields().metadata()?.ok_or_else(|| Refusal::missing("metadata"))?;
    let room: Authorized<Room, Write> = find(&state, &caller, &id).await?;
    let fields = RoomFields { metadata: Some(metadata), ..RoomFields::default() };
    state.services.rooms.change(&room, fields).await?;
    let room = find(&state, &caller, &id).await?;
    Ok(HttpResponse::Ok().json(shown(&state, &room).await?))
}

/// Deletes a stored completion, and its room with it.
#[utoipa::path(delete, path = "/v1/chat/completions/{id}", operation_id = "openai_delete_completion", tag = "openai", security(("bearer" = [])), params(
    ("id" = String, Path, description = "`chatcmpl-…`"),
), responses(
    (status = 200, description = "Deleted.", body = Object),
    (status = 401, description = "`invalid_api_key`", body = RefusalShape),
    (status = 404, description = "It is not there, or not stored.", body = RefusalShape),
))]
pub async fn delete_completion(
    state: web::Data<State>,
    Known(caller): Known,
    id: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let room = find(&state, &caller, &id).await?;
    state.services.rooms.delete(room).await?;
    Ok(HttpResponse::Ok()
        .json(json!({ "object": "chat.completion.deleted", "id": id.as_str(), "deleted": true })))
}
