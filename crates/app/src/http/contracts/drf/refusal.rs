//! Refusals in Django REST Framework's three shapes.

use crate::http::answer::{log, retry_seconds, status_of};
use crate::http::body::BodyFault;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use maru_domain::error::{Fault, FieldRule, Kind, codes};
use serde_json::{Map, Value, json};
use std::fmt;

/// An answer that says no.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    body: Value,
    retry_after: Option<u64>,
    authenticate: bool,
}

impl Refusal {
    /// `{"detail": …}`: the framework's own refusals.
    #[must_use]
    pub fn detail(status: StatusCode, detail: String) -> Self {
        Self { status, body: json!({ "detail": detail }), retry_after: None, authenticate: false }
    }

    /// `{"error": …}`: the views' refusals.
    #[must_use]
    pub fn error(status: StatusCode, error: &str) -> Self {
        Self { status, body: json!({ "error": error }), retry_after: None, authenticate: false }
    }

    /// `{"field": ["…"]}`: fields that break a rule, all at once.
    #[must_use]
    pub fn fields(fields: Map<String, Value>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            body: Value::Object(fields),
            retry_after: None,
            authenticate: false,
        }
    }

    /// 401 with the scheme that would be accepted.
    #[must_use]
    pub fn unauthenticated(detail: &str) -> Self {
        Self { authenticate: true, ..Self::detail(StatusCode::UNAUTHORIZED, detail.to_owned()) }
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
            Self::unauthenticated("Invalid token.")
        } else if *code == codes::ACCOUNT_INACTIVE {
            Self::unauthenticated("User inactive or deleted.")
        } else if *code == codes::NOT_AUTHENTICATED {
            Self::unauthenticated("Authentication credentials were not provided.")
        } else if code.kind == Kind::TooMany {
            let seconds = retry_seconds(fault).unwrap_or(1);
            let unit = if seconds == 1 { "second" } else { "seconds" };
            let detail = format!("Request was throttled. Expected available in {seconds} {unit}.");
            Self::detail(StatusCode::TOO_MANY_REQUESTS, detail)
        } else if code.kind == Kind::Internal {
            Self::detail(StatusCode::INTERNAL_SERVER_ERROR, "A server error occurred.".to_owned())
        } else if *code == codes::ADDRESS_TOO_LONG {
            Self::detail(StatusCode::URI_TOO_LONG, "The address is too long.".to_owned())
        } else {
            Self::error(status_of(code), &sentence(&fault.to_string()))
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
                .map(|field| Value::String(words(name, field.rule)))
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
        match fault {
            BodyFault::TooLarge => {
                Self::detail(StatusCode::PAYLOAD_TOO_LARGE, "The request body is too large.".to_owned())
            }
            BodyFault::TooSlow => Self::detail(
                StatusCode::REQUEST_TIMEOUT,
                "The request body did not arrive in time.".to_owned(),
            ),
            BodyFault::Broken => {
                Self::detail(StatusCode::BAD_REQUEST, "The request body could not be read.".to_owned())
            }
            BodyFault::Encoded => Self::detail(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Compressed request bodies are not supported; send it plain.".to_owned(),
            ),
        }
    }

    /// As an answer.
    #[must_use]
    pub fn into_response(self) -> HttpResponse {
        self.error_response()
    }
}

/// The framework's words for a broken rule.
fn words(field: &str, rule: FieldRule) -> String {
    match rule {
        FieldRule::Required => "This field is required.".to_owned(),
        FieldRule::Null => "This field may not be null.".to_owned(),
        FieldRule::Blank => "This field may not be blank.".to_owned(),
        FieldRule::NotAString => "Not a valid string.".to_owned(),
        FieldRule::TooLong(most) => format!("Ensure this field has no more than {most} characters."),
        FieldRule::TooShort(least) => format!("Ensure this field has at least {least} characters."),
        FieldRule::Characters if field == "username" => {
            "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters."
                .to_owned()
        }
        FieldRule::Choice => "Not a valid choice.".to_owned(),
        FieldRule::Past => "This time is in the past.".to_owned(),
        FieldRule::Characters => "Control characters are not allowed.".to_owned(),
        FieldRule::Email => "Enter a valid email address.".to_owned(),
        FieldRule::Taken => "A user with that username already exists.".to_owned(),
    }
}

/// Our texts are lower case without a full stop; this contract's are sentences.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.body)
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status).json(&self.body);
        if self.authenticate {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Token"));
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(HeaderName::from_static("retry-after"), HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::from_fault(&fault)
    }
}
