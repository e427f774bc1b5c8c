//! `ETag` and `If-None-Match` (RFC 9110 §13).

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
