//! From what other programs write to what a room is.

use maru_domain::clock::Timestamp;
use maru_domain::messages::{MessageStatus, Role};
use maru_domain::text::CleanText;
use maru_domain::upkeep::{FOREIGN_CHARS, ForeignMessage, ForeignRoom};
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};

/// A room's name may be as long as this.
const NAME_CHARS: usize = 200;

/// A conversation of a file.
pub struct Item {
    /// What a person knows it by.
    pub name: String,
    /// The conversation, or what is wrong with it.
    pub room: Result<ForeignRoom, String>,
    /// Messages that are no part of the conversation: what tools said, empty ones, unfinished ones.
    pub left_out: usize,
}

/// A message on its way.
pub struct Draft {
    pub role: Role,
    pub text: String,
    pub at: Option<Timestamp>,
    pub model: Option<String>,
}

/// A conversation on its way.
pub struct Found {
    /// The program that it comes from, and its name there.
    pub from: &'static str,
    pub id: String,
    pub name: String,
    pub opened: Option<Timestamp>,
    pub drafts: Vec<Draft>,
    pub left_out: usize,
}

impl Found {
    /// Checks every text.
    pub fn item(self) -> Item {
        let name = short(&self.name);
        let room = self.room(&name);
        let label = if name.trim().is_empty() { self.id } else { name };
        Item { name: label, room, left_out: self.left_out }
    }

    fn room(&self, name: &str) -> Result<ForeignRoom, String> {
        if self.id.is_empty() {
            return Err("it has no id, so that a second import would add it again".to_owned());
        }
        let said = self.drafts.iter().enumerate().map(|(index, draft)| {
            let mut metadata = Map::new();
            if let Some(model) = &draft.model {
                metadata.insert("model".to_owned(), plain(model).into());
            }
            Ok(ForeignMessage {
                role: draft.role,
                content: clean(&draft.text).map_err(|wrong| format!("message {}: {wrong}", index + 1))?,
                status: MessageStatus::Completed,
                metadata,
                created_at: draft.at,
            })
        });
        let metadata = json!({ "imported": { "from": self.from, "id": plain(&self.id) } });
        Ok(ForeignRoom {
            public_id: format!("{}:{}", self.from, plain(&self.id)),
            name: clean(name)?,
            system_prompt: CleanText::default(),
            metadata: metadata.as_object().cloned().unwrap_or_default(),
            created_at: self.opened,
            ended_at: None,
            said: said.collect::<Result<_, String>>()?,
        })
    }
}

/// Control characters say nothing to a person; other programs let them in, and maru keeps none.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t')).collect()
}

/// A text that may be stored.
pub fn clean(text: &str) -> Result<CleanText, String> {
    CleanText::bounded(plain(text), FOREIGN_CHARS)
        .map_err(|_| format!("it has more than {FOREIGN_CHARS} characters"))
}

/// A name in one line that is not too long.
pub fn short(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(NAME_CHARS).collect()
}

/// A text field; empty when it is none.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A time as these programs write it: seconds, milliseconds or nanoseconds since 1970, or RFC 3339.
pub fn time(value: &Value) -> Option<Timestamp> {
    if let Some(text) = value.as_str() {
        return text.parse().ok();
    }
    let number = value.as_f64().filter(|number| number.is_finite() && *number > 0.0)?;
    let seconds = match number {
        _ if number > 1e17 => number / 1e9,
        _ if number > 1e11 => number / 1e3,
        _ => number,
    };
    // A whole number of microseconds: more a float cannot say, and the databases keep no more.
    Timestamp::from_microsecond((seconds * 1e6).round() as i64).ok()
}

/// The way from the first message to the last one of a conversation that has branches: from `last` back to
/// where it begins.
pub fn path<'a>(nodes: &HashMap<&'a str, (&'a Value, Option<&'a str>)>, last: &'a str) -> Vec<&'a Value> {
    let (mut way, mut seen, mut at) = (Vec::new(), HashSet::new(), Some(last));
    while let Some(id) = at {
        let Some((node, parent)) = nodes.get(id) else { break };
        // A file may say that a message follows itself.
        if !seen.insert(id) {
            break;
        }
        way.push(*node);
        at = *parent;
    }
    way.reverse();
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_come() {
        let at: Timestamp = "2024-05-06T07:08:09.5Z".parse().unwrap();
        assert_eq!(time(&json!(1_714_979_289.5)), Some(at));
        assert_eq!(time(&json!(1_714_979_289_500_i64)), Some(at));
        assert_eq!(time(&json!(1_714_979_289_500_000_000_i64)), Some(at));
        assert_eq!(time(&json!("2024-05-06T07:08:09.500Z")), Some(at));
        for nothing in [json!(null), json!(""), json!("soon"), json!(0), json!(-5), json!({}), json!(1e300)] {
            assert_eq!(time(&nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_way_that_bites_its_tail_ends() {
        let node = json!({});
        let nodes = HashMap::from([("a", (&node, Some("b"))), ("b", (&node, Some("a")))]);
        assert_eq!(path(&nodes, "a").len(), 2);
        assert!(path(&nodes, "c").is_empty());
    }

    #[test]
    fn control_characters_are_left_out_and_long_texts_refused() {
        assert_eq!(clean("a\u{0}\u{1b}b\n\t가").unwrap().as_str(), "ab\n\t가");
        assert!(clean(&"x".repeat(FOREIGN_CHARS + 1)).unwrap_err().contains("1000000"));
        assert_eq!(short(" a \n b "), "a b");
        assert_eq!(short(&"가".repeat(300)).chars().count(), NAME_CHARS);
    }
}
