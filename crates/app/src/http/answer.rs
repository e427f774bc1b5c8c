//! From the domain's faults to statuses and headers, once for every contract. The words and the
//! shape are each contract's own.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use maru_domain::error::{Code, Fault, Kind, codes};
use std::error::Error;

/// The status that a failure has, where a contract does not say otherwise.
#[must_use]
pub fn status_of(code: &Code) -> StatusCode {
    match code.kind {
        _ if *code == codes::ADDRESS_TOO_LONG => StatusCode::URI_TOO_LONG,
        _ if *code == codes::BODY_TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
        _ if *code == codes::BODY_TOO_SLOW => StatusCode::REQUEST_TIMEOUT,
        _ if *code == codes::UNSUPPORTED_MEDIA_TYPE => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        _ if *code == codes::CROSS_SITE => StatusCode::FORBIDDEN,
        _ if *code == codes::METHOD_NOT_ALLOWED => StatusCode::METHOD_NOT_ALLOWED,
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The whole seconds that a fault asks to wait for, at least one.
#[must_use]
pub fn retry_seconds(fault: &Fault) -> Option<u64> {
    fault
        .retry_after
        .map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
        .map(|seconds| seconds.max(1))
}

/// Adds `Retry-After` where the fault knows when to come again.
pub fn add_retry_after(response: &mut HttpResponse, fault: &Fault) {
    if let Some(seconds) = retry_seconds(fault) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// Writes a fault's cause to the log; the client gets the request id to find it by.
pub fn log(fault: &Fault) {
    let Some(source) = &fault.source else { return };
    let source: &(dyn Error + 'static) = source.as_ref();
    match fault.kind() {
        Kind::Internal => tracing::error!(code = fault.code.name, error = source, "request failed"),
        _ => tracing::warn!(code = fault.code.name, error = source, "request refused"),
    }
}
