//! Refusals in this contract's shape: `{"status":"error","code","message","detail"}` (contract §4.1).

use crate::http::answer::{add_retry_after, log, status_of};
use crate::http::body::BodyFault;
use crate::http::v1::rule_words;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use maru_domain::error::{Fault, Kind, codes};
use serde::Serialize;
use std::fmt;
use utoipa::ToSchema;

/// What a refusal is called and says. The first six are the original system's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    SessionNotFound,
    HistoryLoadError,
    MessageInvalid,
    AiResponseError,
    RequiredFieldMissing,
    ValidationError,
    AccessDenied,
    PlcNotFound,
    NotFound,
    MethodNotAllowed,
    Conflict,
    TooManyRequests,
    ServiceUnavailable,
    InternalError,
}

impl Word {
    const fn code(self) -> &'static str {
        match self {
            Self::SessionNotFound => "CHAT_SESSION_NOT_FOUND",
            Self::HistoryLoadError => "CHAT_HISTORY_LOAD_ERROR",
            Self::MessageInvalid => "CHAT_MESSAGE_INVALID",
            Self::AiResponseError => "CHAT_AI_RESPONSE_ERROR",
            Self::RequiredFieldMissing => "REQUIRED_FIELD_MISSING",
            Self::ValidationError => "VALIDATION_ERROR",
            Self::AccessDenied => "CHAT_ACCESS_DENIED",
            Self::PlcNotFound => "PLC_NOT_FOUND",
            Self::NotFound => "NOT_FOUND",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::Conflict => "CONFLICT",
            Self::TooManyRequests => "TOO_MANY_REQUESTS",
            Self::ServiceUnavailable => "SERVICE_UNAVAILABLE",
            Self::InternalError => "INTERNAL_ERROR",
        }
    }

    const fn message(self) -> &'static str {
        match self {
            Self::SessionNotFound => "채팅 세션을 찾을 수 없습니다.",
            Self::HistoryLoadError => "대화 기록 로드 중 오류가 발생했습니다.",
            Self::MessageInvalid => "메시지가 올바르지 않습니다.",
            Self::AiResponseError => "AI 응답 생성 중 오류가 발생했습니다.",
            Self::RequiredFieldMissing => "필수 항목이 누락되었습니다.",
            Self::ValidationError => "입력값이 올바르지 않습니다.",
            Self::AccessDenied => "접근 권한이 없습니다.",
            Self::PlcNotFound => "PLC를 찾을 수 없습니다.",
            Self::NotFound => "요청한 주소를 찾을 수 없습니다.",
            Self::MethodNotAllowed => "허용되지 않는 메서드입니다.",
            Self::Conflict => "지금은 처리할 수 없는 요청입니다.",
            Self::TooManyRequests => "요청이 너무 많습니다. 잠시 후 다시 시도해 주세요.",
            Self::ServiceUnavailable => "서비스를 일시적으로 사용할 수 없습니다.",
            Self::InternalError => "서버 내부 오류가 발생했습니다.",
        }
    }

    /// The word for a fault that no handler has a better one for.
    fn of(fault: &Fault) -> Self {
        match fault.kind() {
            _ if *fault.code == codes::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            _ if *fault.code == codes::ROOM_NOT_FOUND => Self::SessionNotFound,
            _ if *fault.code == codes::PLC_NOT_FOUND => Self::PlcNotFound,
            Kind::Invalid | Kind::Unprocessable => Self::ValidationError,
            Kind::Unauthenticated => Self::AccessDenied,
            Kind::NotFound => Self::NotFound,
            Kind::Conflict => Self::Conflict,
            Kind::TooMany => Self::TooManyRequests,
            Kind::Unavailable => Self::ServiceUnavailable,
            Kind::Internal => Self::InternalError,
        }
    }
}

/// The shape of every refusal.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlcChatError)]
pub struct RefusalShape {
    /// Always `error`.
    #[schema(example = "error")]
    pub status: &'static str,
    /// Stable; clients may test for it.
    #[schema(example = "CHAT_SESSION_NOT_FOUND")]
    pub code: &'static str,
    /// For people.
    #[schema(example = "채팅 세션을 찾을 수 없습니다.")]
    pub message: &'static str,
    /// What exactly.
    #[schema(example = "chat_id: chat999")]
    pub detail: String,
}

/// An answer that says no.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    shape: Box<RefusalShape>,
    fault: Option<Box<Fault>>,
}

impl Refusal {
    /// A refusal of this word.
    pub fn new(status: StatusCode, word: Word, detail: impl Into<String>) -> Self {
        let shape = RefusalShape {
            status: "error",
            code: word.code(),
            message: word.message(),
            detail: detail.into(),
        };
        Self { status, shape: Box::new(shape), fault: None }
    }

    /// No chat of that id that the caller could read.
    pub fn no_chat(chat_id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, Word::SessionNotFound, format!("chat_id: {chat_id}"))
    }

    /// No PLC of that id.
    pub fn no_plc(uuid: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, Word::PlcNotFound, format!("plc_uuid: {uuid}"))
    }

    /// True for a chat that is not there.
    pub fn is_no_chat(&self) -> bool {
        self.shape.code == Word::SessionNotFound.code()
    }

    /// A parameter or field that is not there.
    pub fn missing(name: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Word::RequiredFieldMissing, name)
    }

    /// A value that is not allowed.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Word::ValidationError, detail)
    }

    /// A fault under another word; its own words stay the detail.
    pub fn of_fault(status: StatusCode, word: Word, fault: Fault) -> Self {
        let detail = fault.to_string();
        Self { fault: Some(Box::new(fault)), ..Self::new(status, word, detail) }
    }

    /// Under another word where the failure is ours and not the caller's.
    pub fn renamed_if_ours(self, status: StatusCode, word: Word) -> Self {
        if !self.status.is_server_error() {
            return self;
        }
        let fault = self.fault;
        Self { fault, ..Self::new(status, word, self.shape.detail) }
    }

    /// As an answer.
    #[must_use]
    pub fn into_response(self) -> HttpResponse {
        self.error_response()
    }

    /// Its code and its message, for a stream that has begun.
    pub fn words(&self) -> (&'static str, &'static str) {
        (self.shape.code, self.shape.message)
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        let named = fault.fields.first().map(|field| format!("{} {}", field.field, rule_words(field.rule).1));
        let mut refusal = Self::of_fault(status_of(fault.code), Word::of(&fault), fault);
        if let Some(named) = named {
            refusal.shape.detail = named;
        }
        refusal
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
        write!(f, "{} {} {}", self.status, self.shape.code, self.shape.detail)
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status).json(&self.shape);
        if let Some(fault) = &self.fault {
            log(fault);
            add_retry_after(&mut response, fault);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
