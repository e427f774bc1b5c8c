//! ChatGPT's export: `conversations.json`, each conversation a tree of messages.

use super::shape::{Draft, Found, Left, Told, Tree, kind_of, marked, text, time};
use maru_domain::messages::Role;
use serde_json::Value;

/// A conversation: the branch that was shown last, and with `all` the others.
pub fn conversation(value: &Value, all: bool) -> Result<Found, String> {
    let mut found = Found {
        from: "chatgpt",
        id: text(if value["conversation_id"].is_string() { &value["conversation_id"] } else { &value["id"] }),
        name: text(&value["title"]),
        opened: time(&value["create_time"]),
        drafts: Vec::new(),
        left: Left::default(),
        branches: Vec::new(),
    };
    let mapping = value["mapping"].as_object().ok_or("its mapping is no tree of messages")?;
    let mut tree = Tree::default();
    for (id, node) in mapping {
        if !node.is_object() {
            return Err(format!("{id} in its mapping is no message"));
        }
        tree.add(id, node, node["parent"].as_str());
    }
    tree.whole()?;
    let latest = || {
        let at = |node: &Value| time(&node["message"]["create_time"]);
        mapping.iter().max_by_key(|(_, node)| at(node)).map(|(id, _)| id.as_str())
    };
    let current = value["current_node"].as_str().filter(|id| tree.has(id));
    if let Some(last) = current.or_else(latest) {
        found.take_in(&tree, last, read, all)?;
    }
    Ok(found)
}

/// What a place in the tree holds.
fn read(node: &Value) -> Result<Told, String> {
    let message = &node["message"];
    if message.is_null() {
        return Ok(Told::Nothing);
    }
    let role = match message["author"]["role"].as_str().ok_or("it does not say who speaks")? {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        _ => return Ok(Told::Tool),
    };
    let metadata = &message["metadata"];
    let hidden = metadata["is_visually_hidden_from_conversation"] == true;
    // What the model says to its tools.
    let to_all = message["recipient"].as_str().is_none_or(|recipient| recipient == "all");
    if hidden || !to_all {
        return Ok(Told::Tool);
    }
    let content = &message["content"];
    let (mut texts, mut with) = (Vec::new(), Vec::new());
    match content["content_type"].as_str().ok_or("it does not say what its content is")? {
        "text" | "multimodal_text" => {
            for part in content["parts"].as_array().ok_or("its content has no parts")? {
                match (part.as_str(), part["content_type"].as_str()) {
                    (Some(text), _) => texts.push(text.to_owned()),
                    (None, Some("audio_transcription")) => texts.push(text(&part["text"])),
                    (None, kind) => with.push(kind_of(kind.unwrap_or_default())),
                }
            }
        }
        "code" => texts.push(text(&content["text"])),
        _ => return Ok(Told::Tool),
    }
    // Files are named beside the content, pictures in both places.
    let files = metadata["attachments"].as_array().into_iter().flatten();
    let files = files.map(|file| kind_of(file["mime_type"].as_str().unwrap_or_default()));
    let pictures = with.contains(&"image");
    with.extend(files.filter(|kind| !(pictures && *kind == "image")));
    let Some(text) = marked(texts, &with) else { return Ok(Told::Empty) };
    let model = metadata["model_slug"].as_str().map(str::to_owned);
    let at = time(&message["create_time"]);
    Ok(Told::Said(Draft { role, text, at, model, attachments: with.len() }))
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

    fn trip() -> Value {
        let words = |text: &str| json!({ "content_type": "text", "parts": [text] });
        json!({
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
        })
    }

    #[test]
    fn the_branch_that_was_shown_last_is_the_conversation() {
        let found = conversation(&trip(), false).unwrap();
        let texts: Vec<_> = found.drafts.iter().map(|draft| (draft.role, draft.text.as_str())).collect();
        assert_eq!(texts, [(Role::User, "where to?"), (Role::Assistant, "to the sea\n\n[image]\n\n[file]")]);
        assert_eq!(found.left, Left { branches: 1, tools: 1, empty: 1, attachments: 2 });
        assert_eq!((found.id.as_str(), found.name.as_str()), ("c-1", "Trip"));
        assert_eq!(found.drafts[1].model.as_deref(), Some("gpt-4o"));
        assert_eq!(found.drafts[1].at.map(|at| at.as_microsecond()), Some(1_700_000_000_250_000));
    }

    #[test]
    fn the_other_branches_come_along_when_they_are_asked_for() {
        let found = conversation(&trip(), true).unwrap();
        assert_eq!(found.left.branches, 0);
        let items = found.items();
        let names: Vec<_> = items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, ["Trip", "Trip (branch 2)"]);
        let branch = items[1].room.as_ref().unwrap();
        let texts: Vec<_> = branch.said.iter().map(|said| said.content.as_str()).collect();
        assert_eq!((texts, branch.public_id.as_str()), (vec!["where to?", "an old answer"], "chatgpt:c-1#b"));
    }

    #[test]
    fn files_that_went_with_a_message_are_counted() {
        let mut value = trip();
        let metadata = &mut value["mapping"]["a"]["message"]["metadata"];
        *metadata = json!({ "attachments": [{ "name": "a.pdf", "mime_type": "application/pdf" }] });
        let found = conversation(&value, false).unwrap();
        assert_eq!((found.drafts[0].text.as_str(), found.left.attachments), ("where to?\n\n[file]", 3));
    }

    #[test]
    fn what_is_damaged_is_refused_and_says_why() {
        for (value, why) in [
            (json!({}), "mapping"),
            (json!({ "mapping": [] }), "mapping"),
            (json!({ "mapping": { "a": 5 } }), "a in its mapping"),
            (json!({ "mapping": { "a": { "parent": "b", "message": null } } }), "follows b"),
            (json!({ "mapping": { "a": { "parent": null, "message": 7 } } }), "message 1: "),
            (json!({ "mapping": { "a": node(None, "user", json!("hi")) } }), "message 1: "),
        ] {
            let refused = conversation(&value, false).unwrap_err();
            assert!(refused.contains(why), "{value}: {refused}");
        }
        assert!(conversation(&json!({ "mapping": {} }), false).unwrap().drafts.is_empty());
    }
}
