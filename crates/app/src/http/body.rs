//! Bodies of requests: bounded in size and in time. actix bounds the head; the body it would let
//! drip in for ever.

use super::State;
use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::{HttpRequest, web};
use futures_util::StreamExt;
use std::time::Duration;

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFault {
    /// Larger than the limit.
    TooLarge,
    /// Did not arrive in time.
    TooSlow,
    /// The client broke off, or its framing makes no sense.
    Broken,
    /// Compressed; maru reads plain bodies only, so that a small body is small.
    Encoded,
}

/// What a body says that it is, without parameters; empty when it does not say.
#[must_use]
pub fn media_type(request: &HttpRequest) -> &str {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim()
}

/// True for a body that says that it is JSON.
#[must_use]
pub fn says_json(request: &HttpRequest) -> bool {
    media_type(request).eq_ignore_ascii_case("application/json")
}

/// Reads a whole body.
///
/// # Errors
/// See [`BodyFault`].
pub async fn read(request: &HttpRequest, payload: &mut Payload) -> Result<web::Bytes, BodyFault> {
    let state = request.app_data::<web::Data<State>>();
    let (limit, patience) =
        state.map_or((1 << 20, Duration::from_secs(10)), |state| (state.body_limit, state.body_timeout));
    let encoding = request.headers().get(CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(BodyFault::Encoded);
    }
    let length =
        request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > limit) {
        return Err(BodyFault::TooLarge);
    }
    let arrived = tokio::time::timeout(patience, collect(payload, limit, length.unwrap_or(0)));
    arrived.await.map_err(|_| BodyFault::TooSlow)?
}

async fn collect(payload: &mut Payload, limit: usize, expected: usize) -> Result<web::Bytes, BodyFault> {
    let mut body = web::BytesMut::with_capacity(expected.min(64 * 1024));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| BodyFault::Broken)?;
        if body.len() + chunk.len() > limit {
            return Err(BodyFault::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
