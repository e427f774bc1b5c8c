//! What kind of file it is, and the conversations in it.

use super::shape::Item;
use super::{chatgpt, librechat, open_webui, own};
use crate::arguments::Source;
use maru_domain::error::BoxError;
use serde_json::Value;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// No text of conversations is larger; a packed file could unfold without an end.
const MOST: u64 = 2 << 30;
const NONE_OF_THEM: &str = "it is none of ChatGPT's, Open WebUI's, LibreChat's or maru's exports";

/// What is wanted of a file.
#[derive(Clone, Copy, Default)]
pub struct Wanted {
    /// Whose it is, where it does not say so.
    pub from: Option<Source>,
    /// The branches that were not shown, too.
    pub all_branches: bool,
}

/// Reads the conversations of a file.
pub fn read(path: &Path, wanted: Wanted) -> Result<Vec<Item>, BoxError> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        return Err("it is too large; split it".into());
    }
    if bytes.starts_with(b"PK") {
        return packed(bytes, wanted);
    }
    conversations(&bytes, wanted)
}

/// What to do about a zip that cannot be read.
fn damaged(what: &str, error: &dyn std::fmt::Display) -> BoxError {
    format!(
        "{what} is damaged, or was cut off when it was downloaded ({error}); download it again, or unpack what can \
         be unpacked and name conversations.json"
    )
    .into()
}

/// ChatGPT packs `conversations.json`, or several numbered ones, with much else.
fn packed(bytes: Vec<u8>, from: Wanted) -> Result<Vec<Item>, BoxError> {
    let archive = zip::ZipArchive::new(std::io::Cursor::new(bytes));
    let mut archive = archive.map_err(|error| damaged("the zip", &error))?;
    let wanted = |name: &str| {
        let file = name.rsplit('/').next().unwrap_or(name);
        file.starts_with("conversations") && file.ends_with(".json")
    };
    let names = archive.file_names().filter_map(Result::ok).filter(|name| wanted(name));
    let mut names: Vec<String> = names.map(std::borrow::Cow::into_owned).collect();
    names.sort();
    if names.is_empty() {
        return Err(
            "there is no conversations.json in it; unpack it and name the file with the conversations".into(),
        );
    }
    let mut items = Vec::new();
    let mut left = MOST;
    for name in names {
        let mut text = Vec::new();
        let inside = format!("{name} in the zip");
        let file = archive.by_name(&name).map_err(|error| damaged(&inside, &error))?;
        file.take(left + 1).read_to_end(&mut text).map_err(|error| damaged(&inside, &error))?;
        let size = text.len() as u64;
        left = left.checked_sub(size).ok_or_else(|| format!("{name} is too large"))?;
        items.extend(conversations(&text, from).map_err(|error| format!("{name}: {error}"))?);
    }
    Ok(items)
}

fn conversations(bytes: &[u8], wanted: Wanted) -> Result<Vec<Item>, BoxError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match serde_json::from_slice::<Value>(bytes) {
        // One line of an export is JSON too.
        Ok(one) if one["type"] == "room" => Ok(own::conversations(vec![(1, Ok(one))])),
        Ok(Value::Array(all)) => items(&all, wanted),
        Ok(one) => items(&[one], wanted),
        Err(error) => lines(bytes).ok_or_else(|| format!("it is no JSON: {error}").into()),
    }
}

/// Lines of JSON, each of which says what it is. One that cannot be read spoils the room that it stands in.
fn lines(bytes: &[u8]) -> Option<Vec<Item>> {
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    let lines: Vec<_> =
        lines.map(|(index, line)| (index + 1, serde_json::from_slice::<Value>(line))).collect();
    let (_, first) = lines.first()?;
    first.as_ref().is_ok_and(|first| first["type"] == "room").then(|| own::conversations(lines))
}

/// Whose a conversation is, if it says so.
fn source(value: &Value) -> Option<Source> {
    if !value["mapping"].is_null() {
        Some(Source::Chatgpt)
    } else if !value["chat"].is_null() {
        Some(Source::OpenWebui)
    } else if value["conversationId"].is_string() {
        Some(Source::Librechat)
    } else {
        None
    }
}

/// Each element for itself. What does not say whose it is is taken for one like the first that does, and refused
/// as such.
fn items(all: &[Value], wanted: Wanted) -> Result<Vec<Item>, BoxError> {
    let known = wanted.from.or_else(|| all.iter().find_map(source));
    let Some(known) = known.filter(|known| *known != Source::Maru) else {
        return if all.is_empty() { Ok(Vec::new()) } else { Err(NONE_OF_THEM.into()) };
    };
    let mut items = Vec::new();
    for (index, value) in all.iter().enumerate() {
        let source = wanted.from.or_else(|| source(value)).unwrap_or(known);
        match found(value, source, wanted.all_branches) {
            Ok(found) => items.extend(found),
            Err(why) => items.push(Item::refused(label(value, index), why)),
        }
    }
    Ok(items)
}

fn found(value: &Value, source: Source, all: bool) -> Result<Vec<Item>, String> {
    if !value.is_object() {
        return Err("it is no conversation, but something else".to_owned());
    }
    let found = match source {
        Source::Chatgpt => chatgpt::conversation(value, all),
        Source::OpenWebui => open_webui::conversation(value, all),
        Source::Librechat => librechat::conversation(value, all),
        Source::Maru => Err(NONE_OF_THEM.to_owned()),
    };
    Ok(found?.items())
}

/// What a person may know a conversation by that cannot be read.
fn label(value: &Value, index: usize) -> String {
    let own = ["title", "conversation_id", "conversationId", "id"].map(|key| &value[key]);
    // Open WebUI's names stand within the chat.
    let words = std::iter::once(&value["chat"]["title"]).chain(own).filter_map(Value::as_str);
    let word = words.map(super::shape::short).find(|word| !word.is_empty());
    word.unwrap_or_else(|| format!("element {} of the file", index + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::Write;

    fn names(bytes: &[u8]) -> Result<Vec<String>, String> {
        let items = conversations(bytes, Wanted::default()).map_err(|error| error.to_string())?;
        Ok(items.into_iter().map(|item| item.name).collect())
    }

    #[test]
    fn a_file_says_whose_it_is() {
        let chatgpt =
            json!([{ "id": "1", "title": "a", "mapping": {} }, { "id": "2", "title": "b", "mapping": {} }]);
        assert_eq!(names(chatgpt.to_string().as_bytes()), Ok(vec!["a".to_owned(), "b".to_owned()]));
        let webui = json!([{ "id": "1", "chat": { "title": "c" } }]);
        assert_eq!(names(format!("\u{feff}{webui}").as_bytes()), Ok(vec!["c".to_owned()]));
        let libre = json!({ "conversationId": "x", "title": "", "messages": [] });
        assert_eq!(names(libre.to_string().as_bytes()), Ok(vec!["x".to_owned()]));
        let own = "{\"type\":\"room\",\"id\":\"r\",\"name\":\"d\"}\n{\"type\":\"message\",\"role\":\"user\",\"status\":\"completed\",\"content\":\"x\"}\n";
        assert_eq!(names(own.as_bytes()), Ok(vec!["d".to_owned()]));
        for wrong in ["", "5", "{}", "[{}]", "no json", "{\"type\":\"message\"}\n{}"] {
            assert!(names(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
    }

    /// Of each conversation its name, and why it is refused.
    fn refusals(bytes: &[u8]) -> Vec<(String, Option<String>)> {
        let items = conversations(bytes, Wanted::default()).unwrap();
        items.into_iter().map(|item| (item.name, item.room.err())).collect()
    }

    #[test]
    fn a_wrong_element_is_refused_by_itself() {
        let good = |id: &str| json!({ "id": id, "title": id, "mapping": {} });
        let file = json!([5, good("a"), { "id": "b", "title": "broken" }, { "mapping": [] }, good("c")]);
        let told = refusals(file.to_string().as_bytes());
        let names: Vec<_> = told.iter().map(|(name, why)| (name.as_str(), why.is_some())).collect();
        let expected = [
            ("element 1 of the file", true),
            ("a", false),
            ("broken", true),
            ("element 4 of the file", true),
            ("c", false),
        ];
        assert_eq!(names, expected, "{told:?}");
        assert!(told[2].1.as_ref().is_some_and(|why| why.contains("mapping")), "{told:?}");
    }

    #[test]
    fn a_line_that_cannot_be_read_spoils_its_own_room() {
        let room = |id: &str| json!({ "type": "room", "id": id, "name": id }).to_string();
        let told = refusals(format!("{}\n{}\n{{\"type\":\"mess\n", room("a"), room("b")).as_bytes());
        assert_eq!((told.len(), told[0].1.is_none()), (2, true), "{told:?}");
        assert!(told[1].1.as_ref().is_some_and(|why| why.contains("line 3")), "{told:?}");
    }

    #[test]
    fn conversations_are_found_in_a_packed_file() {
        let pack = |name: &str| {
            let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
            archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            archive
                .write_all(json!([{ "id": "1", "title": "a", "mapping": {} }]).to_string().as_bytes())
                .unwrap();
            archive.finish().unwrap().into_inner()
        };
        assert_eq!(
            packed(pack("export/conversations.json"), Wanted::default()).map(|items| items.len()).unwrap(),
            1
        );
        let none = packed(pack("other.json"), Wanted::default()).map(|items| items.len()).unwrap_err();
        assert!(none.to_string().contains("conversations.json"), "{none}");
        let whole = pack("conversations.json");
        let end = whole.len();
        let mut spoiled = whole.clone();
        // Its content, behind the head of its only file.
        spoiled[48..60].fill(0xff);
        for damaged in [b"PK and nothing".to_vec(), whole[..end / 2].to_vec(), spoiled] {
            let told = packed(damaged, Wanted::default()).map(|items| items.len()).unwrap_err().to_string();
            assert!(
                told.contains("is damaged, or was cut off") && told.contains("download it again"),
                "{told}"
            );
        }
    }
}
