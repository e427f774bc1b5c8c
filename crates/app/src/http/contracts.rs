//! The contracts of the systems that maru replaces: thin views over one domain. Each has a folder,
//! and its own words and shapes for what goes wrong.

pub mod drf;
pub mod token_chats;

use super::answer::{self, status_of};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use maru_domain::error::{Fault, codes};
use serde_json::json;

/// Whose shapes an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contract {
    /// The token API (contract §1).
    TokenChats,
    /// Our own.
    Native,
}

impl Contract {
    /// The contract that owns a path, for errors that come before any handler (contract §0.6).
    #[must_use]
    pub fn of_path(path: &str) -> Self {
        if path.starts_with("/api/") { Self::TokenChats } else { Self::Native }
    }

    /// A fault in the contract's shape.
    #[must_use]
    pub fn refuse(self, fault: &Fault) -> HttpResponse {
        match self {
            Self::TokenChats => drf::Refusal::from_fault(fault).into_response(),
            Self::Native => problem(fault),
        }
    }

    /// The answer to a verb that a path does not have; the caller adds `Allow`.
    #[must_use]
    pub fn wrong_verb(self, verb: &str) -> HttpResponse {
        match self {
            Self::TokenChats => drf::Refusal::detail(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("Method \"{verb}\" not allowed."),
            )
            .into_response(),
            Self::Native => problem(&Fault::new(&codes::METHOD_NOT_ALLOWED)),
        }
    }

    /// The answer to a path that is nobody's.
    #[must_use]
    pub fn unknown_path(self) -> HttpResponse {
        match self {
            Self::TokenChats => {
                drf::Refusal::detail(StatusCode::NOT_FOUND, "Not found.".to_owned()).into_response()
            }
            Self::Native => problem(&Fault::new(&codes::NOT_FOUND)),
        }
    }
}

/// RFC 9457, the native shape.
fn problem(fault: &Fault) -> HttpResponse {
    answer::log(fault);
    let status = status_of(fault.code);
    let body = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "code": fault.code.name,
        "detail": fault.to_string(),
    });
    let mut response =
        HttpResponse::build(status).content_type("application/problem+json").body(body.to_string());
    answer::add_retry_after(&mut response, fault);
    response
}
