//! `ETag` and `If-None-Match` (RFC 9110 §13).

use crate::http::State;
use actix_web::http::header::{ETAG, HeaderValue, IF_NONE_MATCH};
use actix_web::{HttpRequest, HttpResponse};

/// 304 when the client has this version already.
pub fn not_modified(request: &HttpRequest, tag: &str) -> Option<HttpResponse> {
    let quoted = format!("\"{tag}\"");
    let known = request.headers().get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    let known = known.flat_map(|value| value.split(',')).map(|value| value.trim().trim_start_matches("W/"));
    let matches = known.into_iter().any(|value| value == quoted || value == "*");
    matches.then(|| tagged(HttpResponse::NotModified().finish(), tag))
}

/// The answer with its tag.
pub fn tagged(mut response: HttpResponse, tag: &str) -> HttpResponse {
    if let Ok(value) = HeaderValue::from_str(&format!("\"{tag}\"")) {
        response.headers_mut().insert(ETAG, value);
    }
    response
}

/// A page that no version stands for: its tag is made of its bytes.
pub fn by_bytes(request: &HttpRequest, state: &State, page: String) -> HttpResponse {
    let digest = state.services.accounts.fingerprint(page.as_bytes());
    let tag: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    not_modified(request, &tag)
        .unwrap_or_else(|| tagged(HttpResponse::Ok().content_type("application/json").body(page), &tag))
}
