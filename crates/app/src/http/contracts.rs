//! The contracts of the systems that maru replaces: thin views over one domain. Each has a folder,
//! and its own words and shapes for what goes wrong.

pub mod drf;
pub mod plc_chat;
pub mod token_chats;

use super::v1::Problem;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use maru_domain::error::{Fault, codes};

/// Whose shapes an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contract {
    /// The token API (contract §1).
    TokenChats,
    /// The PLC chat API (contract §4).
    PlcChat,
    /// Our own.
    Native,
}

impl Contract {
    /// The contract that owns a path, for errors that come before any handler (contract §0.6).
    #[must_use]
    pub fn of_path(path: &str) -> Self {
        let begins = |prefix: &str| {
            path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if path.starts_with("/api/") {
            Self::TokenChats
        } else if begins("/v1/chat") || begins("/v1/plcs") {
            Self::PlcChat
        } else {
            Self::Native
        }
    }

    /// A fault in the contract's shape.
    #[must_use]
    pub fn refuse(self, fault: Fault) -> HttpResponse {
        match self {
            Self::TokenChats => drf::Refusal::from_fault(&fault).into_response(),
            Self::PlcChat => plc_chat::Refusal::from(fault).into_response(),
            Self::Native => Problem::from(fault).error_response(),
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
            Self::PlcChat => plc_chat::Refusal::from(Fault::new(&codes::METHOD_NOT_ALLOWED)).into_response(),
            Self::Native => Problem::from(Fault::new(&codes::METHOD_NOT_ALLOWED)).error_response(),
        }
    }

    /// The answer to a path that is nobody's.
    #[must_use]
    pub fn unknown_path(self) -> HttpResponse {
        match self {
            Self::TokenChats => {
                drf::Refusal::detail(StatusCode::NOT_FOUND, "Not found.".to_owned()).into_response()
            }
            Self::PlcChat => plc_chat::Refusal::from(Fault::new(&codes::NOT_FOUND)).into_response(),
            Self::Native => Problem::from(Fault::new(&codes::NOT_FOUND)).error_response(),
        }
    }
}
