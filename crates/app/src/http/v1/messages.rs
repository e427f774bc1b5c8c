//! Messages: page, send, edit, delete (contract §8).

use super::body::Body;
use super::caller::Caller;
use super::query::{self, Paging};
use super::rooms::find;
use super::{Problem, etag, shapes, stream};
use crate::http::{State, once};
use actix_web::http::header::{ACCEPT, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use maru_domain::access::{Authorized, Read, Write};
use maru_domain::error::{Fault, codes};
use maru_domain::ids::MessageId;
use maru_domain::messages::ports::EditTarget;
use maru_domain::messages::{SendRequest, Sending};
use maru_domain::once::Once;
use maru_domain::page::Order;
use maru_domain::rooms::Room;
use maru_domain::turns::{Settled, TurnView};
use serde_json::{Value, json};
use std::time::Duration;

/// The longest that `Prefer: wait` waits.
const LONGEST_WAIT: u64 = 120;

/// GET /v1/rooms/{id}/messages
pub async fn messages(
    request: HttpRequest,
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
    paging: web::Query<Paging>,
) -> Result<HttpResponse, Problem> {
    let wanted = paging.request::<i64>(Order::Ascending)?;
    let room: Authorized<Room, Read> = find(&state, &caller, &id).await?;
    let tag = format!("{}-{}", room.get().id.0.simple(), room.get().version);
    if let Some(unchanged) = etag::not_modified(&request, &tag) {
        return Ok(unchanged);
    }
    // The version is part of the key, so a page can be missing but never stale.
    let key = format!("v1.messages:1:{tag}:{wanted:?}");
    let page = match state.services.pages.get(key.clone()).await {
        Some(page) => page,
        None => {
            let page = state.services.messages.page(&room, wanted).await?;
            let page = query::shape(&page, &wanted, |message| message.seq, shapes::message).to_string();
            let page: std::sync::Arc<[u8]> = page.into_bytes().into();
            state.services.pages.put(key, page.clone()).await;
            page
        }
    };
    let response = HttpResponse::Ok().content_type("application/json").body(page.to_vec());
    Ok(etag::tagged(response, &tag))
}

fn message_id(text: &str) -> Result<MessageId, Problem> {
    text.parse().map_err(|_| Fault::new(&codes::MESSAGE_NOT_FOUND).into())
}

/// GET /v1/rooms/{id}/messages/{message_id}
pub async fn message(
    state: web::Data<State>,
    caller: Caller,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let room: Authorized<Room, Read> = find(&state, &caller, &path.0).await?;
    let message = state.services.messages.find(&room, message_id(&path.1)?).await?;
    Ok(HttpResponse::Ok().json(shapes::message(&message)))
}

/// POST /v1/rooms/{id}/messages
pub async fn send(
    request: HttpRequest,
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let (content, reply) = (body.content(), body.flag("reply").unwrap_or(true));
    let metadata = body.object("metadata").unwrap_or_default();
    let model = body.text("model");
    body.check()?;
    let content = content.ok_or_else(|| Fault::new(&codes::INVALID_REQUEST))?;
    let key = once::key(&request, &state, caller.id().to_string(), &body.bytes)?;
    let room: Authorized<Room, Write> = find(&state, &caller, &id).await?;
    let send = SendRequest { content, metadata, model, withdraw_on_failure: false, once: key };
    if !reply {
        return match state.services.messages.add(&room, send).await? {
            Once::Done(message) => Ok(HttpResponse::Created().json(alone(&message))),
            Once::Replayed(message) => Ok(once::replayed(HttpResponse::Created().json(alone(&message)))),
            Once::KeyReused => Err(Fault::new(&codes::IDEMPOTENCY_KEY_REUSED).into()),
        };
    }
    match state.services.messages.send(&room, send).await? {
        Once::Done(sending) => answer(&request, &state, &caller, sending).await,
        Once::Replayed(sending) => Ok(once::replayed(answer(&request, &state, &caller, sending).await?)),
        Once::KeyReused => Err(Fault::new(&codes::IDEMPOTENCY_KEY_REUSED).into()),
    }
}

fn alone(message: &maru_domain::messages::Message) -> Value {
    json!({ "message": shapes::message(message), "turn": null })
}

/// What was stored, as it is; as a stream that goes on to the end of the turn; or after the end.
pub async fn answer(
    request: &HttpRequest,
    state: &web::Data<State>,
    caller: &Caller,
    sending: Sending,
) -> Result<HttpResponse, Problem> {
    let view = TurnView { turn: sending.sent.turn.clone(), reply: String::new() };
    let message = shapes::message(&sending.sent.message);
    let body = json!({ "message": message, "turn": shapes::turn(&view) });
    if wants_stream(request) {
        let turn = view.turn.id;
        return stream::turn(request, state, caller, turn, None, Some(body)).await;
    }
    let Some(wait) = preferred_wait(request) else { return Ok(HttpResponse::Created().json(body)) };
    let settled = tokio::time::timeout(wait, sending.settled()).await;
    let mut response = match settled {
        Ok(settled) => match settled?.1 {
            Settled::Ended { view, .. } => {
                HttpResponse::Ok().json(json!({ "message": message, "turn": shapes::turn(&view) }))
            }
            Settled::Withdrawn(_) | Settled::Gone => return Err(Fault::new(&codes::TURN_NOT_FOUND).into()),
        },
        Err(_) => HttpResponse::Created().json(body),
    };
    if let Ok(applied) = HeaderValue::from_str(&format!("wait={}", wait.as_secs())) {
        response.headers_mut().insert(HeaderName::from_static("preference-applied"), applied);
    }
    Ok(response)
}

/// True when the client asks for events.
pub fn wants_stream(request: &HttpRequest) -> bool {
    let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept
        .split(',')
        .any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == "text/event-stream"))
}

/// `Prefer: wait=30` (RFC 7240).
fn preferred_wait(request: &HttpRequest) -> Option<Duration> {
    let prefer = request.headers().get("prefer")?.to_str().ok()?;
    let wait = prefer.split([',', ';']).find_map(|preference| preference.trim().strip_prefix("wait="))?;
    let seconds: u64 = wait.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(LONGEST_WAIT)))
}

/// PATCH /v1/rooms/{id}/messages/{message_id}
pub async fn edit(
    request: HttpRequest,
    state: web::Data<State>,
    caller: Caller,
    path: web::Path<(String, String)>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let (content, regenerate) = (body.content(), body.flag("regenerate").unwrap_or(false));
    body.check()?;
    let content = content.ok_or_else(|| Fault::new(&codes::INVALID_REQUEST))?;
    let room: Authorized<Room, Write> = find(&state, &caller, &path.0).await?;
    let id = message_id(&path.1)?;
    if regenerate {
        let sending = state.services.messages.regenerate(&room, id, Some(content), None).await?;
        return answer(&request, &state, &caller, sending).await;
    }
    let found = state.services.messages.find(&room, id).await?;
    if found.role != maru_domain::messages::Role::User {
        return Err(Fault::new(&codes::NOT_A_PERSONS_MESSAGE).into());
    }
    let message = state.services.messages.edit(&room, EditTarget::Message(id), content).await?;
    Ok(HttpResponse::Ok().json(shapes::message(&message)))
}

/// DELETE /v1/rooms/{id}/messages/{message_id}
pub async fn delete(
    state: web::Data<State>,
    caller: Caller,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let room: Authorized<Room, Write> = find(&state, &caller, &path.0).await?;
    state.services.messages.delete(&room, message_id(&path.1)?).await?;
    Ok(HttpResponse::NoContent().finish())
}
