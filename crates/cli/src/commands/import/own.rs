//! What `maru room export` has written: a line for the room, then one for each message.

use super::shape::{Item, Left, clean, short, text, time};
use maru_domain::messages::{MessageStatus, Role};
use maru_domain::upkeep::{ForeignMessage, ForeignRoom};
use serde_json::{Map, Value};

/// The rooms of a file, out of its lines with their numbers.
pub fn conversations(lines: Vec<(usize, serde_json::Result<Value>)>) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    for (number, line) in lines {
        if let Ok(line) = &line
            && line["type"] == "room"
        {
            let name = short(&text(&line["name"]));
            let label = if name.is_empty() { text(&line["id"]) } else { name.clone() };
            items.push(Item { name: label, room: room(line, &name), left: Left::default() });
            continue;
        }
        let Some(item) = items.last_mut() else { continue };
        let told = match &line {
            Ok(line) => message(line).map_err(|wrong| format!("line {number}: {wrong}")),
            Err(error) => {
                Err(format!("line {number} is no JSON ({error}): the file is damaged or was cut off"))
            }
        };
        match told {
            Ok(Some(message)) => {
                if let Ok(room) = &mut item.room {
                    room.said.push(message);
                }
            }
            Ok(None) => item.left.empty += 1,
            // What was wrong first is told.
            Err(wrong) if item.room.is_ok() => item.room = Err(wrong),
            Err(_) => {}
        }
    }
    items
}

fn notes(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn room(line: &Value, name: &str) -> Result<ForeignRoom, String> {
    let id = line["id"].as_str().ok_or("the line of the room has no id")?;
    Ok(ForeignRoom {
        public_id: format!("maru:{}", clean(id)?.as_str()),
        name: clean(name)?,
        system_prompt: clean(&text(&line["system_prompt"]))?,
        metadata: notes(&line["metadata"]),
        created_at: time(&line["created_at"]),
        ended_at: time(&line["ended_at"]),
        said: Vec::new(),
    })
}

/// `None` for a reply that was not there yet when the export was made.
fn message(line: &Value) -> Result<Option<ForeignMessage>, String> {
    let word = |name: &str| line[name].as_str().unwrap_or_default();
    let role =
        Role::parse(word("role")).ok_or_else(|| format!("a message of the role {:?}", word("role")))?;
    let status = MessageStatus::parse(word("status"));
    let status = status.ok_or_else(|| format!("a message of the status {:?}", word("status")))?;
    if !status.is_terminal() {
        return Ok(None);
    }
    Ok(Some(ForeignMessage {
        role,
        content: clean(word("content"))?,
        status,
        metadata: notes(&line["metadata"]),
        created_at: time(&line["created_at"]),
    }))
}
