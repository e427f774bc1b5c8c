//! How rooms and messages look: fields for scripts, text for people.

use crate::commands::quote;
use maru_domain::ids::UserId;
use maru_domain::messages::{Message, MessageStatus, Role};
use maru_domain::plcs::{Hidden, PlcSnapshot};
use maru_domain::rooms::Room;
use maru_domain::rooms::ports::Conversation;
use serde_json::{Value, json};
use std::collections::HashMap;

/// A room's fields.
pub fn room(room: &Room) -> Value {
    json!({
        "id": room.id,
        "number": room.number,
        "kind": room.kind.as_str(),
        "owner_id": room.owner,
        "public_id": room.public_id,
        "name": room.name,
        "system_prompt": room.system_prompt,
        "model": room.model,
        "turn_policy": room.turn_policy.as_str(),
        "metadata": room.metadata,
        "created_at": room.created_at,
        "updated_at": room.updated_at,
        "last_message_at": room.last_message_at,
        "ended_at": room.ended_at,
        "message_count": room.message_count,
    })
}

/// A message's fields. What is `hidden` of its PLC is hidden here too: it must not leave by another door.
pub fn message(message: &Message, hidden: &Hidden) -> Value {
    let plc = message
        .plc
        .as_ref()
        .map(|plc| json!({ "plc_uuid": plc.uuid, "snapshot": plc.shown(hidden).map(snapshot) }));
    json!({
        "id": message.id,
        "number": message.number,
        "room_id": message.room_id,
        "seq": message.seq,
        "turn_id": message.turn_id,
        "role": message.role.as_str(),
        "content": message.content,
        "status": message.status.as_str(),
        "plc": plc,
        "quote": message.quote.as_ref().map(quote::shape),
        "metadata": message.metadata,
        "created_at": message.created_at,
        "updated_at": message.updated_at,
        "edited_at": message.edited_at,
    })
}

fn snapshot(plc: &PlcSnapshot) -> Value {
    json!({
        "plc_id": plc.plc_id,
        "plc_name": plc.plc_name,
        "plant_id": plc.plant_id,
        "plant_name": plc.plant_name,
        "plant_code": plc.plant_code,
        "process_id": plc.process_id,
        "process_name": plc.process_name,
        "process_code": plc.process_code,
        "line_id": plc.line_id,
        "line_name": plc.line_name,
        "line_code": plc.line_code,
        "unit": plc.unit,
        "created_at": plc.created_at,
    })
}

/// A line of an export: the fields, and first what they are the fields of.
pub fn line(what: &str, fields: Value) -> Value {
    let mut line = json!({ "type": what });
    if let (Value::Object(line), Value::Object(fields)) = (&mut line, fields) {
        line.extend(fields);
    }
    line
}

/// A room in a list for people.
pub fn row(room: &Room, names: &HashMap<UserId, String>) -> Vec<String> {
    vec![
        room.number.to_string(),
        room.id.to_string(),
        room.kind.as_str().to_owned(),
        room.owner.and_then(|owner| names.get(&owner)).map_or_else(|| "-".to_owned(), |name| plain(name)),
        if room.ended_at.is_some() { "ended" } else { "open" }.to_owned(),
        room.message_count.to_string(),
        format!("{:.0}", room.last_message_at.unwrap_or(room.created_at)),
        plain(&room.name).replace(['\n', '\t'], " "),
    ]
}

/// Fields for people, one a line.
pub fn fields(value: &Value) -> String {
    let lines = value.as_object().into_iter().flatten().map(|(name, value)| match value {
        Value::String(text) => format!("{name:<16} {}", plain(text)),
        Value::Null => format!("{name:<16} -"),
        other => format!("{name:<16} {other}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A message for people.
pub fn said(message: &Message) -> String {
    let status = match message.status {
        MessageStatus::Completed => String::new(),
        other => format!("  ({})", other.as_str()),
    };
    let head = format!("{}  {:.0}  {}{status}", message.seq, message.created_at, message.role.as_str());
    format!("{head}\n{}", plain(&message.content))
}

/// A conversation for reading. What was said is Markdown already, as models write it, and stands as it is.
pub fn markdown(said: &Conversation) -> String {
    let room = &said.room;
    let name = if room.name.trim().is_empty() { format!("Room {}", room.number) } else { plain(&room.name) };
    let mut text = format!("# {}\n\n", name.split_whitespace().collect::<Vec<_>>().join(" "));
    let ended = room.ended_at.map(|at| format!(", ended {at:.0}")).unwrap_or_default();
    text += &format!("Room {} ({}), opened {:.0}{ended}\n", room.number, room.id, room.created_at);
    if !room.system_prompt.is_empty() {
        let quoted: Vec<String> =
            plain(&room.system_prompt).lines().map(|line| format!("> {line}")).collect();
        text += &format!("\n{}\n", quoted.join("\n"));
    }
    for message in &said.messages {
        let who = match message.role {
            Role::User => "User",
            Role::Assistant => "Assistant",
            Role::System => "System",
        };
        let status = match message.status {
            MessageStatus::Completed => String::new(),
            other => format!(" ({})", other.as_str()),
        };
        text += &format!(
            "\n## {who}, {:.0}{status}\n\n{}\n",
            message.created_at,
            plain(&message.content).trim_end()
        );
    }
    text
}

/// Text that can do nothing to a terminal: a model's words may hold any character.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| *c != '\r')
        .map(|c| if c.is_control() && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_no_commands() {
        assert_eq!(plain("a\r\n\tb\u{1b}[2J\u{9b}c 가"), "a\n\tb\u{fffd}[2J\u{fffd}c 가");
    }

    #[test]
    fn a_line_says_first_what_it_is() {
        assert_eq!(line("room", json!({"id": 1})).to_string(), r#"{"type":"room","id":1}"#);
    }
}
