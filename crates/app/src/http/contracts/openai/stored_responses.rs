//! Responses that are stored: reading them again, stopping and deleting them.

use super::fields::{Asked, Known};
use super::items::item;
use super::lists::{ListShape, Paging, check_include};
use super::refusal::{Refusal, RefusalShape};
use super::response_events::{events, last_number};
use super::responses::about;
use super::{conversations, ids};
use crate::http::State;
use crate::http::v1::caller::Caller;
use crate::http::v1::query::Query;
use crate::http::v1::stream::{Reader, respond};
use actix_web::{HttpRequest, HttpResponse, web};
use maru_domain::access::{Action, Authorized, Read, Write};
use maru_domain::error::codes;
use maru_domain::ids::RoomRef;
use maru_domain::page::Order;
use maru_domain::rooms::Room;
use maru_domain::turns::TurnView;
use serde_json::json;

/// The turn of that response with its room, when the caller may see it.
pub async fn find<A: Action>(
    state: &State,
    caller: &Caller,
    id: &str,
) -> Result<(TurnView, Authorized<Room, A>), Refusal> {
    let missing = || Refusal::missing_object("Response", id);
    let turn = ids::turn_of(id).ok_or_else(missing)?;
    let view = state.services.turns.find(turn).await?.ok_or_else(missing)?;
    match state.services.rooms.find(&caller.actor(), RoomRef::Id(view.turn.room_id)).await {
        Ok(room) => Ok((view, room)),
        Err(fault) if *fault.code == codes::ROOM_NOT_FOUND => Err(missing()),
        Err(fault) => Err(fault.into()),
    }
}

/// A response; or, with `stream`, its events after number `starting_after`.
#[utoipa::path(get, path = "/v1/responses/{id}", operation_id = "openai_response", tag = "openai", security(("bearer" = [])), params(
    ("id" = String, Path, description = "`resp_…`"),
    ("stream" = Option<bool>, Query, description = "Its events, from the beginning to the end."),
    ("starting_after" = Option<u64>, Query, description = "With `stream`: the `sequence_number` of the last event that the reader has. 400 where the response has ended before it."),
    ("include_obfuscation" = Option<bool>, Query, description = "No stream is padded, whatever is said here."),
), responses(
    (status = 200, description = "The response, or its events.", body = Object),
    (status = 400, description = "A parameter that is wrong.", body = RefusalShape),
    (status = 401, description = "`invalid_api_key`", body = RefusalShape),
    (status = 404, description = "It is not there.", body = RefusalShape),
))]
pub async fn response(
    request: HttpRequest,
    state: web::Data<State>,
    Known(caller): Known,
    id: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    check_include(&request)?;
    let query = Query::of(&request);
    let stream = flag(&query, "stream")?.unwrap_or(false);
    flag(&query, "include_obfuscation")?;
    let has = match query.one("starting_after")? {
        None => None,
        Some(_) if !stream => return Err(Refusal::value("starting_after", "it goes with stream=true only")),
        Some(number) => {
            let number: u32 = number.parse().map_err(|_| {
                Refusal::value("starting_after", "it must be the sequence_number of an event")
            })?;
            Some(u64::from(number))
        }
    };
    let (view, room) = find::<Read>(&state, &caller, &id).await?;
    let about = about(&state, room.get(), &view.turn);
    if !stream {
        return Ok(HttpResponse::Ok().json(about.response(&view)));
    }
    let turns = &state.services.turns;
    if let (Some(has), true) = (has, view.turn.status.is_terminal()) {
        let followed = turns.follow(view.turn.id, None).await?;
        if let Some(last) =
            last_number(about.clone(), view.turn.clone(), followed).await.filter(|last| has > *last)
        {
            return Err(Refusal::no_event(last));
        }
    }
    let followed = turns.follow(view.turn.id, None).await?;
    Ok(respond(&request, &state, Reader::of(&caller), events(about, view.turn, has, followed)))
}

fn flag(query: &Query, name: &str) -> Result<Option<bool>, Refusal> {
    match query.one(name)?.as_deref() {
        None => Ok(None),
        Some("false") => Ok(Some(false)),
        Some("true") => Ok(Some(true)),
        Some(_) => Err(Refusal::value(name, "it must be 'true' or 'false'")),
    }
}

/// Deletes a response with what was said in it; and its conversation, when it opened that and nothing
/// else is left there. One that is still being made is stopped first.
#[utoipa::path(delete, path = "/v1/responses/{id}", operation_id = "openai_delete_response", tag = "openai", security(("bearer" = [])), params(
    ("id" = String, Path, description = "`resp_…`"),
), responses(
    (status = 200, description = "Deleted.", body = Object),
    (status = 401, description = "`invalid_api_key`", body = RefusalShape),
    (status = 404, description = "It is not there.", body = RefusalShape),
))]
pub async fn delete_response(
    state: web::Data<State>,
    Known(caller): Known,
    id: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let (view, room) = find::<Write>(&state, &caller, &id).await?;
    state.services.turns.delete(&room, view.turn.id).await?;
    Ok(HttpResponse::Ok().json(json!({ "id": id.as_str(), "object": "response", "deleted": true })))
}

/// Stops a response. The text so far is kept; one that has ended is answered as it is.
#[utoipa::path(post, path = "/v1/responses/{id}/cancel", operation_id = "openai_cancel_response", tag = "openai", security(("bearer" = [])), params(
    ("id" = String, Path, description = "`resp_…`"),
), responses(
    (status = 200, description = "The response, ended.", body = Object),
    (status = 401, description = "`invalid_api_key`", body = RefusalShape),
    (status = 404, description = "It is not there.", body = RefusalShape),
))]
pub async fn cancel_response(
    state: web::Data<State>,
    id: web::Path<String>,
    Asked(caller, _): Asked,
) -> Result<HttpResponse, Refusal> {
    let (view, room) = find::<Write>(&state, &caller, &id).await?;
    let view = state.services.turns.cancel(&room, view.turn.id).await?;
    Ok(HttpResponse::Ok().json(about(&state, room.get(), &view.turn).response(&view)))
}

/// What a response was asked with.
#[utoipa::path(get, path = "/v1/responses/{id}/input_items", operation_id = "openai_input_items", tag = "openai", security(("bearer" = [])), params(
    ("id" = String, Path, description = "`resp_…`"),
    ("limit" = Option<u16>, Query, description = "1 to 100; 20 when missing."),
    ("after" = Option<String>, Query, description = "The id of an item: what comes after it in this order."),
    ("order" = Option<String>, Query, description = "`desc`, the newest first, or `asc`."),
), responses(
    (status = 200, description = "A page of items.", body = ListShape),
    (status = 400, description = "A parameter that is wrong.", body = RefusalShape),
    (status = 401, description = "`invalid_api_key`", body = RefusalShape),
    (status = 404, description = "It is not there.", body = RefusalShape),
))]
pub async fn input_items(
    request: HttpRequest,
    state: web::Data<State>,
    Known(caller): Known,
    id: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let (view, room) = find::<Read>(&state, &caller, &id).await?;
    let paging = Paging::of(&request, Order::Descending)?;
    let after = conversations::place(&state, &room, paging.after.as_deref()).await?;
    let page = state.services.messages.of_turn(&room, &view.turn, paging.request(after)).await?;
    Ok(HttpResponse::Ok().json(ListShape::of(&page, item)))
}
