//! The framework as it comes: English, with its own tokens.

use super::language::{Language, Phrase, Stranger};
use crate::http::credentials::NoKey;
use maru_domain::error::{Fault, FieldRule};
use serde_json::{Value, json};

/// The words of the token API.
#[derive(Debug)]
pub struct English;

impl Language for English {
    const SCHEME: &'static str = "Token";

    fn stranger(why: Stranger) -> Value {
        let detail = match why {
            Stranger::NoKey(NoKey::Missing) => "Authentication credentials were not provided.",
            Stranger::NoKey(NoKey::Several) => "Invalid token header. Send one Authorization header.",
            Stranger::NoKey(NoKey::Unreadable) => {
                "Invalid token header. Token string should not contain invalid characters."
            }
            Stranger::NoKey(NoKey::Empty) => "Invalid token header. No credentials provided.",
            Stranger::NoKey(NoKey::Spaces) => "Invalid token header. Token string should not contain spaces.",
            Stranger::InvalidToken => "Invalid token.",
            Stranger::Inactive => "User inactive or deleted.",
        };
        json!({ "detail": detail })
    }

    fn say(what: Phrase<'_>) -> String {
        match what {
            Phrase::NotFound => "Not found.".to_owned(),
            Phrase::WrongVerb(verb) => format!("Method \"{verb}\" not allowed."),
            Phrase::Throttled(seconds) => {
                let unit = if seconds == 1 { "second" } else { "seconds" };
                format!("Request was throttled. Expected available in {seconds} {unit}.")
            }
            Phrase::ServerError => "A server error occurred.".to_owned(),
            Phrase::AddressTooLong => "The address is too long.".to_owned(),
            Phrase::NotAnObject(kind) => format!("Invalid data. Expected a dictionary, but got {kind}."),
            Phrase::MalformedForm => "Malformed form data.".to_owned(),
            Phrase::MediaType(kind) => format!("Unsupported media type \"{kind}\" in request."),
            Phrase::BodyTooLarge => "The request body is too large.".to_owned(),
            Phrase::BodyTooSlow => "The request body did not arrive in time.".to_owned(),
            Phrase::BodyBroken => "The request body could not be read.".to_owned(),
            Phrase::BodyEncoded => "Compressed request bodies are not supported; send it plain.".to_owned(),
        }
    }

    fn field(name: &str, rule: FieldRule) -> String {
        match rule {
            FieldRule::Required => "This field is required.".to_owned(),
            FieldRule::Null => "This field may not be null.".to_owned(),
            FieldRule::Blank => "This field may not be blank.".to_owned(),
            FieldRule::NotAString => "Not a valid string.".to_owned(),
            FieldRule::TooLong(most) => format!("Ensure this field has no more than {most} characters."),
            FieldRule::TooShort(least) => format!("Ensure this field has at least {least} characters."),
            FieldRule::Characters if name == "username" => {
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

    /// Our texts are lower case without a full stop; this contract's are sentences of its views.
    fn other(fault: &Fault) -> Value {
        let text = fault.to_string();
        let mut letters = text.chars();
        let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
        json!({ "error": format!("{first}{}.", letters.as_str()) })
    }
}
