//! What kind of file it is, and the conversations in it.

use super::shape::{Found, Item};
use super::{chatgpt, librechat, open_webui, own};
use crate::arguments::Source;
use maru_domain::error::BoxError;
use serde_json::Value;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// No text of conversations is larger; a packed file could unfold without an end.
const MOST: u64 = 2 << 30;

/// Reads the conversations of a file; `from` says whose it is where the file does not.
pub fn read(path: &Path, from: Option<Source>) -> Result<Vec<Item>, BoxError> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        return Err("it is too large; split it".into());
    }
    if bytes.starts_with(b"PK") {
        return packed(bytes, from);
    }
    conversations(&bytes, from)
}

/// ChatGPT packs `conversations.json`, or several numbered ones, with much else.
fn packed(bytes: Vec<u8>, from: Option<Source>) -> Result<Vec<Item>, BoxError> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes))?;
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
        archive.by_name(&name)?.take(left + 1).read_to_end(&mut text)?;
        let size = text.len() as u64;
        left = left.checked_sub(size).ok_or_else(|| format!("{name} is too large"))?;
        items.extend(conversations(&text, from).map_err(|error| format!("{name}: {error}"))?);
    }
    Ok(items)
}

fn conversations(bytes: &[u8], from: Option<Source>) -> Result<Vec<Item>, BoxError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Array(all)) => all.iter().map(|one| item(one, from)).collect(),
        // One line of an export is JSON too.
        Ok(one) if one["type"] == "room" => Ok(own::conversations(&[one])),
        Ok(one) => Ok(vec![item(&one, from)?]),
        Err(error) => lines(bytes).ok_or_else(|| format!("it is no JSON: {error}").into()),
    }
}

/// Lines of JSON, each of which says what it is.
fn lines(bytes: &[u8]) -> Option<Vec<Item>> {
    let lines = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
    let lines: Vec<Value> = lines.collect::<Result<_, _>>().ok()?;
    (lines.first()?["type"] == "room").then(|| own::conversations(&lines))
}

fn item(value: &Value, from: Option<Source>) -> Result<Item, BoxError> {
    let known = from.or_else(|| {
        if value["mapping"].is_object() {
            Some(Source::Chatgpt)
        } else if value["chat"].is_object() {
            Some(Source::OpenWebui)
        } else if value["conversationId"].is_string() {
            Some(Source::Librechat)
        } else {
            None
        }
    });
    let found: Found = match known {
        Some(Source::Chatgpt) => chatgpt::conversation(value),
        Some(Source::OpenWebui) => open_webui::conversation(value),
        Some(Source::Librechat) => librechat::conversation(value),
        Some(Source::Maru) | None => {
            return Err("it is none of ChatGPT's, Open WebUI's, LibreChat's or maru's exports".into());
        }
    };
    Ok(found.item())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::Write;

    fn names(bytes: &[u8]) -> Result<Vec<String>, String> {
        let items = conversations(bytes, None).map_err(|error| error.to_string())?;
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
        assert_eq!(packed(pack("export/conversations.json"), None).map(|items| items.len()).unwrap(), 1);
        let none = packed(pack("other.json"), None).map(|items| items.len()).unwrap_err();
        assert!(none.to_string().contains("conversations.json"), "{none}");
        assert!(packed(b"PK and nothing".to_vec(), None).is_err());
    }
}
