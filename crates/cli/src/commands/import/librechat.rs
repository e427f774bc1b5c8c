//! LibreChat's export of a conversation: JSON, its messages a list that names parents, or nested.

use super::shape::{Draft, Found, path, text, time};
use maru_domain::messages::Role;
use serde_json::Value;
use std::collections::HashMap;

/// A conversation: the branch whose end was written last.
pub fn conversation(value: &Value) -> Found {
    let mut found = Found {
        from: "librechat",
        id: text(&value["conversationId"]),
        name: text(&value["title"]),
        opened: time(&value["createdAt"]),
        drafts: Vec::new(),
        left_out: 0,
    };
    let mut flat = Vec::new();
    flatten(value["messages"].as_array().map(Vec::as_slice).unwrap_or_default(), None, &mut flat);
    let nodes: HashMap<&str, (&Value, Option<&str>)> =
        flat.iter().map(|(id, message, parent)| (*id, (*message, *parent))).collect();
    // The one that comes last in the file, where nobody knows when it was written.
    let last =
        flat.iter().enumerate().max_by_key(|(place, (_, message, _))| (time(&message["createdAt"]), *place));
    let Some((_, (last, _, _))) = last else { return found };
    for message in path(&nodes, last) {
        match said(message) {
            Some(draft) => found.drafts.push(draft),
            None => found.left_out += 1,
        }
    }
    found
}

type Node<'a> = (&'a str, &'a Value, Option<&'a str>);

fn flatten<'a>(messages: &'a [Value], parent: Option<&'a str>, into: &mut Vec<Node<'a>>) {
    for message in messages {
        let Some(id) = message["messageId"].as_str() else { continue };
        into.push((id, message, message["parentMessageId"].as_str().or(parent)));
        // Nested no deeper than the reader of JSON goes, which is bounded.
        flatten(message["children"].as_array().map(Vec::as_slice).unwrap_or_default(), Some(id), into);
    }
}

fn said(message: &Value) -> Option<Draft> {
    let by_person = message["isCreatedByUser"].as_bool().unwrap_or_else(|| message["sender"] == "User");
    let mut said = text(&message["text"]);
    if said.trim().is_empty() {
        let parts = message["content"].as_array().into_iter().flatten().filter(|part| part["type"] == "text");
        let parts = parts.map(|part| {
            if part["text"].is_string() { text(&part["text"]) } else { text(&part["text"]["value"]) }
        });
        said = parts.collect::<Vec<_>>().join("\n\n");
    }
    if said.trim().is_empty() {
        return None;
    }
    let role = if by_person { Role::User } else { Role::Assistant };
    let model = message["model"].as_str().filter(|_| !by_person).map(str::to_owned);
    Some(Draft { role, text: said, at: time(&message["createdAt"]), model })
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
        let found = conversation(&flat);
        assert_eq!(texts(&found), ["hi", "new"]);
        assert_eq!((found.drafts[0].role, found.drafts[1].role), (Role::User, Role::Assistant));
        let nested = json!({ "conversationId": "l-1", "messages": [
            { "messageId": "a", "sender": "User", "text": "hi", "children": [
                { "messageId": "b", "sender": "GPT", "text": "old", "createdAt": "2024-01-01T00:00:00Z" },
                { "messageId": "c", "sender": "GPT", "text": "new", "createdAt": "2024-01-02T00:00:00Z" }] }] });
        assert_eq!(texts(&conversation(&nested)), ["hi", "new"]);
        assert!(conversation(&json!({ "messages": 5 })).drafts.is_empty());
    }
}
