//! Edit a message, delete a chat (contract §1.7, §1.8).

use crate::support::{Site, on_both};
use serde_json::{Value, json};

on_both! { an_edit_changes_the_text_and_nothing_else edits_are_refused_in_order deleting_uncovers_the_chat_before }

async fn an_edit_changes_the_text_and_nothing_else(site: &Site) {
    let user = site.user().await;
    user.say("the old secret").await.has_status(201);
    let sent = user.say("second").await.json();
    let (chat, turns) = (&sent["chat_id"], &sent["conversation"]);
    user.edit(chat, &turns[0]["message_id"], " the new text ")
        .await
        .is(200, &json!({"message": "Message updated successfully"}));
    let mut expected = turns.clone();
    expected[0]["You"] = json!(" the new text ");
    assert_eq!(user.chats().await[0]["conversation"], expected, "reply, time and order stay");
    let calls = site.upstream.call_count();
    // No new answer was made; the next prompt has the new text, and never the old one.
    let third = user.say("third after the edit").await.json();
    assert!(site.upstream.call_count() > calls);
    let prompt = site.prompts_for("third after the edit").pop().expect("a call of the model");
    assert_eq!(
        prompt,
        [" the new text ", "reply to: the old secret", "second", "reply to: second", "third after the edit"]
    );
    assert_eq!(third["conversation"][0], expected[0]);

    // On an ended session, too; twice; the last turn; without the slash.
    user.end().await.has_status(200);
    let ended = user.chats().await[0]["end_time"].clone();
    let last = third["conversation"][2]["message_id"].as_str().expect("an id");
    for text in ["after the end", "and once more"] {
        let path = format!("/api/chats/{chat}/messages/{last}");
        user.ask("PATCH", &path)
            .json(&json!({"content": text}))
            .await
            .is(200, &json!({"message": "Message updated successfully"}));
    }
    let listed = user.chats().await;
    assert_eq!(
        (&listed[0]["conversation"][2]["You"], &listed[0]["end_time"]),
        (&json!("and once more"), &ended)
    );
    assert!(site.prompts_for("and once more").is_empty() && site.prompts_for("after the end").is_empty());
}

async fn edits_are_refused_in_order(site: &Site) {
    let user = site.user().await;
    let sent = user.say("x").await.json();
    let other = site.user().await.say("other").await.json();
    let (chat, message) = (sent["chat_id"].clone(), sent["conversation"][0]["message_id"].clone());
    let unknown = json!("01890000-0000-7000-8000-000000000000");
    let body = json!({"error": "Message ID and new content are required."});
    let no_chat = json!({"error": "Chat not found."});
    let no_message = json!({"error": "Message not found."});
    let path = |chat: &Value, message: &Value| {
        format!("/api/chats/{chat}/messages/{}/", message.as_str().unwrap_or("x"))
    };
    // The body first, then the chat, then the message.
    for target in [path(&chat, &message), path(&json!(999_999_999), &unknown), path(&chat, &unknown)] {
        for bad in [
            json!({}),
            json!({"content": ""}),
            json!({"content": null}),
            json!({"content": " \n"}),
            json!({"text": "x"}),
        ] {
            user.ask("PATCH", &target).json(&bad).await.is(400, &body);
        }
        user.ask("PATCH", &target).json(&json!({"content": "a\u{0}"})).await.has_status(400);
    }
    user.edit(&json!(999_999_999), &unknown, "y").await.is(404, &no_chat);
    user.edit(&json!(999_999_999), &message, "y").await.is(404, &no_chat);
    user.edit(&other["chat_id"], &other["conversation"][0]["message_id"], "y").await.is(404, &no_chat);
    user.edit(&chat, &unknown, "y").await.is(404, &no_message);
    user.edit(&chat, &other["conversation"][0]["message_id"], "y").await.is(404, &no_message);
    // Another chat of one's own has not this message.
    user.end().await.has_status(200);
    let second = user.say("z").await.json();
    user.edit(&second["chat_id"], &message, "y").await.is(404, &no_message);
    for id in ["1", "x", "%00", "null", "00000000-0000-0000-0000-000000000000", "..%2f.."] {
        user.edit(&chat, &json!(id), "y").await.is(404, &no_message);
    }
    for id in ["x", "-1", "1.5", "99999999999999999999", "0x1", "1e3", "%20", "१"] {
        let path = format!("/api/chats/{id}/messages/{}/", message.as_str().expect("an id"));
        user.ask("PATCH", &path)
            .json(&json!({"content": "y"}))
            .await
            .is(404, &json!({"detail": "Not found."}));
    }
    user.get(&path(&chat, &message))
        .await
        .has("allow", "PATCH, OPTIONS")
        .is(405, &json!({"detail": "Method \"GET\" not allowed."}));
    let listed = user.chats().await;
    assert_eq!(
        (&listed[0]["conversation"][0]["You"], &listed[1]["conversation"][0]["You"]),
        (&json!("x"), &json!("z"))
    );
}

async fn deleting_uncovers_the_chat_before(site: &Site) {
    let user = site.user().await;
    let deleted = json!({"message": "Chat deleted successfully"});
    let missing = json!({"error": "Chat not found or you do not have permission to delete it."});
    let first = user.say("one").await.json();
    user.end().await.has_status(200);
    let second = user.say("two").await.json();
    user.get(&format!("/api/chats/{}/", second["chat_id"]))
        .await
        .has("allow", "DELETE, OPTIONS")
        .is(405, &json!({"detail": "Method \"GET\" not allowed."}));
    user.delete(&second["chat_id"]).await.is(200, &deleted);
    user.delete(&second["chat_id"]).await.is(404, &missing);
    user.edit(&second["chat_id"], &second["conversation"][0]["message_id"], "y")
        .await
        .is(404, &json!({"error": "Chat not found."}));
    let session = second["session_identifier"].as_str().expect("an id");
    user.get(&format!("/api/chats/?session_id={session}")).await.is(200, &json!([]));
    // The chat before is the latest now, and it was ended: nothing to end, and the next message opens a third.
    user.end().await.is(404, &json!({"error": "No active chat session found to end."}));
    let third = user.say("opens a third").await;
    third.has_status(201);
    assert_eq!(site.prompts_for("opens a third"), [["opens a third"]]);
    // Deleting an older chat leaves the current one alone.
    user.delete(&first["chat_id"]).await.is(200, &deleted);
    user.say("four").await.has_status(200);
    let listed = user.chats().await;
    assert_eq!((listed.as_array().map(Vec::len), &listed[0]["chat_id"]), (Some(1), &third.json()["chat_id"]));
    for id in ["999999999", "9223372036854775807"] {
        user.ask("DELETE", &format!("/api/chats/{id}")).await.is(404, &missing);
    }
    for id in
        ["x", "-1", "1.5", "9223372036854775808", "99999999999999999999", "0x1", "1e3", "%20", "१", "+1"]
    {
        user.ask("DELETE", &format!("/api/chats/{id}/")).await.is(404, &json!({"detail": "Not found."}));
    }
    // A number is the same with leading zeros, as in Django.
    user.ask("DELETE", &format!("/api/chats/000{}", third.json()["chat_id"])).await.is(200, &deleted);
    user.get("/api/chats/").await.is(200, &json!([]));
}
