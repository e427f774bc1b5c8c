//! LibreChat's export of a conversation: JSON, its messages a list that names parents, or nested.

use super::shape::{Draft, Found, Left, Told, Tree, kind_of, marked, text, time};
use maru_domain::messages::Role;
use serde_json::Value;

/// A conversation: the branch at which the file ends, and with `all` the others. LibreChat writes each message
/// before its answers and shows the last of several answers: what stands last in the file is the end of what
/// was shown, whenever it was written.
pub fn conversation(value: &Value, all: bool) -> Result<Found, String> {
    let mut found = Found {
        from: "librechat",
        id: text(&value["conversationId"]),
        name: text(&value["title"]),
        opened: time(&value["createdAt"]),
        drafts: Vec::new(),
        left: Left::default(),
        branches: Vec::new(),
    };
    // The nested form has a name of its own.
    let nested = &value["messagesTree"];
    let messages = if nested.is_array() { nested } else { &value["messages"] };
    let messages = messages.as_array().ok_or("it has no list of messages")?;
    let mut tree = Tree::default();
    grow(&mut tree, messages, None)?;
    if let Some(last) = tree.last() {
        found.take_in(&tree, last, read, all)?;
    }
    Ok(found)
}

/// A message without a parent that is there begins the conversation, as in LibreChat itself.
fn grow<'a>(tree: &mut Tree<'a>, messages: &'a [Value], parent: Option<&'a str>) -> Result<(), String> {
    for message in messages {
        let id = message["messageId"].as_str();
        let id = id.ok_or_else(|| format!("one of its messages has no messageId: {}", extract(message)))?;
        tree.add(id, message, message["parentMessageId"].as_str().or(parent));
        // Nested no deeper than the reader of JSON goes, which is bounded.
        if let Some(children) = message["children"].as_array() {
            grow(tree, children, Some(id))?;
        }
    }
    Ok(())
}

/// The beginning of what is wrong, to find it by.
fn extract(value: &Value) -> String {
    value.to_string().chars().take(60).collect()
}

fn read(message: &Value) -> Result<Told, String> {
    let by_person = message["isCreatedByUser"].as_bool().unwrap_or_else(|| message["sender"] == "User");
    let mut texts = vec![text(&message["text"])];
    let untold = texts[0].trim().is_empty();
    let mut with = Vec::new();
    for part in message["content"].as_array().into_iter().flatten() {
        let words = if part["text"].is_string() { &part["text"] } else { &part["text"]["value"] };
        match part["type"].as_str().unwrap_or_default() {
            "text" if untold => texts.push(text(words)),
            // What it thought and what it asked its tools, nobody said.
            "text" | "think" | "tool_call" | "error" | "agent_update" => {}
            kind => with.push(kind_of(kind)),
        }
    }
    // What people send along, and what tools have made.
    for list in ["files", "attachments"] {
        let files = message[list].as_array().into_iter().flatten();
        with.extend(files.map(|file| kind_of(file["type"].as_str().unwrap_or_default())));
    }
    let Some(text) = marked(texts, &with) else { return Ok(Told::Empty) };
    let role = if by_person { Role::User } else { Role::Assistant };
    let model = message["model"].as_str().filter(|_| !by_person).map(str::to_owned);
    Ok(Told::Said(Draft { role, text, at: time(&message["createdAt"]), model, attachments: with.len() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn texts(found: &Found) -> Vec<&str> {
        found.drafts.iter().map(|draft| draft.text.as_str()).collect()
    }

    #[test]
    fn flat_and_nested_exports_say_the_same() {
        let root = "00000000-0000-0000-0000-000000000000";
        let flat = json!({ "conversationId": "l-1", "title": "Talk", "messages": [
            { "messageId": "a", "parentMessageId": root, "isCreatedByUser": true, "text": "hi" },
            { "messageId": "b", "parentMessageId": "a", "isCreatedByUser": false, "text": "old" },
            { "messageId": "c", "parentMessageId": "a", "isCreatedByUser": false, "text": "",
              "content": [{ "type": "think", "think": "hm" }, { "type": "text", "text": "new" }] },
        ]});
        let found = conversation(&flat, false).unwrap();
        assert_eq!(texts(&found), ["hi", "new"]);
        assert_eq!((found.drafts[0].role, found.drafts[1].role), (Role::User, Role::Assistant));
        assert_eq!(found.left, Left { branches: 1, ..Left::default() });
        for list in ["messages", "messagesTree"] {
            let nested = json!({ "conversationId": "l-1", list: [
                { "messageId": "a", "sender": "User", "text": "hi", "children": [
                    { "messageId": "b", "sender": "GPT", "text": "old" },
                    { "messageId": "c", "sender": "GPT", "text": "new" }] }] });
            assert_eq!(texts(&conversation(&nested, false).unwrap()), ["hi", "new"], "{list}");
        }
        assert!(conversation(&json!({ "messages": 5 }), false).unwrap_err().contains("no list of messages"));
        assert!(conversation(&json!({ "messages": [{}] }), false).unwrap_err().contains("no messageId"));
    }

    #[test]
    fn the_file_ends_at_the_branch_that_was_shown_whatever_the_times_say() {
        let value = json!({ "conversationId": "l-2", "branches": true, "messages": [
            { "messageId": "a", "isCreatedByUser": true, "text": "hi", "createdAt": "2024-01-01T00:00:00Z" },
            { "messageId": "b", "parentMessageId": "a", "text": "old", "createdAt": "2024-01-09T00:00:00Z" },
            { "messageId": "c", "parentMessageId": "b", "isCreatedByUser": true, "text": "more" },
            { "messageId": "d", "parentMessageId": "a", "text": "new", "createdAt": "2024-01-02T00:00:00Z" },
        ]});
        let found = conversation(&value, false).unwrap();
        assert_eq!((texts(&found), found.left.branches), (vec!["hi", "new"], 2));
        let all = conversation(&value, true).unwrap().items();
        let second = all[1].room.as_ref().unwrap();
        let said: Vec<_> = second.said.iter().map(|said| said.content.as_str()).collect();
        assert_eq!((said, all[1].left), (vec!["hi", "old", "more"], Left::default()));
    }

    #[test]
    fn pictures_and_files_leave_a_mark_and_are_counted() {
        let value = json!({ "conversationId": "l-3", "messages": [
            { "messageId": "a", "isCreatedByUser": true, "text": "see", "files": [
                { "type": "image/png", "filename": "a.png" }, { "type": "application/pdf" }] },
            { "messageId": "b", "parentMessageId": "a", "text": "", "content": [
                { "type": "image_file" }, { "type": "tool_call" }] },
        ]});
        let found = conversation(&value, false).unwrap();
        assert_eq!(texts(&found), ["see\n\n[image]\n\n[file]", "[image]"]);
        assert_eq!(found.left, Left { attachments: 3, ..Left::default() });
    }
}
