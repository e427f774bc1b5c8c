//! Threads: send, status, delete; and the health check (contract §5.1, §5.4, §5.6, §5.7).

use super::fields::{Asked, of_query};
use super::refusal::Refusal;
use super::shapes::{self, MessageBody, PendingShape, ReplyShape};
use crate::http::visitor::Visitor;
use crate::http::{State, once};
use actix_web::{Error, HttpRequest, HttpResponse, web};
use maru_domain::access::{Read, Write};
use maru_domain::error::{Fault, codes};
use maru_domain::quotes::{Replied, ThreadName};
use serde_json::json;

/// Sends a message. The first three are answered at once and their reply is prepared; from the fourth
/// on the answer is the reply with a quote.
#[utoipa::path(post, path = "/api/chat/send", operation_id = "quote_chat_send", tag = "quote chat", request_body = MessageBody, security((), ("token" = [])), responses(
    (status = 200, description = "The reply is on its way, or here it is.", body = inline(ReplyShape<'static>)),
    (status = 400, description = "A field is missing, empty, null or no text."),
    (status = 401, description = "Anonymous callers are not let in, or the token does not work."),
    (status = 413, description = "The body is too large."),
    (status = 422, description = "The Idempotency-Key was used for another request."),
    (status = 429, description = "Too many messages wait in this thread; see Retry-After."),
    (status = 503, description = "The database is away or the server stops; see Retry-After."),
))]
pub async fn send(
    request: HttpRequest,
    state: web::Data<State>,
    asked: Asked,
) -> Result<HttpResponse, Refusal> {
    let Asked { visitor, name, content, bytes } = asked;
    let key = once::key(&request, &state, visitor.scope(&request), &bytes)?;
    let (replied, again) = state.services.quotes.send(visitor.actor(), &name, content, key).await?.made()?;
    let response = answer(&name, &replied);
    Ok(if again { once::replayed(response) } else { response })
}

fn answer(name: &ThreadName, replied: &Replied) -> HttpResponse {
    match replied {
        Replied::Pending(sent) => HttpResponse::Ok().json(shapes::pending(name, sent.turn.created_at)),
        Replied::Done(view) => HttpResponse::Ok().json(shapes::reply(name, view)),
    }
}

/// How a thread stands. Asking changes nothing.
#[utoipa::path(get, path = "/api/chat/status", operation_id = "quote_chat_status", tag = "quote chat", security((), ("token" = [])), params(
    ("userId" = String, Query, description = "The client's id of the person."),
    ("threadNum" = String, Query, description = "The client's id of the thread."),
), responses(
    (status = 200, description = "The latest reply; without content and quote while it is on its way.", body = inline(PendingShape<'static>)),
    (status = 400, description = "A parameter is missing or empty."),
    (status = 401, description = "Anonymous callers are not let in, or the token does not work."),
    (status = 404, description = "There is no such thread."),
))]
pub async fn status(
    request: HttpRequest,
    state: web::Data<State>,
    visitor: Visitor,
) -> Result<HttpResponse, Refusal> {
    let name = of_query(&request)?;
    let room = state.services.quotes.thread::<Read>(visitor.actor(), &name).await?;
    let latest = state.services.quotes.standing(&room).await?.latest;
    Ok(if latest.turn.status.is_terminal() {
        HttpResponse::Ok().json(shapes::reply(&name, &latest))
    } else {
        HttpResponse::Ok().json(shapes::pending(&name, latest.turn.created_at))
    })
}

/// Deletes a thread. The next message to it is a first one again.
#[utoipa::path(delete, path = "/api/chat/{userId}/{threadNum}", operation_id = "quote_chat_delete", tag = "quote chat", security((), ("token" = [])), params(
    ("userId" = String, Path, description = "The client's id of the person."),
    ("threadNum" = String, Path, description = "The client's id of the thread."),
), responses(
    (status = 200, description = "`{\"message\":\"대화가 삭제되었습니다.\"}`"),
    (status = 401, description = "Anonymous callers are not let in, or the token does not work."),
    (status = 404, description = "There is no such thread."),
))]
pub async fn delete(
    state: web::Data<State>,
    visitor: Visitor,
    path: Result<web::Path<(String, String)>, Error>,
) -> Result<HttpResponse, Refusal> {
    let name = path.ok().and_then(|path| ThreadName::of(&path.0, &path.1));
    let name = name.ok_or_else(|| Fault::new(&codes::ROOM_NOT_FOUND))?;
    let room = state.services.quotes.thread::<Write>(visitor.actor(), &name).await?;
    state.services.rooms.delete(room).await?;
    Ok(HttpResponse::Ok().json(json!({ "message": "대화가 삭제되었습니다." })))
}

/// Whether the server is well, and how many threads there are.
#[utoipa::path(get, path = "/api/health", operation_id = "quote_chat_health", tag = "quote chat", responses(
    (status = 200, description = "`{\"status\":\"ok\",\"timestamp\":\"…\",\"activeConversations\":5}`"),
    (status = 503, description = "The database is away; see Retry-After."),
))]
pub async fn health(state: web::Data<State>) -> Result<HttpResponse, Refusal> {
    let threads = state.services.quotes.threads().await?;
    Ok(HttpResponse::Ok().json(json!({
        "status": "ok",
        "timestamp": shapes::time(state.services.clock.now()),
        "activeConversations": threads,
    })))
}
