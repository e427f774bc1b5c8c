//! `Idempotency-Key`: the same request twice is done once (contract §0.10).

use super::State;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use maru_domain::error::{Fault, codes};
use maru_domain::once::{KeptAnswer, Once, OnceKey};
use std::time::Duration;

/// How often an answer that is about to be kept is looked for.
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(25);

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The key of a request, if it has one. `scope` is who asks.
pub fn key(
    request: &HttpRequest,
    state: &State,
    scope: String,
    body: &[u8],
) -> Result<Option<OnceKey>, Fault> {
    let Some(header) = request.headers().get("idempotency-key") else { return Ok(None) };
    let text = header.to_str().unwrap_or_default().trim();
    // The draft's structured string has quotes; most clients send none.
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let good = (1..=255).contains(&text.len())
        && text.bytes().all(|byte| (0x21..0x7f).contains(&byte) || byte == b' ');
    if !good {
        return Err(Fault::new(&codes::INVALID_IDEMPOTENCY_KEY));
    }
    // The path itself and not its pattern: the same key for another room is another request.
    let route = format!("{} {}", request.method(), request.path().trim_end_matches('/'));
    let fingerprint = state.services.accounts.fingerprint(body);
    Ok(Some(OnceKey { scope, route, key: text.to_owned(), fingerprint }))
}

/// The answer that was kept for this key, to be given again.
pub async fn kept(state: &State, key: Option<&OnceKey>) -> Result<Option<HttpResponse>, Fault> {
    let Some(key) = key else { return Ok(None) };
    let now = state.services.clock.now();
    match state.services.once.kept(key.clone(), now).await? {
        Once::Done(_) | Once::Replayed(None) => Ok(None),
        Once::Replayed(Some(answer)) => Ok(Some(replayed(given(&answer)))),
        Once::KeyReused => Err(Fault::new(&codes::IDEMPOTENCY_KEY_REUSED)),
    }
}

/// The answer that is about to be kept for this key, unless whoever was to keep it has died.
pub async fn kept_soon(state: &State, key: Option<&OnceKey>) -> Result<Option<HttpResponse>, Fault> {
    for _ in 0..LOOKS {
        if let Some(kept) = kept(state, key).await? {
            return Ok(Some(kept));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(None)
}

/// Keeps an answer for its key, and gives it. The answer is given even when it cannot be kept: what
/// it tells of is done, and a retry would attach to it.
pub async fn keep(state: &State, key: Option<OnceKey>, status: StatusCode, body: Vec<u8>) -> HttpResponse {
    if let Some(key) = key {
        let answer =
            KeptAnswer { status: status.as_u16(), body: String::from_utf8_lossy(&body).into_owned() };
        if let Err(error) = state.services.once.keep(key, answer).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "an answer could not be kept for its key"
            );
        }
    }
    HttpResponse::build(status).content_type("application/json").body(body)
}

/// Does what may be done twice without harm, and gives a retry the first answer. `act` makes it.
pub async fn repeatable<E: From<Fault>>(
    state: &State,
    key: Option<OnceKey>,
    act: impl Future<Output = Result<KeptAnswer, E>>,
) -> Result<HttpResponse, E> {
    if let Some(kept) = kept(state, key.as_ref()).await? {
        return Ok(kept);
    }
    let answer = act.await?;
    let response = given(&answer);
    if let Some(key) = key {
        state.services.once.note(key, answer, state.services.clock.now()).await.map_err(Fault::from)?;
    }
    Ok(response)
}

/// An answer that is kept, or is to be.
fn given(answer: &KeptAnswer) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    if answer.body.is_empty() {
        return HttpResponse::build(status).finish();
    }
    HttpResponse::build(status).content_type("application/json").body(answer.body.clone())
}

/// Marks an answer that was given before.
pub fn replayed(mut response: HttpResponse) -> HttpResponse {
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
