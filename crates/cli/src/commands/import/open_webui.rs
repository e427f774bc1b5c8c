//! Open WebUI's export of chats: JSON, each chat a tree of messages under `chat.history`.

use super::shape::{Draft, Found, Left, Told, Tree, kind_of, marked, text, time};
use maru_domain::messages::Role;
use serde_json::Value;

/// A chat: the branch that was shown last, and with `all` the others.
pub fn conversation(value: &Value, all: bool) -> Result<Found, String> {
    let chat = &value["chat"];
    let title = if chat["title"].is_string() { &chat["title"] } else { &value["title"] };
    let id = if value["id"].is_string() { &value["id"] } else { &chat["id"] };
    let opened = time(&value["created_at"]).or_else(|| time(&chat["timestamp"]));
    let mut found = Found {
        from: "open-webui",
        id: text(id),
        name: text(title),
        opened,
        drafts: Vec::new(),
        left: Left::default(),
        branches: Vec::new(),
    };
    let history = &chat["history"];
    let mut tree = Tree::default();
    for (id, node) in history["messages"].as_object().into_iter().flatten() {
        tree.add(id, node, node["parentId"].as_str());
    }
    tree.whole()?;
    let current = history["currentId"].as_str().filter(|id| tree.has(id));
    // Older exports have the branch that was shown as a list.
    match (current, chat["messages"].as_array(), tree.last()) {
        (Some(last), _, _) => found.take_in(&tree, last, read, all)?,
        (None, Some(list), None) => found.take(list.iter(), read)?,
        (None, Some(list), Some(_)) if !list.is_empty() => found.take(list.iter(), read)?,
        (None, _, Some(last)) => found.take_in(&tree, last, read, all)?,
        (None, None, None) if history["messages"].is_object() => {}
        (None, None, None) => return Err("it has no messages under chat.history or chat.messages".to_owned()),
    }
    Ok(found)
}

fn read(message: &Value) -> Result<Told, String> {
    let word = message["role"].as_str().ok_or("it does not say who speaks")?;
    let Some(role) = Role::parse(word) else { return Ok(Told::Tool) };
    let (mut texts, mut with) = (Vec::new(), Vec::new());
    match &message["content"] {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(parts) => {
            for part in parts {
                match part["type"].as_str() {
                    Some("text") | None => texts.push(text(&part["text"])),
                    Some(kind) => with.push(kind_of(kind)),
                }
            }
        }
        Value::Null => {}
        _ => return Err("its content is no text".to_owned()),
    }
    let files = message["files"].as_array().into_iter().flatten();
    with.extend(files.map(|file| kind_of(file["type"].as_str().unwrap_or_default())));
    let Some(text) = marked(texts, &with) else { return Ok(Told::Empty) };
    let model = message["model"].as_str().map(str::to_owned);
    Ok(Told::Said(Draft { role, text, at: time(&message["timestamp"]), model, attachments: with.len() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_history_says_which_branch() {
        let message = |parent: Value, role: &str, content: Value| json!({ "parentId": parent, "role": role, "content": content, "timestamp": 1_700_000_000, "model": "llama" });
        let value = json!({ "id": "w-1", "created_at": 1_700_000_000, "chat": { "title": "Chat", "history": {
            "currentId": "c", "messages": {
                "a": message(Value::Null, "user", json!("hi")),
                "b": message(json!("a"), "assistant", json!("old")),
                "c": message(json!("a"), "assistant", json!([{ "type": "text", "text": "new" }, { "type": "image_url" }])),
            } }, "messages": [] } });
        let found = conversation(&value, false).unwrap();
        let texts: Vec<_> = found.drafts.iter().map(|draft| draft.text.as_str()).collect();
        assert_eq!(texts, ["hi", "new\n\n[image]"]);
        assert_eq!((found.id.as_str(), found.name.as_str()), ("w-1", "Chat"));
        assert_eq!(found.left, Left { branches: 1, attachments: 1, ..Left::default() });
        let flat = json!({ "id": "w-2", "chat": { "messages": [
            { "role": "user", "content": "one", "files": [{ "type": "file" }] },
            { "role": "assistant", "content": "" }] } });
        let found = conversation(&flat, false).unwrap();
        assert_eq!(
            (found.drafts.len(), found.left),
            (1, Left { empty: 1, attachments: 1, ..Left::default() })
        );
    }

    #[test]
    fn what_is_damaged_is_refused_and_says_why() {
        for (chat, why) in [
            (json!({}), "no messages"),
            (json!({ "history": { "messages": 5 } }), "no messages"),
            (json!({ "history": { "currentId": "a", "messages": { "a": 5 } } }), "message 1: "),
            (
                json!({ "history": { "currentId": "a", "messages": { "a": { "parentId": "b" } } } }),
                "follows b",
            ),
            (json!({ "messages": [{ "role": "user", "content": 5 }] }), "no text"),
        ] {
            let refused = conversation(&json!({ "id": "w", "chat": chat }), false).unwrap_err();
            assert!(refused.contains(why), "{chat}: {refused}");
        }
    }
}
