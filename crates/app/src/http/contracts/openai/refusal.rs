//! Refusals in OpenAI's shape: `{"error":{"message","type","param","code"}}` (contract §0.6, §6.1).

use super::ids;
use crate::http::answer::{add_retry_after, log, status_of};
use crate::http::body::BodyFault;
use crate::http::v1::rule_words;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use maru_domain::error::{Fault, Kind, StoreError, codes};
use maru_domain::ids::MessageId;
use maru_domain::turns::TurnError;
use serde::Serialize;
use std::fmt;
use utoipa::ToSchema;

/// The kinds of refusal that SDKs know.
const INVALID: &str = "invalid_request_error";
const RATE: &str = "rate_limit_error";
const SERVER: &str = "server_error";

/// SDKs try again by themselves after 409, 429 and 5xx, unless this header says no.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The shape of every refusal.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiError)]
pub struct RefusalShape {
    error: ErrorShape,
}

/// What is wrong.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = OpenAiErrorDetail)]
pub struct ErrorShape {
    /// For people.
    #[schema(example = "Conversation with id 'conv_x' not found.")]
    pub message: String,
    /// `invalid_request_error`, `rate_limit_error` or `server_error`.
    #[schema(example = "invalid_request_error")]
    r#type: &'static str,
    /// The parameter that is wrong, by its path: `input[0].content[1].type`.
    param: Option<String>,
    /// What sort of fault, where there is a word for it.
    pub code: Option<String>,
}

/// An answer that says no.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    shape: Box<ErrorShape>,
    fault: Option<Box<Fault>>,
    /// Asking again would do harm or be in vain.
    for_good: bool,
}

impl Refusal {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let shape = ErrorShape { message: message.into(), r#type: INVALID, param: None, code: None };
        Self { status, shape: Box::new(shape), fault: None, for_good: false }
    }

    /// A parameter that is wrong.
    pub fn param(param: impl Into<String>, code: &str, message: impl Into<String>) -> Self {
        let mut refusal = Self::new(StatusCode::BAD_REQUEST, message);
        refusal.shape.param = Some(param.into());
        refusal.shape.code = Some(code.to_owned());
        refusal
    }

    /// A parameter with a value that is not allowed.
    pub fn value(param: impl Into<String>, why: impl fmt::Display) -> Self {
        let param = param.into();
        let message = format!("Invalid value for '{param}': {why}.");
        Self::param(param, "invalid_value", message)
    }

    /// A parameter that must be there.
    pub fn missing(param: impl Into<String>) -> Self {
        let param = param.into();
        let message = format!("Missing required parameter: '{param}'.");
        Self::param(param, "missing_required_parameter", message)
    }

    /// Something that OpenAI does and maru does not.
    pub fn unsupported(param: impl Into<String>, what: &str) -> Self {
        let param = param.into();
        let message = format!("Unsupported parameter: '{param}': maru {what}.");
        Self::param(param, "unsupported_parameter", message)
    }

    /// No model of that name.
    pub fn no_model(name: &str) -> Self {
        let message = format!("The model '{name}' does not exist; GET /v1/models lists those that do.");
        let mut refusal = Self::param("model", "model_not_found", message);
        refusal.status = StatusCode::NOT_FOUND;
        refusal
    }

    /// No such thing that the caller could reach.
    pub fn missing_object(what: &str, id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("{what} with id '{id}' not found."))
    }

    /// A stream has ended before the event that its reader says to have.
    pub fn no_event(last: u64) -> Self {
        let why = format!("the last event of this response has the sequence_number {last}");
        Self::value("starting_after", why)
    }

    /// No such conversation.
    pub fn no_conversation(id: &str) -> Self {
        Self::missing_object("Conversation", id)
    }

    /// A reply that the model failed to give.
    pub fn of_model(error: Option<&TurnError>) -> Self {
        let code = error.map_or("model_failing", |error| error.code.as_str());
        let detail = error.map_or("the model failed", |error| error.detail.as_str());
        let (status, kind) = match code {
            "model_rate_limited" => (StatusCode::TOO_MANY_REQUESTS, RATE),
            "model_refused" => (StatusCode::BAD_REQUEST, INVALID),
            "model_unknown" => (StatusCode::NOT_FOUND, INVALID),
            "model_busy" | "model_circuit_open" | "model_unreachable" | "interrupted" => {
                (StatusCode::SERVICE_UNAVAILABLE, SERVER)
            }
            "model_timed_out" => (StatusCode::GATEWAY_TIMEOUT, SERVER),
            _ => (StatusCode::BAD_GATEWAY, SERVER),
        };
        let mut refusal = Self::new(status, format!("The model gave no reply: {detail}."));
        refusal.shape.r#type = kind;
        refusal.shape.code = Some(code.to_owned());
        // A key or a name in the settings does not mend itself.
        refusal.for_good = matches!(code, "model_unauthorized" | "model_too_large");
        refusal
    }

    /// A turn that is stored and goes on, although its end could not be waited for.
    pub fn goes_on(fault: Fault, response: &str) -> Self {
        let message = format!("{fault}. The response is stored: GET /v1/responses/{response} has it.");
        let mut refusal = Self::from(fault);
        refusal.shape.message = message;
        // Whoever sends again sends another message.
        refusal.for_good = true;
        refusal
    }

    /// The same about another parameter.
    pub fn about(mut self, param: &str, code: &str) -> Self {
        self.shape.param = Some(param.to_owned());
        self.shape.code = Some(code.to_owned());
        self.status = StatusCode::BAD_REQUEST;
        self
    }

    /// True for something that is not there.
    pub fn is_missing(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    /// What it says, for a stream that has begun.
    pub fn shape(&self) -> &ErrorShape {
        &self.shape
    }

    /// As an answer.
    #[must_use]
    pub fn into_response(self) -> HttpResponse {
        self.error_response()
    }
}

/// No such item.
pub fn missing_item(id: MessageId) -> Refusal {
    Refusal::missing_object("Item", &ids::message(id))
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        let status = match fault.code {
            // SDKs would try again and again to say something in a room that has ended.
            code if *code == codes::ROOM_ENDED => StatusCode::BAD_REQUEST,
            code => status_of(code),
        };
        let field = fault.fields.first();
        let message = match field {
            Some(field) => format!("'{}' {}.", field.field, rule_words(field.rule).1),
            None if *fault.code == codes::NOT_AUTHENTICATED => {
                "You didn't provide an API key. Send a token or key of maru as `Authorization: Bearer KEY`."
                    .to_owned()
            }
            None if *fault.code == codes::INVALID_TOKEN => {
                "Incorrect API key provided: it is unknown, expired or revoked.".to_owned()
            }
            None => capitalised(&fault.to_string()),
        };
        let mut refusal = Self::new(status, message);
        refusal.shape.param = field.map(|field| field.field.to_owned());
        // Whoever sends again sends another message.
        refusal.for_good = *fault.code == codes::REPLY_NOT_READY;
        let (kind, code) = match fault.kind() {
            Kind::Unauthenticated => (INVALID, "invalid_api_key"),
            Kind::TooMany => (RATE, "rate_limit_exceeded"),
            Kind::Unavailable | Kind::Internal => (SERVER, fault.code.name),
            Kind::Invalid | Kind::NotFound | Kind::Conflict | Kind::Unprocessable => {
                (INVALID, fault.code.name)
            }
        };
        refusal.shape.r#type = kind;
        refusal.shape.code = Some(code.to_owned());
        refusal.fault = Some(Box::new(fault));
        refusal
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", chars.as_str())
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Fault::from(error).into()
    }
}

impl From<BodyFault> for Refusal {
    fn from(fault: BodyFault) -> Self {
        Fault::new(match fault {
            BodyFault::TooLarge => &codes::BODY_TOO_LARGE,
            BodyFault::TooSlow => &codes::BODY_TOO_SLOW,
            BodyFault::Broken => &codes::INVALID_JSON,
            BodyFault::Encoded => &codes::UNSUPPORTED_MEDIA_TYPE,
        })
        .into()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.shape.message)
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let shape = RefusalShape { error: self.shape.as_ref().clone() };
        let mut response = HttpResponse::build(self.status).json(shape);
        if let Some(fault) = &self.fault {
            log(fault);
            add_retry_after(&mut response, fault);
        }
        if self.for_good {
            response.headers_mut().insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
