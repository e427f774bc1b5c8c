//! ChatGPT's export: `conversations.json`, each conversation a tree of messages.

use super::shape::{Draft, Found, path, text, time};
use maru_domain::messages::Role;
use serde_json::Value;
use std::collections::HashMap;

/// A conversation: the branch that was shown last.
pub fn conversation(value: &Value) -> Found {
    let mut found = Found {
        from: "chatgpt",
        id: text(if value["conversation_id"].is_string() { &value["conversation_id"] } else { &value["id"] }),
        name: text(&value["title"]),
        opened: time(&value["create_time"]),
        drafts: Vec::new(),
        left_out: 0,
    };
    let Some(mapping) = value["mapping"].as_object() else { return found };
    let nodes: HashMap<&str, (&Value, Option<&str>)> =
        mapping.iter().map(|(id, node)| (id.as_str(), (node, node["parent"].as_str()))).collect();
    let latest = || {
        let at = |node: &Value| time(&node["message"]["create_time"]);
        mapping.iter().max_by_key(|(_, node)| at(node)).map(|(id, _)| id.as_str())
    };
    let current = value["current_node"].as_str().filter(|id| nodes.contains_key(id));
    let Some(last) = current.or_else(latest) else { return found };
    for node in path(&nodes, last) {
        let message = &node["message"];
        if message.is_null() {
            continue;
        }
        match said(message) {
            Some(draft) => found.drafts.push(draft),
            None => found.left_out += 1,
        }
    }
    found
}

/// A message that a person has seen as one.
fn said(message: &Value) -> Option<Draft> {
    let role = match message["author"]["role"].as_str()? {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        _ => return None,
    };
    let metadata = &message["metadata"];
    let hidden = metadata["is_visually_hidden_from_conversation"] == true;
    // What the model says to its tools.
    let to_all = message["recipient"].as_str().is_none_or(|recipient| recipient == "all");
    if hidden || !to_all {
        return None;
    }
    let content = &message["content"];
    let text = match content["content_type"].as_str()? {
        "text" | "multimodal_text" => {
            let parts = content["parts"].as_array().into_iter().flatten().map(part);
            parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
        }
        "code" => text(&content["text"]),
        _ => return None,
    };
    if text.trim().is_empty() {
        return None;
    }
    let model = metadata["model_slug"].as_str().map(str::to_owned);
    Some(Draft { role, text, at: time(&message["create_time"]), model })
}

fn part(part: &Value) -> String {
    match part {
        Value::String(text) => text.clone(),
        Value::Object(fields) => match fields.get("content_type").and_then(Value::as_str) {
            Some("audio_transcription") => text(&part["text"]),
            Some("image_asset_pointer") => "[image]".to_owned(),
            _ => String::new(),
        },
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(parent: Option<&str>, role: &str, content: Value) -> Value {
        json!({ "parent": parent, "children": [], "message": {
            "author": { "role": role }, "create_time": 1_700_000_000.25, "recipient": "all",
            "content": content, "metadata": { "model_slug": "gpt-4o" },
        }})
    }

    #[test]
    fn the_branch_that_was_shown_last_is_the_conversation() {
        let words = |text: &str| json!({ "content_type": "text", "parts": [text] });
        let value = json!({
            "title": "Trip", "create_time": 1_700_000_000.0, "conversation_id": "c-1", "current_node": "d",
            "mapping": {
                "root": { "parent": null, "children": ["s"], "message": null },
                "s": node(Some("root"), "system", words("")),
                "a": node(Some("s"), "user", words("where to?")),
                "b": node(Some("a"), "assistant", words("an old answer")),
                "c": node(Some("a"), "tool", words("a search")),
                "d": node(Some("c"), "assistant", json!({ "content_type": "multimodal_text", "parts": [
                    "to the sea", { "content_type": "image_asset_pointer" }, { "content_type": "other" }] })),
            },
        });
        let found = conversation(&value);
        let texts: Vec<_> = found.drafts.iter().map(|draft| (draft.role, draft.text.as_str())).collect();
        assert_eq!(texts, [(Role::User, "where to?"), (Role::Assistant, "to the sea\n\n[image]")]);
        assert_eq!((found.left_out, found.id.as_str(), found.name.as_str()), (2, "c-1", "Trip"));
        assert_eq!(found.drafts[1].model.as_deref(), Some("gpt-4o"));
        assert_eq!(found.drafts[1].at.map(|at| at.as_microsecond()), Some(1_700_000_000_250_000));
    }

    #[test]
    fn what_is_no_conversation_is_empty() {
        for value in [json!({}), json!({"mapping": []}), json!({"mapping": {}}), json!({"mapping": {"a": 5}})]
        {
            assert!(conversation(&value).drafts.is_empty(), "{value}");
        }
    }
}
