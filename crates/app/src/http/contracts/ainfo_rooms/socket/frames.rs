//! The frames of a conversation (contract §2.3).

use super::super::shapes::{iso, logged_at, role};
use jiff::tz::TimeZone;
use maru_domain::error::{Fault, codes};
use maru_domain::messages::Message;
use maru_domain::text::CleanText;
use serde_json::{Value, json};

/// The longest message, without the white space at its ends.
const MESSAGE_CHARS: usize = 500;

const NOT_JSON: &str = "잘못된 JSON 형식입니다.";
/// JSON that is no message, a message that is empty or too long, and binary frames.
pub const NOT_A_MESSAGE: &str = "잘못된 메시지 형식입니다.";
/// The reply was stopped by somebody, elsewhere: the words that the PLC chat API has for it, whose clients know them.
pub const CANCELLED: &str = "⚠️ 응답이 취소되었습니다.";
/// The model has failed, or the server in mid-reply.
pub const NO_REPLY: &str = "응답 생성 중 오류가 발생했습니다.";
const ENDED: &str = "종료된 채팅방입니다.";
const NO_ROOM: &str = "채팅방을 찾을 수 없거나 권한이 없습니다.";

/// What a client says, as it said it, or what to tell it.
pub fn read(text: &str) -> Result<CleanText, &'static str> {
    let value: Value = serde_json::from_str(text).map_err(|_| NOT_JSON)?;
    let message = value.get("message").and_then(Value::as_str).ok_or(NOT_A_MESSAGE)?;
    if message.trim().chars().count() > MESSAGE_CHARS {
        return Err(NOT_A_MESSAGE);
    }
    CleanText::message(message.to_owned()).map_err(|_| NOT_A_MESSAGE)
}

/// A log; `None` for a message that is none.
pub fn past(message: &Message) -> Option<String> {
    let role = role(message)?;
    let timestamp = iso(logged_at(message), &TimeZone::UTC);
    Some(json!({ "role": role, "message": message.content, "timestamp": timestamp }).to_string())
}

/// A piece of a reply.
pub fn piece(text: &str) -> String {
    json!({ "response": text, "is_streaming": true }).to_string()
}

/// The whole reply.
pub fn whole(text: &str) -> String {
    json!({ "response": text, "is_streaming": false }).to_string()
}

/// What went wrong.
pub fn error(words: &str) -> String {
    json!({ "error": words }).to_string()
}

/// The words for a message that could not be sent.
pub fn words(fault: &Fault) -> &'static str {
    match fault.code {
        code if *code == codes::ROOM_ENDED => ENDED,
        code if *code == codes::ROOM_NOT_FOUND => NO_ROOM,
        _ => NO_REPLY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_an_object_with_a_text_of_up_to_500_characters() {
        let kept = |text: &str| read(text).map(CleanText::into_string);
        assert_eq!(kept(r#"{"message":" 안녕\n","is_report":"x","other":1}"#), Ok(" 안녕\n".to_owned()));
        let longest = format!("  {}  ", "가".repeat(500));
        assert_eq!(kept(&json!({ "message": longest }).to_string()), Ok(longest.clone()));
        let too_long = json!({ "message": "가".repeat(501) }).to_string();
        let control = json!({ "message": "a\u{0}b" }).to_string();
        for wrong in
            ["{}", "[]", "5", "\"x\"", "null", r#"{"message":5}"#, r#"{"message":null}"#, r#"{"message":""}"#]
        {
            assert_eq!(kept(wrong), Err(NOT_A_MESSAGE), "{wrong}");
        }
        for wrong in [r#"{"message":" \n\t　"}"#, &too_long, &control] {
            assert_eq!(kept(wrong), Err(NOT_A_MESSAGE), "{wrong}");
        }
        for wrong in ["", "x", "{", "{'message':'x'}", r#"{"message":"x"}}"#] {
            assert_eq!(kept(wrong), Err(NOT_JSON), "{wrong}");
        }
    }
}
