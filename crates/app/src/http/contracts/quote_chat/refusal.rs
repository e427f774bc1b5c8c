//! What this contract says no with: `{"error":"…"}` in Korean, and our code where the contract has
//! no words of its own (contract §0.6).

use crate::http::answer::{add_retry_after, log, status_of};
use crate::http::body::BodyFault;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use maru_domain::error::{Code, Fault, Kind, codes};
use serde_json::json;
use std::fmt;

/// A field is missing, empty, null or no text.
pub const FIELD_MISSING: &str = "필수 필드가 누락되었습니다.";
/// A parameter is missing or empty.
pub const PARAMETER_MISSING: &str = "필수 파라미터가 누락되었습니다.";

/// An answer that says no.
#[derive(Debug)]
pub enum Refusal {
    /// 400 in the contract's own words.
    Bad(String),
    /// A fault of the domain.
    Fault(Fault),
}

impl Refusal {
    /// 400 with these words.
    pub fn bad(words: impl Into<String>) -> Self {
        Self::Bad(words.into())
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<BodyFault> for Refusal {
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::TooLarge => Fault::new(&codes::BODY_TOO_LARGE).into(),
            BodyFault::TooSlow => Fault::new(&codes::BODY_TOO_SLOW).into(),
            BodyFault::Encoded => Fault::new(&codes::UNSUPPORTED_MEDIA_TYPE).into(),
            BodyFault::Broken => Self::bad(FIELD_MISSING),
        }
    }
}

/// The contract's own words have no code beside them; the second value says whether ours has.
fn words(code: &Code) -> (&'static str, bool) {
    match code.kind {
        _ if *code == codes::ROOM_NOT_FOUND => ("대화를 찾을 수 없습니다.", false),
        Kind::Internal => ("서버 내부 오류가 발생했습니다.", false),
        _ if *code == codes::NOT_AUTHENTICATED => ("로그인이 필요합니다. 토큰을 보내 주세요.", true),
        _ if *code == codes::ACCOUNT_INACTIVE => ("비활성화된 계정입니다.", true),
        Kind::Unauthenticated => ("토큰이 올바르지 않습니다. 다시 로그인해 주세요.", true),
        _ if *code == codes::ROOM_ENDED => ("이미 종료된 대화입니다.", true),
        _ if *code == codes::TOO_MANY_REQUESTS => ("요청이 너무 많습니다. 잠시 후 다시 시도해 주세요.", true),
        Kind::TooMany => ("답변을 기다리는 메시지가 너무 많습니다. 잠시 후 다시 보내 주세요.", true),
        Kind::Unavailable => ("서버가 잠시 응답할 수 없습니다. 잠시 후 다시 시도해 주세요.", true),
        Kind::Unprocessable => ("같은 Idempotency-Key가 다른 요청에 사용되었습니다.", true),
        _ if *code == codes::BODY_TOO_LARGE => ("요청 본문이 너무 큽니다.", true),
        _ if *code == codes::BODY_TOO_SLOW => ("요청 본문이 제때 도착하지 않았습니다.", true),
        _ if *code == codes::UNSUPPORTED_MEDIA_TYPE => ("압축된 본문은 읽을 수 없습니다.", true),
        _ if *code == codes::METHOD_NOT_ALLOWED => ("허용되지 않는 메서드입니다.", true),
        _ if *code == codes::ADDRESS_TOO_LONG => ("요청 주소가 너무 깁니다.", true),
        Kind::NotFound => ("요청한 주소를 찾을 수 없습니다.", true),
        Kind::Invalid | Kind::Conflict => ("잘못된 요청입니다.", true),
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bad(words) => f.write_str(words),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Bad(_) => StatusCode::BAD_REQUEST,
            Self::Fault(fault) => status_of(fault.code),
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        let Self::Fault(fault) = self else { return response.json(json!({ "error": self.to_string() })) };
        log(fault);
        let (words, with_code) = words(fault.code);
        let mut response = if with_code {
            response.json(json!({ "error": words, "code": fault.code.name }))
        } else {
            response.json(json!({ "error": words }))
        };
        add_retry_after(&mut response, fault);
        if fault.kind() == Kind::Unauthenticated {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Token"));
        }
        response
    }
}
