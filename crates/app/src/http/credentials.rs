//! The token or key that a request shows in its `Authorization` header (contract §0.3).

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{ACCEPT, AUTHORIZATION};
use maru_domain::error::{Fault, codes};

/// Why there is no usable key. Each contract has its own words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoKey {
    /// No header, or another scheme.
    Missing,
    /// More than one header: which is meant is anybody's guess.
    Several,
    /// Characters that no key has.
    Unreadable,
    /// A scheme and nothing behind it.
    Empty,
    /// More than one word behind the scheme.
    Spaces,
}

impl From<NoKey> for Fault {
    fn from(why: NoKey) -> Self {
        Self::new(match why {
            NoKey::Missing => &codes::NOT_AUTHENTICATED,
            NoKey::Several | NoKey::Unreadable | NoKey::Empty | NoKey::Spaces => &codes::INVALID_TOKEN,
        })
    }
}

/// The key behind `Token` or `Bearer`, in any case.
///
/// # Errors
/// See [`NoKey`].
pub fn key(request: &HttpRequest) -> Result<&str, NoKey> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let header = headers.next().ok_or(NoKey::Missing)?;
    if headers.next().is_some() {
        return Err(NoKey::Several);
    }
    let header = header.to_str().map_err(|_| NoKey::Unreadable)?;
    let mut words = header.split_ascii_whitespace();
    let scheme = words.next().unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("token") && !scheme.eq_ignore_ascii_case("bearer") {
        return Err(NoKey::Missing);
    }
    match (words.next(), words.next()) {
        (Some(key), None) => Ok(key),
        (None, _) => Err(NoKey::Empty),
        (Some(_), Some(_)) => Err(NoKey::Spaces),
    }
}

/// The key of a request for events in `?token=`: a browser's EventSource can send no header of its own.
#[must_use]
pub fn of_event_source(request: &HttpRequest) -> Option<String> {
    let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let wants_events = accept.is_some_and(|accept| accept.contains("text/event-stream"));
    (request.method() == Method::GET && wants_events).then(|| of_query(request)).flatten()
}

/// The key in `?token=`, for clients that can send no header.
#[must_use]
pub fn of_query(request: &HttpRequest) -> Option<String> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(request.query_string()).unwrap_or_default();
    let token = pairs.into_iter().find(|(name, _)| name == "token");
    token.map(|(_, key)| key).filter(|key| !key.is_empty())
}
