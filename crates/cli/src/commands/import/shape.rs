//! From what other programs write to what a room is.

use maru_domain::clock::Timestamp;
use maru_domain::messages::{MessageStatus, Role};
use maru_domain::text::CleanText;
use maru_domain::upkeep::{FOREIGN_CHARS, ForeignMessage, ForeignRoom};
use serde_json::{Map, Value, json};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

/// A room's name may be as long as this.
const NAME_CHARS: usize = 200;

/// A conversation of a file.
pub struct Item {
    /// What a person knows it by.
    pub name: String,
    /// The conversation, or what is wrong with it.
    pub room: Result<ForeignRoom, String>,
    /// What does not come along.
    pub left: Left,
}

impl Item {
    /// One that cannot be taken over.
    pub fn refused(name: String, why: String) -> Self {
        Self { name, room: Err(why), left: Left::default() }
    }
}

/// What of a conversation does not come along, counted, so that nothing goes in silence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Messages that are on another branch.
    pub branches: usize,
    /// What tools said, and what was hidden.
    pub tools: usize,
    /// Messages without a text.
    pub empty: usize,
    /// Pictures, sounds and files; a mark stands in the text in their place.
    pub attachments: usize,
}

impl Left {
    fn named(self) -> [(&'static str, usize); 4] {
        [
            ("other_branches", self.branches),
            ("tools", self.tools),
            ("empty", self.empty),
            ("attachments", self.attachments),
        ]
    }

    /// For scripts.
    pub fn shape(self) -> Value {
        self.named()
            .into_iter()
            .map(|(name, count)| (name.to_owned(), count.into()))
            .collect::<Map<_, _>>()
            .into()
    }

    /// For people; nothing when nothing was left out.
    pub fn told(self) -> String {
        let files = if self.attachments == 1 { "picture or file" } else { "pictures or files" };
        let words = ["in other branches", "of tools", "empty", files];
        let told = self.named().into_iter().zip(words).filter(|((_, count), _)| *count > 0);
        let told: Vec<String> = told.map(|((_, count), words)| format!("{count} {words}")).collect();
        if told.is_empty() { String::new() } else { format!("; left out: {}", told.join(", ")) }
    }
}

/// A message on its way.
#[derive(Debug)]
pub struct Draft {
    pub role: Role,
    pub text: String,
    pub at: Option<Timestamp>,
    pub model: Option<String>,
    /// Pictures, sounds and files that went with it.
    pub attachments: usize,
}

/// What a message of a file is.
#[derive(Debug)]
pub enum Told {
    /// Something that a person has seen.
    Said(Draft),
    /// What a tool said, or what was hidden.
    Tool,
    /// A message without a text.
    Empty,
    /// A place in the tree that holds no message.
    Nothing,
}

/// How a message of a program is read, or what is wrong with it.
pub type Read = fn(&Value) -> Result<Told, String>;

/// A conversation on its way.
#[derive(Debug)]
pub struct Found {
    /// The program that it comes from, and its name there.
    pub from: &'static str,
    pub id: String,
    pub name: String,
    pub opened: Option<Timestamp>,
    pub drafts: Vec<Draft>,
    pub left: Left,
    /// The other branches, each from its beginning: the name of its end, and what was said.
    pub branches: Vec<(String, Vec<Draft>)>,
}

impl Found {
    /// Takes in what was said along the way to `last`; with `all`, along every other way too.
    pub fn take_in(&mut self, tree: &Tree<'_>, last: &str, read: Read, all: bool) -> Result<(), String> {
        let way = tree.way(last)?;
        self.take(way.iter().filter_map(|id| tree.node(id)), read)?;
        let on_it: HashSet<&str> = way.into_iter().collect();
        let said = |id: &str| tree.node(id).is_some_and(|node| matches!(read(node), Ok(Told::Said(_))));
        let elsewhere: HashSet<&str> =
            tree.order.iter().copied().filter(|id| !on_it.contains(id) && said(id)).collect();
        if !all {
            self.left.branches = elsewhere.len();
            return Ok(());
        }
        for leaf in tree.leaves() {
            let way = tree.way(leaf)?;
            if way.iter().any(|id| elsewhere.contains(id)) {
                let told = way.iter().filter_map(|id| tree.node(id)).filter_map(|node| read(node).ok());
                let drafts =
                    told.filter_map(|told| if let Told::Said(draft) = told { Some(draft) } else { None });
                self.branches.push((leaf.to_owned(), drafts.collect()));
            }
        }
        Ok(())
    }

    /// Takes in messages in the order in which they stand.
    pub fn take<'a>(&mut self, messages: impl Iterator<Item = &'a Value>, read: Read) -> Result<(), String> {
        for (place, message) in messages.enumerate() {
            match read(message).map_err(|wrong| format!("message {}: {wrong}", place + 1))? {
                Told::Said(draft) => {
                    self.left.attachments += draft.attachments;
                    self.drafts.push(draft);
                }
                Told::Tool => self.left.tools += 1,
                Told::Empty => self.left.empty += 1,
                Told::Nothing => {}
            }
        }
        Ok(())
    }

    /// Checks every text. The branch that was shown comes first.
    pub fn items(self) -> Vec<Item> {
        let name = short(&self.name);
        let label = if name.trim().is_empty() { self.id.clone() } else { name.clone() };
        let mut items = vec![Item {
            name: label.clone(),
            room: self.room(&self.id, &name, &self.drafts),
            left: self.left,
        }];
        for (index, (leaf, drafts)) in self.branches.iter().enumerate() {
            let attachments = drafts.iter().map(|draft| draft.attachments).sum();
            let name = short(&format!("{label} (branch {})", index + 2));
            let room = self.room(&format!("{}#{leaf}", self.id), &name, drafts);
            items.push(Item { name, room, left: Left { attachments, ..Left::default() } });
        }
        items
    }

    fn room(&self, id: &str, name: &str, drafts: &[Draft]) -> Result<ForeignRoom, String> {
        if self.id.is_empty() {
            return Err("it has no id, so that a second import would add it again".to_owned());
        }
        let said = drafts.iter().enumerate().map(|(index, draft)| {
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
        let metadata = json!({ "imported": { "from": self.from, "id": plain(id) } });
        Ok(ForeignRoom {
            public_id: format!("{}:{}", self.from, plain(id)),
            name: clean(name)?,
            system_prompt: CleanText::default(),
            metadata: metadata.as_object().cloned().unwrap_or_default(),
            created_at: self.opened,
            ended_at: None,
            said: said.collect::<Result<_, String>>()?,
        })
    }
}

/// A text with a mark for each picture, sound or file that went with it; `None` when there is neither.
pub fn marked(mut parts: Vec<String>, attachments: &[&str]) -> Option<String> {
    parts.retain(|part| !part.trim().is_empty());
    parts.extend(attachments.iter().map(|what| format!("[{what}]")));
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

/// What kind of thing a file is that went with a message, by its MIME type or a program's own word.
pub fn kind_of(word: &str) -> &'static str {
    match word {
        _ if word.contains("image") => "image",
        _ if word.contains("video") => "video",
        _ if word.contains("audio") => "audio",
        _ => "file",
    }
}

/// The messages of a conversation, each of which may name the one before it.
#[derive(Default)]
pub struct Tree<'a> {
    nodes: HashMap<&'a str, (&'a Value, Option<&'a str>)>,
    /// As they stand in the file.
    order: Vec<&'a str>,
}

impl<'a> Tree<'a> {
    /// Adds a message; one that was there already stays.
    pub fn add(&mut self, id: &'a str, node: &'a Value, parent: Option<&'a str>) {
        if let Entry::Vacant(place) = self.nodes.entry(id) {
            place.insert((node, parent));
            self.order.push(id);
        }
    }

    /// Whether it has such a message.
    pub fn has(&self, id: &str) -> bool {
        self.nodes.contains_key(id)
    }

    /// The one that stands last in the file.
    pub fn last(&self) -> Option<&'a str> {
        self.order.last().copied()
    }

    fn node(&self, id: &str) -> Option<&'a Value> {
        self.nodes.get(id).map(|(node, _)| *node)
    }

    /// Refuses a tree in which a message names one that is not there.
    pub fn whole(&self) -> Result<(), String> {
        for id in &self.order {
            if let Some((_, Some(parent))) = self.nodes.get(id)
                && !self.has(parent)
            {
                return Err(format!("the message {id} follows {parent}, which is not there"));
            }
        }
        Ok(())
    }

    /// The messages that nothing follows.
    fn leaves(&self) -> impl Iterator<Item = &'a str> {
        let parents: HashSet<&str> = self.nodes.values().filter_map(|(_, parent)| *parent).collect();
        self.order.iter().copied().filter(move |id| !parents.contains(id))
    }

    /// The way from the first message to `last`.
    pub fn way(&self, last: &str) -> Result<Vec<&'a str>, String> {
        let (mut way, mut seen, mut at) = (Vec::new(), HashSet::new(), Some(last));
        while let Some((id, (_, parent))) = at.and_then(|id| self.nodes.get_key_value(id)) {
            if !seen.insert(*id) {
                return Err(format!("its messages follow each other in a circle, at {id}"));
            }
            way.push(*id);
            at = *parent;
        }
        way.reverse();
        Ok(way)
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
    fn a_way_that_bites_its_tail_is_refused() {
        let node = json!({});
        let mut tree = Tree::default();
        tree.add("a", &node, Some("b"));
        tree.add("b", &node, Some("a"));
        assert!(tree.way("a").unwrap_err().contains("circle"));
        assert_eq!(tree.way("c"), Ok(Vec::new()));
        tree.add("d", &node, Some("gone"));
        assert_eq!(tree.whole(), Err("the message d follows gone, which is not there".to_owned()));
    }

    #[test]
    fn control_characters_are_left_out_and_long_texts_refused() {
        assert_eq!(clean("a\u{0}\u{1b}b\n\t가").unwrap().as_str(), "ab\n\t가");
        assert!(clean(&"x".repeat(FOREIGN_CHARS + 1)).unwrap_err().contains("1000000"));
        assert_eq!(short(" a \n b "), "a b");
        assert_eq!(short(&"가".repeat(300)).chars().count(), NAME_CHARS);
    }
}
