//! What is refused, in plain words: the client shows the body of an answer that is not 2xx as the
//! error's message (contract §6.2).

use crate::http::answer::{add_retry_after, log, status_of};
use crate::http::body::BodyFault;
use crate::http::v1::rule_words;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use maru_domain::error::{Fault, codes};
use std::fmt;

/// An answer that says no.
#[derive(Debug)]
pub struct Refusal(Fault);

impl Refusal {
    /// 400 with these words.
    pub fn bad(words: impl Into<String>) -> Self {
        Self(Fault::new(&codes::INVALID_REQUEST).detail(words))
    }

    /// 404 for a chat that is not there.
    pub fn no_chat() -> Self {
        Self(Fault::new(&codes::ROOM_NOT_FOUND).detail("there is no such chat"))
    }

    /// As an answer.
    #[must_use]
    pub fn into_response(self) -> HttpResponse {
        self.error_response()
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        if *fault.code == codes::NOT_LAST_TURN {
            return Self(
                fault
                    .detail("more was said in this chat since: load it anew, or name the reply by messageId"),
            );
        }
        Self(fault)
    }
}

impl From<BodyFault> for Refusal {
    fn from(fault: BodyFault) -> Self {
        Self(Fault::new(match fault {
            BodyFault::TooLarge => &codes::BODY_TOO_LARGE,
            BodyFault::TooSlow => &codes::BODY_TOO_SLOW,
            BodyFault::Broken => &codes::INVALID_JSON,
            BodyFault::Encoded => &codes::UNSUPPORTED_MEDIA_TYPE,
        }))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.fields.first() {
            Some(field) => write!(f, "{} {}", field.field, rule_words(field.rule).1),
            None => self.0.fmt(f),
        }
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        status_of(self.0.code)
    }

    fn error_response(&self) -> HttpResponse {
        log(&self.0);
        let mut response = HttpResponse::build(self.status_code())
            .content_type("text/plain; charset=utf-8")
            .body(self.to_string());
        add_retry_after(&mut response, &self.0);
        if self.status_code() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
