//! Which origins a browser may call from (contract §0.8).

use super::State;
use super::contracts::Contract;
use actix_cors::Cors;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, CONTENT_LENGTH, HeaderValue,
};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, web};

/// Any origin without credentials, or those of the list. Allowed headers are mirrored: a star does
/// not cover `Authorization`.
pub fn cors(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allowed_methods(["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"])
        .allow_any_header()
        .expose_headers(["X-Request-Id", "Retry-After", "ETag", "Idempotency-Replayed", "Preference-Applied"])
        .max_age(86_400)
        .block_on_origin_mismatch(false);
    if origins.iter().any(|origin| origin == "*") {
        cors.allow_any_origin().send_wildcard()
    } else {
        origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
    }
}

/// What Express does and actix-cors does not: a preflight is a 204, and a star stands on every answer.
pub async fn as_express_does(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let is_page = Contract::of_path(request.path()) == Contract::Pages;
    let state = request.app_data::<web::Data<State>>();
    let any_origin = state.is_some_and(|state| state.cors_origins.iter().any(|origin| origin == "*"));
    let mut response = next.call(request).await?;
    if is_page {
        // Pages are for people: no other site's script may read what stands on them.
        response.headers_mut().remove(ACCESS_CONTROL_ALLOW_ORIGIN);
    } else if any_origin {
        // On every answer, as Express does it: some clients look for it without sending an Origin.
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    if preflight && response.status() == StatusCode::OK {
        response.headers_mut().remove(CONTENT_LENGTH);
        *response.response_mut().status_mut() = StatusCode::NO_CONTENT;
    }
    Ok(response)
}
