//! What the AI SDK's transport sends: a chat's id, its messages, and what is to be done.

use super::Refusal;
use crate::http::body;
use crate::http::visitor::Visitor;
use actix_web::dev::Payload;
use actix_web::{Error, FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use maru_domain::error::{Fault, codes};
use maru_domain::text::{CleanText, TextFault, has_control};
use serde_json::{Map, Value};

/// The longest id that a client may give, in characters.
const ID_CHARS: usize = 128;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Send a message, or another text for one that was sent.
    Submit,
    /// Give the message another reply.
    Regenerate,
}

/// What a client wants of a chat.
#[derive(Debug)]
pub struct Wish {
    /// The chat's id among the caller's own.
    pub chat: String,
    /// What is to be done.
    pub trigger: Trigger,
    /// The person's newest message.
    pub content: CleanText,
    /// The id of that message: the client's own, or ours where the client has read the chat elsewhere.
    pub message: Option<String>,
    /// The message that the client says to edit, or the reply that is to be made anew.
    pub names: Option<String>,
    /// The model for this reply.
    pub model: Option<String>,
}

impl Wish {
    /// Refuses another text for a message that was sent, unless the client says that it edits that message: an id
    /// that comes twice by mistake must not cost what was said.
    pub fn may_edit(&self) -> Result<(), Refusal> {
        if self.message.is_some() && self.names == self.message {
            return Ok(());
        }
        Err(Refusal::bad(
            "a message of this id was sent before with another text: to edit it, send its id as messageId too; \
             to say more, take another id",
        ))
    }
}

/// A caller and what is wanted; the body is read for nobody who is not let in.
pub struct Asked {
    pub visitor: Visitor,
    pub wish: Wish,
    pub bytes: web::Bytes,
}

impl FromRequest for Asked {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let visitor = Visitor::from_request(&request, &mut payload).await?;
            let bytes = body::read(&request, &mut payload).await.map_err(Refusal::from)?;
            let wish = wish(&parse(&request, &bytes)?)?;
            Ok(Self { visitor, wish, bytes })
        })
    }
}

fn parse(request: &HttpRequest, bytes: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if !body::says_json(request) {
        return Err(Fault::new(&codes::UNSUPPORTED_MEDIA_TYPE).into());
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(values)) => Ok(values),
        _ => Err(Fault::new(&codes::INVALID_JSON).into()),
    }
}

fn wish(values: &Map<String, Value>) -> Result<Wish, Refusal> {
    let trigger = match text(values, "trigger")?.as_deref() {
        None | Some("submit-message") => Trigger::Submit,
        Some("regenerate-message") => Trigger::Regenerate,
        Some(other) => return Err(Refusal::bad(format!("trigger: maru does not know '{other}'"))),
    };
    let (message, path) = newest(values)?;
    Ok(Wish {
        chat: id(values, "id")?.ok_or_else(|| Refusal::bad("id must be there: the chat's own"))?,
        trigger,
        content: content(message, &path)?,
        message: id(message, "id")?,
        names: text(values, "messageId")?,
        model: text(values, "model")?,
    })
}

fn text(values: &Map<String, Value>, name: &str) -> Result<Option<String>, Refusal> {
    match values.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Refusal::bad(format!("{name} must be a string"))),
    }
}

/// An id that may stand in an address and in the database.
pub fn is_id(id: &str) -> bool {
    !id.is_empty() && id.chars().count() <= ID_CHARS && !has_control(id)
}

fn id(values: &Map<String, Value>, name: &str) -> Result<Option<String>, Refusal> {
    match text(values, name)?.filter(|id| !id.is_empty()) {
        Some(id) if !is_id(&id) => Err(Refusal::bad(format!(
            "{name} may have at most {ID_CHARS} characters, and no control characters"
        ))),
        id => Ok(id),
    }
}

/// The person's newest message and its path: `message` where an app sends only that, or the last one in
/// `messages`.
fn newest(values: &Map<String, Value>) -> Result<(&Map<String, Value>, String), Refusal> {
    let missing = || Refusal::bad("messages must hold a message of role 'user'");
    match (values.get("message"), values.get("messages")) {
        (Some(Value::Object(message)), _) => Ok((message, "message".to_owned())),
        (None | Some(Value::Null), Some(Value::Array(messages))) => {
            let said = messages.iter().enumerate().rev();
            let mut said =
                said.filter_map(|(n, message)| Some((message.as_object()?, format!("messages[{n}]"))));
            said.find(|(message, _)| message.get("role").is_some_and(|role| role == "user"))
                .ok_or_else(missing)
        }
        (None | Some(Value::Null), None | Some(Value::Null)) => Err(missing()),
        (None | Some(Value::Null), Some(_)) => Err(Refusal::bad("messages must be an array")),
        (Some(_), _) => Err(Refusal::bad("message must be an object")),
    }
}

/// The text of a message: its parts, which may only be text.
fn content(message: &Map<String, Value>, path: &str) -> Result<CleanText, Refusal> {
    let mut said = String::new();
    match (message.get("parts"), message.get("content")) {
        (Some(Value::Array(parts)), _) => {
            for (n, part) in parts.iter().enumerate() {
                let at = format!("{path}.parts[{n}]");
                match (part["type"].as_str(), part["text"].as_str()) {
                    (Some("text"), Some(text)) => said.push_str(text),
                    (Some("text"), None) => return Err(Refusal::bad(format!("{at}.text must be a string"))),
                    (Some(kind), _) => {
                        return Err(Refusal::bad(format!("{at}: maru reads text only, and no '{kind}'")));
                    }
                    (None, _) => return Err(Refusal::bad(format!("{at}.type must be a string: 'text'"))),
                }
            }
        }
        (None, Some(Value::String(text))) => said.push_str(text),
        _ => {
            return Err(Refusal::bad(format!("{path} must have parts: [{{\"type\":\"text\",\"text\":…}}]")));
        }
    }
    CleanText::message(said).map_err(|fault| {
        Refusal::bad(match fault {
            TextFault::Blank => "the message is empty".to_owned(),
            TextFault::TooLong(most) => format!("a message may have at most {most} characters"),
            TextFault::Control => "the message holds control characters, which are not allowed".to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: Value) -> Result<Wish, String> {
        let Value::Object(values) = body else { return Err("no object".into()) };
        wish(&values).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn the_newest_message_of_the_person_counts() {
        let part = |text: &str| json!([{"type": "text", "text": text}]);
        let wish = read(json!({"id": "c", "trigger": "regenerate-message", "messageId": "m2", "messages": [
            {"id": "m0", "role": "user", "parts": part("old")},
            {"id": "m1", "role": "user", "parts": part("new")},
            {"id": "m2", "role": "assistant", "parts": [{"type": "step-start"}]},
        ]}));
        let wish = wish.unwrap();
        assert_eq!((wish.trigger, wish.content.as_str()), (Trigger::Regenerate, "new"));
        assert_eq!((wish.chat.as_str(), wish.message.as_deref()), ("c", Some("m1")));
        let alone = json!({"id": "c", "message": {"id": "m", "role": "user", "parts": part("hi")}});
        assert_eq!(read(alone).unwrap().message.as_deref(), Some("m"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let with =
            |part: Value| json!({"id": "c", "messages": [{"id": "m", "role": "user", "parts": [part]}]});
        let cases = [
            (json!({}), "messages must hold"),
            (json!({"id": "c", "messages": 5}), "messages must be an array"),
            (json!({"id": 5, "messages": []}), "messages must hold"),
            (with(json!({"type": "file", "url": "data:"})), "no 'file'"),
            (with(json!({"type": "text", "text": " "})), "is empty"),
            (with(json!({"type": "text", "text": 5})), "messages[0].parts[0].text must be a string"),
            (with(json!({"type": "text"})), "messages[0].parts[0].text must be a string"),
            (with(json!({"text": "x"})), "messages[0].parts[0].type must be a string"),
            (with(json!(5)), "messages[0].parts[0].type must be a string"),
            (json!({"id": "c", "message": 5}), "message must be an object"),
            (json!({"id": "c", "message": {"role": "user", "parts": 5}}), "message must have parts"),
            (json!({"id": "c", "trigger": "x"}), "does not know 'x'"),
            (json!({"id": "x".repeat(129), "message": {"role": "user", "content": "hi"}}), "at most 128"),
            (json!({"message": {"role": "user", "content": "hi"}}), "id must be there"),
        ];
        for (body, words) in cases {
            let said = read(body.clone()).unwrap_err();
            assert!(said.contains(words), "{body}: {said}");
        }
    }
}
