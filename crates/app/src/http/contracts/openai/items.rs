//! Items: what is said, as this contract writes and reads it. Only messages of text are spoken here;
//! whatever else an item or a part may be is refused by its name.

use super::fields::{Fields, clean, message, wrong_type};
use super::{Refusal, ids, known};
use maru_domain::messages::{Message, MessageStatus, Role, Saying};
use maru_domain::text::{CleanText, MESSAGE_CHARS};
use serde_json::{Value, json};

/// The most items that one request may tell.
const MOST: usize = 1_000;

/// A message as an item. A reply that was cut short is `incomplete`.
pub fn item(message: &Message) -> Value {
    let status = match message.status {
        MessageStatus::Pending | MessageStatus::Streaming => "in_progress",
        MessageStatus::Completed => "completed",
        MessageStatus::Failed | MessageStatus::Cancelled | MessageStatus::Interrupted => "incomplete",
    };
    json!({
        "id": ids::message(message.id),
        "type": "message",
        "role": message.role.as_str(),
        "status": status,
        "content": content(message.role, &message.content),
    })
}

/// The parts of an item.
pub fn content(role: Role, text: &str) -> Value {
    match role {
        Role::Assistant if text.is_empty() => json!([]),
        Role::Assistant => json!([output_text(text)]),
        Role::User | Role::System => json!([{ "type": "input_text", "text": text }]),
    }
}

/// What a model has said, as a part.
pub fn output_text(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
}

/// A role by its name.
pub fn role(fields: &Fields<'_>) -> Result<Role, Refusal> {
    match fields.required("role")? {
        "user" => Ok(Role::User),
        "assistant" => Ok(Role::Assistant),
        // A newer word for the same.
        "system" | "developer" => Ok(Role::System),
        "tool" | "function" => Err(Refusal::unsupported(fields.at("role"), "runs no tools")),
        _ => {
            Err(Refusal::value(fields.at("role"), "it must be 'user', 'assistant', 'system' or 'developer'"))
        }
    }
}

/// The text of a content: a string, or a list of parts of text; or of a refusal, which stands in its place.
pub fn text(fields: &Fields<'_>) -> Result<CleanText, Refusal> {
    let path = fields.at("content");
    let text = match fields.get("content") {
        None => fields.text("refusal")?.ok_or_else(|| Refusal::missing(&path))?.to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let parts = parts.iter().enumerate().map(|(n, part)| part_text(part, format!("{path}[{n}]")));
            parts.collect::<Result<Vec<_>, _>>()?.concat()
        }
        Some(other) => return Err(wrong_type(path, "a string or an array of parts", other)),
    };
    clean(&path, text, MESSAGE_CHARS)
}

fn part_text(part: &Value, path: String) -> Result<String, Refusal> {
    let fields = Fields::of(part, path, "an object")?;
    fields.check(known::PART)?;
    let name = match fields.required("type")? {
        "text" | "input_text" | "output_text" => "text",
        // What a model has refused is what it has said.
        "refusal" => "refusal",
        other => {
            let what = format!("reads text only, and no '{other}'");
            return Err(Refusal::unsupported(fields.at("type"), &what));
        }
    };
    Ok(fields.required(name)?.to_owned())
}

/// One item.
fn saying(item: &Value, path: String) -> Result<Saying, Refusal> {
    let fields = Fields::of(item, path, "an object")?;
    match fields.text("type")? {
        None | Some("message") => {}
        Some(other) => {
            let what = format!("keeps messages only, and no '{other}'");
            return Err(Refusal::unsupported(fields.at("type"), &what));
        }
    }
    let Saying { role, content } = said(&fields)?;
    // Nobody says anything without a word; a model may have been stopped before its first.
    let content = if role == Role::User { message(&fields.at("content"), content)? } else { content };
    Ok(Saying { role, content })
}

fn said(fields: &Fields<'_>) -> Result<Saying, Refusal> {
    fields.check(known::MESSAGE)?;
    Ok(Saying { role: role(fields)?, content: text(fields)? })
}

/// A list of items, at most `most`.
pub fn sayings(items: &[Value], path: &str, most: usize) -> Result<Vec<Saying>, Refusal> {
    if items.len() > most {
        return Err(Refusal::value(path, format!("it may have at most {most} items")));
    }
    items.iter().enumerate().map(|(n, item)| saying(item, format!("{path}[{n}]"))).collect()
}

/// Items that are kept as they are, without a reply; so all of them have something to say.
pub fn kept(items: &[Value], path: &str, most: usize) -> Result<Vec<Saying>, Refusal> {
    let mut said = sayings(items, path, most)?;
    for (n, saying) in said.iter_mut().enumerate() {
        saying.content = message(&format!("{path}[{n}].content"), std::mem::take(&mut saying.content))?;
    }
    Ok(said)
}

/// What a model is asked: what was said before, and the message that it is to answer.
pub struct Input {
    /// What was said before.
    pub past: Vec<Saying>,
    /// The message.
    pub last: CleanText,
}

/// The `input` of a response: a text, or items of which the last is the person's.
pub fn input(fields: &Fields<'_>) -> Result<Input, Refusal> {
    match fields.get("input") {
        None => Err(Refusal::missing("input")),
        Some(Value::String(text)) => {
            let last = message("input", clean("input", text.clone(), MESSAGE_CHARS)?)?;
            Ok(Input { past: Vec::new(), last })
        }
        Some(Value::Array(items)) => ended(sayings(items, "input", MOST)?, "input", 0),
        Some(other) => Err(wrong_type("input".to_owned(), "a string or an array of items", other)),
    }
}

/// What was said after `before` others, with the person's message at its end.
pub fn ended(mut said: Vec<Saying>, path: &str, before: usize) -> Result<Input, Refusal> {
    let at = format!("{path}[{}]", (before + said.len()).saturating_sub(1));
    match said.pop() {
        None if before == 0 => Err(Refusal::value(path, "it must not be empty")),
        Some(Saying { role: Role::User, content }) => {
            Ok(Input { past: said, last: message(&format!("{at}.content"), content)? })
        }
        _ => Err(Refusal::value(format!("{at}.role"), "the last message must be the user's")),
    }
}

/// The messages of a chat completion.
pub fn messages(fields: &Fields<'_>) -> Result<Vec<Saying>, Refusal> {
    let Some(messages) = fields.list("messages")? else { return Err(Refusal::missing("messages")) };
    if messages.len() > MOST {
        return Err(Refusal::value("messages", format!("it may have at most {MOST} messages")));
    }
    let read = |(n, message): (usize, &Value)| {
        let fields = Fields::of(message, format!("messages[{n}]"), "an object")?;
        said(&fields)
    };
    messages.iter().enumerate().map(read).collect()
}
