//! The framework in Korean, with JSON web tokens: as clients of AInfo know it (contract §2).

use super::language::{Language, Phrase, Stranger};
use crate::http::credentials::NoKey;
use maru_domain::error::{Fault, FieldRule, Kind, codes};
use serde_json::{Value, json};

/// The words of the AInfo rooms. What the framework has not translated stays English there, too.
#[derive(Debug)]
pub struct Korean;

impl Language for Korean {
    const SCHEME: &'static str = "Bearer realm=\"api\"";

    fn stranger(why: Stranger) -> Value {
        match why {
            Stranger::NoKey(NoKey::Missing) => json!({
                "detail": "자격 인증데이터(authentication credentials)가 제공되지 않았습니다."
            }),
            Stranger::NoKey(_) | Stranger::InvalidToken => {
                json!({ "detail": "토큰이 유효하지 않습니다.", "code": "token_not_valid" })
            }
            Stranger::Inactive => {
                json!({ "detail": "계정이 중지되었거나 삭제되었습니다.", "code": "user_inactive" })
            }
        }
    }

    fn say(what: Phrase<'_>) -> String {
        match what {
            Phrase::NotFound => "찾을 수 없습니다.".to_owned(),
            Phrase::WrongVerb(verb) => format!("메소드(Method) \"{verb}\"는 허용되지 않습니다."),
            Phrase::Throttled(seconds) => {
                format!("요청이 지연(throttled)되었습니다. {seconds}초 후에 다시 시도하십시오.")
            }
            Phrase::ServerError => "서버 장애가 발생했습니다.".to_owned(),
            Phrase::AddressTooLong => "주소가 너무 깁니다.".to_owned(),
            Phrase::NotAnObject(kind) => {
                format!("유효하지 않은 데이터. 딕셔너리(dictionary)대신 {kind}를 받았습니다.")
            }
            Phrase::MalformedForm => "폼 데이터를 읽을 수 없습니다.".to_owned(),
            Phrase::MediaType(kind) => format!("요청된 \"{kind}\"가 지원되지 않는 미디어 형태입니다."),
            Phrase::BodyTooLarge => "요청 본문이 너무 큽니다.".to_owned(),
            Phrase::BodyTooSlow => "요청 본문이 제시간에 도착하지 않았습니다.".to_owned(),
            Phrase::BodyBroken => "요청 본문을 읽을 수 없습니다.".to_owned(),
            Phrase::BodyEncoded => "압축된 요청 본문은 지원되지 않습니다.".to_owned(),
        }
    }

    fn field(_: &str, rule: FieldRule) -> String {
        match rule {
            FieldRule::Required => "이 필드는 필수 항목입니다.".to_owned(),
            FieldRule::Null => "이 필드는 null일 수 없습니다.".to_owned(),
            FieldRule::Blank => "이 필드는 blank일 수 없습니다.".to_owned(),
            FieldRule::NotAString => "Not a valid string.".to_owned(),
            FieldRule::TooLong(most) => format!("이 필드의 글자 수가 {most} 이하인지 확인하십시오."),
            FieldRule::TooShort(least) => {
                format!("이 필드의 글자 수가 적어도 {least} 이상인지 확인하십시오.")
            }
            FieldRule::Choice => "유효하지 않은 선택(choice)입니다.".to_owned(),
            FieldRule::Past => "이미 지난 시간입니다.".to_owned(),
            FieldRule::Characters => "이 필드에는 제어 문자를 사용할 수 없습니다.".to_owned(),
            FieldRule::Email => "유효한 이메일 주소를 입력하십시오.".to_owned(),
            FieldRule::Taken => "이미 사용 중인 이름입니다.".to_owned(),
        }
    }

    fn other(fault: &Fault) -> Value {
        let detail = match fault.code {
            code if *code == codes::ROOM_NOT_FOUND => "채팅방을 찾을 수 없거나 권한이 없습니다.",
            code if *code == codes::IDEMPOTENCY_KEY_REUSED => {
                "이 Idempotency-Key는 이미 다른 요청에 사용되었습니다."
            }
            code if *code == codes::INVALID_IDEMPOTENCY_KEY => {
                "Idempotency-Key는 1자 이상 255자 이하의 출력 가능한 ASCII 문자여야 합니다."
            }
            code if *code == codes::ROOM_ENDED => "종료된 채팅방입니다.",
            code if code.kind == Kind::NotFound => "찾을 수 없습니다.",
            code if code.kind == Kind::Unavailable => {
                "서버를 일시적으로 사용할 수 없습니다. 잠시 후 다시 시도하십시오."
            }
            _ => "잘못된 요청입니다.",
        };
        json!({ "detail": detail })
    }
}
