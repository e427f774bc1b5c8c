//! Open WebUI's export of chats: JSON, each chat a tree of messages under `chat.history`.

use super::shape::{Draft, Found, path, text, time};
use maru_domain::messages::Role;
use serde_json::Value;
use std::collections::HashMap;

/// A chat: the branch that was shown last.
pub fn conversation(value: &Value) -> Found {
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
        left_out: 0,
    };
    for message in messages(chat) {
        match said(message) {
            Some(draft) => found.drafts.push(draft),
            None => found.left_out += 1,
        }
    }
    found
}

fn messages(chat: &Value) -> Vec<&Value> {
    let history = &chat["history"];
    if let (Some(all), Some(last)) = (history["messages"].as_object(), history["currentId"].as_str()) {
        let nodes: HashMap<&str, (&Value, Option<&str>)> =
            all.iter().map(|(id, node)| (id.as_str(), (node, node["parentId"].as_str()))).collect();
        let way = path(&nodes, last);
        if !way.is_empty() {
            return way;
        }
    }
    chat["messages"].as_array().into_iter().flatten().collect()
}

fn said(message: &Value) -> Option<Draft> {
    let role = Role::parse(message["role"].as_str()?)?;
    let text = match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let parts = parts.iter().map(|part| match part["type"].as_str() {
                Some("image_url") => "[image]".to_owned(),
                _ => text(&part["text"]),
            });
            parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
        }
        _ => return None,
    };
    if text.trim().is_empty() {
        return None;
    }
    let model = message["model"].as_str().map(str::to_owned);
    Some(Draft { role, text, at: time(&message["timestamp"]), model })
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
        let found = conversation(&value);
        let texts: Vec<_> = found.drafts.iter().map(|draft| draft.text.as_str()).collect();
        assert_eq!(texts, ["hi", "new\n\n[image]"]);
        assert_eq!((found.id.as_str(), found.name.as_str(), found.left_out), ("w-1", "Chat", 0));
        let flat = json!({ "id": "w-2", "chat": { "messages": [
            { "role": "user", "content": "one" }, { "role": "assistant", "content": "" }] } });
        let found = conversation(&flat);
        assert_eq!((found.drafts.len(), found.left_out), (1, 1));
    }
}
