//! Answers that have a shape of their own or are given again under their key.

use super::Problem;
use crate::http::{State, once as keys};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use maru_domain::error::{Fault, codes};
use maru_domain::once::{KeptAnswer, Once, OnceKey};
use serde::Serialize;

/// 204, to be kept.
pub fn nothing() -> KeptAnswer {
    KeptAnswer { status: 204, body: String::new() }
}

/// An answer to be kept.
pub fn kept(status: StatusCode, shape: &impl Serialize) -> Result<KeptAnswer, Problem> {
    Ok(KeptAnswer { status: status.as_u16(), body: text(shape)? })
}

/// What was made now or before. For what may not be kept, because it holds a secret.
pub fn once<T, S: Serialize>(
    status: StatusCode,
    made: Once<T>,
    shape: impl Fn(&T) -> S,
) -> Result<HttpResponse, Problem> {
    let (made, again) = made.made()?;
    let response = HttpResponse::build(status).json(shape(&made));
    Ok(if again { keys::replayed(response) } else { response })
}

/// What was made now or before; the answer is kept, so that a retry gets the same bytes.
pub async fn made<T, S: Serialize>(
    state: &State,
    key: Option<OnceKey>,
    made: Once<T>,
    shape: impl Fn(&T) -> S,
) -> Result<HttpResponse, Problem> {
    let (made, again) = made.made()?;
    let body = text(&shape(&made))?.into_bytes();
    let response = keys::keep(state, key, StatusCode::CREATED, body).await;
    Ok(if again { keys::replayed(response) } else { response })
}

/// A shape as JSON text.
pub fn text(shape: &impl Serialize) -> Result<String, Problem> {
    serde_json::to_string(shape).map_err(|error| Fault::new(&codes::INTERNAL).caused_by(error).into())
}
