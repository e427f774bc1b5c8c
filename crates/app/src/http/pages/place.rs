//! Where a reader of the pages is, and how to be spoken to. Refusals are made where no request is at hand
//! any more, so it is kept beside the request's id.

use super::language::Language;
use actix_web::http::Method;
use actix_web::http::header::{ACCEPT, HeaderMap};

/// A reader's place.
#[derive(Clone, Debug)]
pub struct Place {
    /// The language that they read.
    pub language: Language,
    /// A page that can be come back to after a login.
    pub back: String,
    /// They want a piece of a page, not a page.
    pub wants_piece: bool,
}

impl Place {
    /// The place of a request.
    #[must_use]
    pub fn of(method: &Method, path_and_query: &str, headers: &HeaderMap) -> Self {
        let is_page = *method == Method::GET || *method == Method::HEAD;
        let wants_events = headers
            .get(ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .is_some_and(|accept| accept.contains("text/event-stream"));
        let wants_piece = is_of_htmx(headers) || wants_events;
        let back = if is_page && !wants_piece { path_and_query } else { super::rooms::LIST };
        Self { language: Language::of(headers), back: back.to_owned(), wants_piece }
    }
}

/// Whether the request is of htmx, which wants a piece of a page.
#[must_use]
pub fn is_of_htmx(headers: &HeaderMap) -> bool {
    headers.get("hx-request").is_some_and(|value| value == "true")
}
