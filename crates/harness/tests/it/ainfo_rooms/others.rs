//! A caller's rooms are one set, whatever contract opened them (contract §7).

use super::client::{open, say};
use crate::support::{Site, on_both};
use serde_json::{Value, json};

on_both! { rooms_of_this_contract_are_seen_by_the_others rooms_of_the_others_are_seen_here }

async fn rooms_of_this_contract_are_seen_by_the_others(site: &Site) {
    let user = site.user().await;
    let room = open(&user, "여행").await;
    say(&user, &room, "어디로?").await;
    let chats = user.chats().await;
    assert_eq!(chats[0]["chat_id"], room["id"]);
    let turn = &chats[0]["conversation"][0];
    assert_eq!((&turn["You"], &turn["Bot"]), (&json!("어디로?"), &json!("reply to: 어디로?")));
    let rooms = user.get("/v1/rooms").await.json();
    let native = &rooms["data"][0];
    assert_eq!(
        (&native["number"], &native["name"], &native["kind"]),
        (&room["id"], &json!("여행"), &json!("room"))
    );
    assert_eq!(native["message_count"], 2);
    // The same instant, in another zone.
    let (here, there) =
        (room["created_at"].as_str().unwrap_or_default(), native["created_at"].as_str().unwrap_or_default());
    assert_eq!(here.get(13..19), there.get(13..19), "{here} {there}");
    // It is no session of the token API: that opens its own.
    user.say("elsewhere").await.has_status(201);
    // An edit there shows here.
    user.edit(&room["id"], &turn["message_id"], "언제?").await.has_status(200);
    let logs = user.get(&format!("/chatbot/room/{}/logs/", room["id"])).await.json();
    assert_eq!((&logs[0]["message"], &logs[1]["message"]), (&json!("언제?"), &json!("reply to: 어디로?")));
    user.delete(&room["id"]).await.has_status(200);
    user.get(&format!("/chatbot/room/{}/", room["id"])).await.has_status(404);
}

async fn rooms_of_the_others_are_seen_here(site: &Site) {
    let user = site.user().await;
    let chat = user.say("by the token API").await.json();
    let long = "n".repeat(200);
    let native =
        user.post("/v1/rooms").json(&json!({ "name": long, "system_prompt": "be brief" })).await.json();
    let listed = user.get("/chatbot/room/").await.json();
    let shown: Vec<(&Value, &Value)> =
        listed.as_array().expect("a list").iter().map(|room| (&room["id"], &room["title"])).collect();
    let expected = [(&native["number"], &json!(long)), (&chat["chat_id"], &json!("새 채팅"))];
    assert_eq!(shown, expected);
    assert_eq!(listed[1]["chatlogs"][1]["message"], "reply to: by the token API");
    // They can be talked in, renamed and deleted.
    say(&user, &listed[0], "여기서도").await;
    say(&user, &listed[1], "계속").await;
    assert_eq!(
        site.prompts_for("여기서도").last(),
        Some(&vec!["be brief".to_owned(), "여기서도".to_owned()])
    );
    let chats = user.chats().await;
    let conversation =
        chats.as_array().and_then(|chats| chats.iter().find(|one| one["chat_id"] == chat["chat_id"]));
    assert_eq!(conversation.map(|chat| &chat["conversation"][1]["You"]), Some(&json!("계속")));
    let path = format!("/chatbot/room/{}/", native["number"]);
    user.ask("PATCH", &path).json(&json!({"title": "short"})).await.has_status(200);
    let renamed = user.get(&format!("/v1/rooms/{}", native["number"])).await.json();
    assert_eq!((&renamed["name"], &renamed["system_prompt"]), (&json!("short"), &json!("be brief")));
    user.ask("DELETE", &path).await.has_status(204);
    user.get(&format!("/v1/rooms/{}", native["number"])).await.has_status(404);
}
