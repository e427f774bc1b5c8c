//! Refusals in Django REST Framework's three shapes.

use super::language::{Language, Phrase, Stranger};
use crate::http::answer::{log, retry_seconds, status_of};
use crate::http::body::BodyFault;
use crate::http::credentials::NoKey;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use maru_domain::error::{Fault, Kind, codes};
use serde_json::{Map, Value, json};
use std::fmt;
use std::marker::PhantomData;

/// An answer that says no.
#[derive(Debug)]
pub struct Refusal<L> {
    status: StatusCode,
    body: Value,
    retry_after: Option<u64>,
    authenticate: bool,
    language: PhantomData<L>,
}

impl<L: Language> Refusal<L> {
    fn new(status: StatusCode, body: Value) -> Self {
        Self { status, body, retry_after: None, authenticate: false, language: PhantomData }
    }

    /// `{"detail": …}`: the framework's own refusals.
    #[must_use]
    pub fn detail(status: StatusCode, detail: String) -> Self {
        Self::new(status, json!({ "detail": detail }))
    }

    /// `{"error": …}`: the views' refusals.
    #[must_use]
    pub fn error(status: StatusCode, error: &str) -> Self {
        Self::new(status, json!({ "error": error }))
    }

    /// `{"field": ["…"]}`: fields that break a rule, all at once.
    #[must_use]
    pub fn fields(fields: Map<String, Value>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Value::Object(fields))
    }

    /// What the framework says by itself.
    #[must_use]
    pub fn phrase(status: StatusCode, phrase: Phrase<'_>) -> Self {
        Self::detail(status, L::say(phrase))
    }

    /// 401 with the scheme that would be accepted.
    #[must_use]
    pub fn stranger(why: Stranger) -> Self {
        Self { authenticate: true, ..Self::new(StatusCode::UNAUTHORIZED, L::stranger(why)) }
    }

    /// Any fault of the domain, in the framework's words.
    #[must_use]
    pub fn from_fault(fault: &Fault) -> Self {
        log(fault);
        if !fault.fields.is_empty() {
            return Self::of_fields(fault);
        }
        let code = fault.code;
        let refusal = if *code == codes::INVALID_TOKEN {
            Self::stranger(Stranger::InvalidToken)
        } else if *code == codes::ACCOUNT_INACTIVE {
            Self::stranger(Stranger::Inactive)
        } else if *code == codes::NOT_AUTHENTICATED {
            Self::stranger(Stranger::NoKey(NoKey::Missing))
        } else if code.kind == Kind::TooMany {
            let seconds = retry_seconds(fault).unwrap_or(1);
            Self::phrase(StatusCode::TOO_MANY_REQUESTS, Phrase::Throttled(seconds))
        } else if code.kind == Kind::Internal {
            Self::phrase(StatusCode::INTERNAL_SERVER_ERROR, Phrase::ServerError)
        } else if *code == codes::ADDRESS_TOO_LONG {
            Self::phrase(StatusCode::URI_TOO_LONG, Phrase::AddressTooLong)
        } else {
            Self::new(status_of(code), L::other(fault))
        };
        Self { retry_after: retry_seconds(fault), ..refusal }
    }

    fn of_fields(fault: &Fault) -> Self {
        let mut fields: Map<String, Value> = Map::new();
        // In the order in which a form shows them, and whatever else there is behind.
        let shown = ["username", "email", "password"];
        let others = fault.fields.iter().map(|field| field.field).filter(|name| !shown.contains(name));
        for name in shown.into_iter().chain(others) {
            let messages: Vec<Value> = fault
                .fields
                .iter()
                .filter(|field| field.field == name)
                .map(|field| Value::String(L::field(name, field.rule)))
                .collect();
            if !messages.is_empty() {
                fields.insert(name.to_owned(), Value::Array(messages));
            }
        }
        Self::fields(fields)
    }

    /// A body that was not read.
    #[must_use]
    pub fn of_body(fault: BodyFault) -> Self {
        let (status, phrase) = match fault {
            BodyFault::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, Phrase::BodyTooLarge),
            BodyFault::TooSlow => (StatusCode::REQUEST_TIMEOUT, Phrase::BodyTooSlow),
            BodyFault::Broken => (StatusCode::BAD_REQUEST, Phrase::BodyBroken),
            BodyFault::Encoded => (StatusCode::UNSUPPORTED_MEDIA_TYPE, Phrase::BodyEncoded),
        };
        Self::phrase(status, phrase)
    }

    /// As an answer.
    #[must_use]
    pub fn into_response(self) -> HttpResponse {
        self.error_response()
    }
}

impl<L> fmt::Display for Refusal<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.body)
    }
}

impl<L: Language> ResponseError for Refusal<L> {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status).json(&self.body);
        if self.authenticate {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(L::SCHEME));
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(HeaderName::from_static("retry-after"), HeaderValue::from(seconds));
        }
        response
    }
}

impl<L: Language> From<Fault> for Refusal<L> {
    fn from(fault: Fault) -> Self {
        Self::from_fault(&fault)
    }
}
