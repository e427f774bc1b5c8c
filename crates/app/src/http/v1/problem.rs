//! RFC 9457: `application/problem+json` with a stable code and the request's id.

use crate::http::answer::{add_retry_after, log, status_of};
use crate::http::body::BodyFault;
use crate::http::surround::request_id;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use maru_domain::error::{Code, Fault, FieldRule, Kind, StoreError, codes};
use serde_json::{Value, json};
use std::fmt;

/// A refusal in the native shape.
#[derive(Debug)]
pub struct Problem(Fault);

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self(fault)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self(error.into())
    }
}

impl From<BodyFault> for Problem {
    fn from(fault: BodyFault) -> Self {
        Self(Fault::new(match fault {
            BodyFault::TooLarge => &codes::BODY_TOO_LARGE,
            BodyFault::TooSlow => &codes::BODY_TOO_SLOW,
            BodyFault::Broken => &codes::INVALID_JSON,
            BodyFault::Encoded => &codes::UNSUPPORTED_MEDIA_TYPE,
        }))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        status_of(self.0.code)
    }

    fn error_response(&self) -> HttpResponse {
        log(&self.0);
        let status = self.status_code();
        let mut body = json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or("Error"),
            "status": status.as_u16(),
            "code": self.0.code.name,
            "detail": self.0.to_string(),
        });
        if let Value::Object(fields) = &mut body {
            if !self.0.fields.is_empty() {
                fields.insert("errors".to_owned(), self.errors());
            }
            fields.insert("request_id".to_owned(), json!(request_id()));
        }
        let mut response =
            HttpResponse::build(status).content_type("application/problem+json").body(body.to_string());
        add_retry_after(&mut response, &self.0);
        if self.0.kind() == Kind::Unauthenticated {
            let known = *self.0.code != codes::NOT_AUTHENTICATED;
            let scheme = if known { "Bearer error=\"invalid_token\"" } else { "Bearer" };
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
        }
        response
    }
}

impl Problem {
    /// True for a refusal with this code.
    pub fn is(&self, code: &Code) -> bool {
        self.0.code == code
    }

    fn errors(&self) -> Value {
        let errors = self.0.fields.iter().map(|field| {
            let (code, detail) = words(field.rule);
            json!({ "field": field.field, "code": code, "detail": detail })
        });
        Value::Array(errors.collect())
    }
}

/// A rule's code and its words.
pub fn words(rule: FieldRule) -> (&'static str, String) {
    match rule {
        FieldRule::Required => ("required", "must be there".to_owned()),
        FieldRule::Null => ("null", "must not be null".to_owned()),
        FieldRule::Blank => ("blank", "must not be blank".to_owned()),
        FieldRule::NotAString => ("type", "has the wrong type".to_owned()),
        FieldRule::TooLong(most) => ("too_long", format!("may have at most {most} characters")),
        FieldRule::TooShort(least) => ("too_short", format!("must have at least {least} characters")),
        FieldRule::Characters => ("characters", "holds characters that are not allowed".to_owned()),
        FieldRule::Email => ("email", "is not an e-mail address".to_owned()),
        FieldRule::Choice => ("choice", "has a value that is not allowed".to_owned()),
        FieldRule::Past => ("past", "is over already".to_owned()),
        FieldRule::Taken => ("taken", "is taken".to_owned()),
    }
}
