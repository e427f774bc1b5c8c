//! Sending a message, and the three ways to hear of its reply (contract §8): what was stored, the
//! finished turn, or the turn's events.

use super::bodies::MessageBody;
use super::caller::{Asked, Caller};
use super::rooms::find;
use super::shapes::{self, SentShape};
use super::{Problem, answers, messages, stream};
use crate::http::{State, once};
use actix_web::http::StatusCode;
use actix_web::http::header::{Accept, Header, HeaderName, HeaderValue, Quality};
use actix_web::{HttpRequest, HttpResponse, mime, web};
use maru_domain::access::{Authorized, Write};
use maru_domain::error::{Fault, FieldRule, codes};
use maru_domain::messages::{Message, SendRequest, Sending};
use maru_domain::once::{Once, OnceKey};
use maru_domain::plcs::PlcUuid;
use maru_domain::rooms::Room;
use maru_domain::turns::{Settled, TurnView};
use std::time::Duration;

/// The longest that `Prefer: wait` waits.
const LONGEST_WAIT: u64 = 120;

/// Sends a message and starts its turn.
///
/// With `Accept: text/event-stream` the answer goes on with the turn's events: the first, `message`,
/// is the 201 body.
#[utoipa::path(post, path = "/v1/rooms/{id}/messages", operation_id = "v1_send", tag = "messages", request_body = MessageBody, security(("bearer" = [])), params(
    ("id" = String, Path, description = "The room's id or number."),
    ("Prefer" = Option<String>, Header, description = "`wait=30`: answer when the turn has ended, or after so many seconds (at most 120)."),
    ("Accept" = Option<String>, Header, description = "`text/event-stream` for events."),
    ("Idempotency-Key" = Option<String>, Header, description = "Does a thing once, however often it is sent."),
), responses(
    (status = 201, description = "Stored; the reply comes by itself.", body = SentShape),
    (status = 200, description = "With `Prefer: wait`: the finished turn; or, with `Accept: text/event-stream`, events.", body = SentShape),
))]
pub async fn send(
    request: HttpRequest,
    state: web::Data<State>,
    Asked(caller, body): Asked,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (content, reply) = (body.content(), body.flag("reply").unwrap_or(true));
    let (metadata, model) = (body.object("metadata").unwrap_or_default(), body.text("model"));
    let plc = body.parsed("plc_uuid", FieldRule::Choice, PlcUuid::parse);
    body.check()?;
    let content = content.ok_or_else(|| Fault::new(&codes::INVALID_REQUEST))?;
    let key = once::key(&request, &state, caller.id().to_string(), &body.bytes)?;
    let ask = Ask { request: &request, state: &state, caller: &caller, key: key.clone() };
    if let Some(kept) = ask.kept().await? {
        return Ok(kept);
    }
    let room: Authorized<Room, Write> = find(&state, &caller, &id).await?;
    let send = SendRequest { content, metadata, plc, model, once: key.clone(), ..SendRequest::default() };
    if reply {
        return answer(ask, state.services.messages.send(&room, send).await?).await;
    }
    let added = state.services.messages.add(&room, send).await?;
    let hidden = state.services.plcs.hidden_in(added.value()).await?;
    let shape =
        |message: &Message| SentShape { message: shapes::message(message.clone(), &hidden), turn: None };
    answers::made(&state, key, added, shape).await
}

/// Who asks for a turn, and how the answer is to be.
pub struct Ask<'a> {
    pub request: &'a HttpRequest,
    pub state: &'a web::Data<State>,
    pub caller: &'a Caller,
    pub key: Option<OnceKey>,
}

impl Ask<'_> {
    /// The answer kept for the key, for those who want to hear no more than what was stored.
    pub async fn kept(&self) -> Result<Option<HttpResponse>, Problem> {
        if wants_stream(self.request) || preferred_wait(self.request).is_some() {
            return Ok(None);
        }
        Ok(once::kept(self.state, self.key.as_ref()).await?)
    }

    /// The answer to the first of two requests that came at once. It is kept right after what it tells of is stored, and
    /// the second may come between the two.
    async fn first(&self) -> Result<Option<HttpResponse>, Problem> {
        if wants_stream(self.request) || preferred_wait(self.request).is_some() {
            return Ok(None);
        }
        Ok(once::kept_soon(self.state, self.key.as_ref()).await?)
    }
}

/// What was stored, as it is; as a stream that goes on to the end of the turn; or after the end.
pub async fn answer(ask: Ask<'_>, made: Once<Sending>) -> Result<HttpResponse, Problem> {
    let (sending, again) = made.made()?;
    if again && let Some(first) = ask.first().await? {
        return Ok(first);
    }
    let stored = stored(ask.state, &sending, again).await?;
    let response = if wants_stream(ask.request) {
        let turn = sending.sent.turn.id;
        // Kept for a retry that does not want events.
        let body = answers::text(&stored)?;
        let _ = once::keep(ask.state, ask.key, StatusCode::CREATED, body.clone().into_bytes()).await;
        stream::turn(ask.request, ask.state, ask.caller, turn, None, Some(body)).await?
    } else if let Some(wait) = preferred_wait(ask.request) {
        let _ =
            once::keep(ask.state, ask.key, StatusCode::CREATED, answers::text(&stored)?.into_bytes()).await;
        waited(sending, stored, wait).await?
    } else {
        once::keep(ask.state, ask.key, StatusCode::CREATED, answers::text(&stored)?.into_bytes()).await
    };
    Ok(if again { once::replayed(response) } else { response })
}

/// The message and its turn: as they were stored, or for a retry as they are now.
async fn stored(state: &State, sending: &Sending, again: bool) -> Result<SentShape, Problem> {
    let turn = sending.sent.turn.clone();
    let now = if again { state.services.turns.find(turn.id).await? } else { None };
    let view = now.unwrap_or(TurnView { turn, reply: String::new(), quote: None });
    let message = messages::shown(state, sending.sent.message.clone()).await?;
    Ok(SentShape { message, turn: Some(shapes::turn(&view)) })
}

/// The finished turn, or what was stored when the time is over first.
async fn waited(sending: Sending, stored: SentShape, wait: Duration) -> Result<HttpResponse, Problem> {
    let settled = tokio::time::timeout(wait, sending.settled()).await;
    let mut response = match settled {
        Ok(Ok((_, Settled::Ended { view, .. }))) => {
            HttpResponse::Ok().json(SentShape { turn: Some(shapes::turn(&view)), ..stored })
        }
        Ok(Ok((_, Settled::Withdrawn(_) | Settled::Gone))) => {
            return Err(Fault::new(&codes::TURN_NOT_FOUND).into());
        }
        // What is stored is stored, also when the server stops or its database is away for a moment.
        Ok(Err(_)) | Err(_) => HttpResponse::Created().json(stored),
    };
    if let Ok(applied) = HeaderValue::from_str(&format!("wait={}", wait.as_secs())) {
        response.headers_mut().insert(HeaderName::from_static("preference-applied"), applied);
    }
    Ok(response)
}

/// True when the client asks for events.
pub fn wants_stream(request: &HttpRequest) -> bool {
    Accept::parse(request).is_ok_and(|accept| {
        accept.iter().any(|kind| kind.item == mime::TEXT_EVENT_STREAM && kind.quality > Quality::ZERO)
    })
}

/// `Prefer: wait=30` (RFC 7240): among other preferences, in any case, with or without quotes.
fn preferred_wait(request: &HttpRequest) -> Option<Duration> {
    let lines = request.headers().get_all("prefer").filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split([',', ';'])).filter_map(|one| one.split_once('='));
    let (_, wait) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))?;
    let seconds: u64 = wait.trim().trim_matches('"').parse().ok()?;
    Some(Duration::from_secs(seconds.min(LONGEST_WAIT)))
}
