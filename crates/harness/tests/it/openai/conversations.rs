//! Conversations and items: rooms and messages under other names.

use super::{missing, pairs, respond, said};
use crate::support::{Http, Site, on_both};
use serde_json::{Value, json};

on_both! {
    a_conversation_is_a_room_and_the_other_way_round
    items_are_paged_to_their_end
    items_are_found_and_deleted
    items_are_told_once_under_a_key
    a_conversation_can_be_changed_and_deleted
}

fn user_item(text: &str) -> Value {
    json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
}

async fn conversation(user: &Http, body: Value) -> String {
    user.post("/v1/conversations").json(&body).await.has_status(200).string("/id")
}

fn texts(list: &Value) -> Vec<&str> {
    let items = list["data"].as_array().expect("data").iter();
    items.map(|item| item["content"][0]["text"].as_str().unwrap_or_default()).collect()
}

async fn a_conversation_is_a_room_and_the_other_way_round(site: &Site) {
    let user = site.user().await;
    let items = json!([user_item("one"), {"role": "assistant", "content": "eins"}, {"role": "system", "content": "be brief"}]);
    let made =
        user.post("/v1/conversations").json(&json!({"items": items, "metadata": {"topic": "x"}})).await;
    let made = made.has_status(200).json();
    assert_eq!((&made["object"], &made["metadata"]), (&json!("conversation"), &json!({"topic": "x"})));
    assert!(made["created_at"].is_i64(), "{made}");
    let id = made["id"].as_str().expect("an id");
    let room = format!("/v1/rooms/{}", id.trim_start_matches("conv_"));
    assert_eq!(
        said(&user, &room).await,
        pairs(&[("user", "one"), ("assistant", "eins"), ("system", "be brief")])
    );
    assert_eq!(user.get(&room).await.json()["kind"], "openai");
    // What the model is told of it.
    let body = json!({"model": "test/prompt-echo", "conversation": {"id": id}, "input": "two"});
    let told = respond(&user, body).await;
    let told = super::text(&told);
    for text in ["one", "eins", "be brief", "two"] {
        assert!(told.contains(text), "{told}");
    }
    // A native room is a conversation, whoever opened it.
    let native = user.post("/v1/rooms").json(&json!({"name": "native"})).await.json();
    let simple = native["id"].as_str().expect("an id").replace('-', "");
    let sent = user.post(&format!("/v1/rooms/{simple}/messages")).header("Prefer", "wait=30");
    sent.json(&json!({"content": "hello"})).await.has_status(200);
    respond(&user, json!({"conversation": format!("conv_{simple}"), "input": "and again"})).await;
    let list =
        user.get(&format!("/v1/conversations/conv_{simple}/items?order=asc")).await.has_status(200).json();
    assert_eq!(texts(&list), ["hello", "reply to: hello", "and again", "reply to: and again"]);
    let kinds: Vec<_> = list["data"]
        .as_array()
        .expect("data")
        .iter()
        .map(|item| (&item["role"], &item["content"][0]["type"], &item["status"]))
        .collect();
    let (said, replied) = ((json!("user"), json!("input_text")), (json!("assistant"), json!("output_text")));
    assert_eq!(kinds[0], (&said.0, &said.1, &json!("completed")));
    assert_eq!(kinds[1], (&replied.0, &replied.1, &json!("completed")));
}

async fn items_are_paged_to_their_end(site: &Site) {
    let user = site.user().await;
    let items: Vec<_> = (0..20).map(|n| user_item(&format!("{n}"))).collect();
    let id = conversation(&user, json!({"items": items})).await;
    let path = format!("/v1/conversations/{id}/items");
    let added = user
        .post(&path)
        .json(&json!({"items": [user_item("20"), user_item("21")]}))
        .await
        .has_status(200)
        .json();
    assert_eq!(
        (texts(&added), &added["has_more"], &added["object"]),
        (vec!["20", "21"], &json!(false), &json!("list"))
    );
    for (order, expected) in [("asc", (0..22).collect::<Vec<_>>()), ("desc", (0..22).rev().collect())] {
        let (mut seen, mut after, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = user.get(&format!("{path}?order={order}&limit=5{after}")).await.has_status(200).json();
            seen.extend(texts(&page).into_iter().map(|text| text.parse::<i32>().expect("a number")));
            pages += 1;
            if page["has_more"] == false {
                break;
            }
            assert_eq!(page["last_id"], page["data"][4]["id"]);
            after = format!("&after={}", page["last_id"].as_str().expect("a last id"));
        }
        assert_eq!((seen, pages), (expected, 5));
    }
    let newest = user.get(&path).await.json();
    assert_eq!((texts(&newest)[0], texts(&newest).len()), ("21", 20), "the newest first, twenty of them");
    let empty = conversation(&user, json!({})).await;
    let none = user.get(&format!("/v1/conversations/{empty}/items")).await;
    none.is(
        200,
        &json!({"object": "list", "data": [], "first_id": null, "last_id": null, "has_more": false}),
    );
}

async fn items_are_found_and_deleted(site: &Site) {
    let user = site.user().await;
    let id = conversation(&user, json!({"items": [user_item("one"), user_item("two")]})).await;
    let list = user.get(&format!("/v1/conversations/{id}/items?order=asc")).await.json();
    let item = list["data"][0]["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/conversations/{id}/items/{item}");
    assert_eq!(user.get(&path).await.has_status(200).json(), list["data"][0]);
    let gone = user.ask("DELETE", &path).await.has_status(200).json();
    assert_eq!((&gone["object"], &gone["id"]), (&json!("conversation"), &json!(id)));
    missing(&user.get(&path).await, "Item", &item);
    missing(&user.ask("DELETE", &path).await, "Item", &item);
    missing(&user.get(&format!("/v1/conversations/{id}/items/msg_x")).await, "Item", "msg_x");
    assert_eq!(texts(&user.get(&format!("/v1/conversations/{id}/items")).await.json()), ["two"]);
}

async fn items_are_told_once_under_a_key(site: &Site) {
    let user = site.user().await;
    let body = json!({"items": [user_item("one"), user_item("two")]});
    let first = user.post("/v1/conversations").key("c").json(&body).await;
    let again = user.post("/v1/conversations").key("c").json(&body).await;
    assert_eq!(
        (again.has_status(200).json(), again.header("idempotency-replayed").as_deref()),
        (first.json(), Some("true"))
    );
    let path = format!("/v1/conversations/{}/items", first.string("/id"));
    let first = user.post(&path).key("i").json(&body).await;
    let again = user.post(&path).key("i").json(&body).await;
    assert_eq!(again.has_status(200).json(), first.json());
    super::refused(
        &user.post(&path).key("i").json(&json!({"items": [user_item("x")]})).await,
        422,
        "idempotency_key_reused",
        &Value::Null,
    );
    assert_eq!(texts(&user.get(&path).await.json()).len(), 4);
}

async fn a_conversation_can_be_changed_and_deleted(site: &Site) {
    let user = site.user().await;
    let id = conversation(&user, json!({"metadata": {"a": "1", "b": "2"}})).await;
    let path = format!("/v1/conversations/{id}");
    let changed = user.post(&path).json(&json!({"metadata": {"c": "3"}})).await.has_status(200).json();
    assert_eq!(changed["metadata"], json!({"c": "3"}), "replaced, not added to");
    assert_eq!(user.get(&path).await.has_status(200).json(), changed);
    user.ask("DELETE", &path)
        .await
        .is(200, &json!({"id": id, "object": "conversation.deleted", "deleted": true}));
    missing(&user.get(&path).await, "Conversation", &id);
    missing(&user.get(&format!("{path}/items")).await, "Conversation", &id);
    missing(
        &user.post("/v1/responses").json(&json!({"conversation": id, "input": "x"})).await,
        "Conversation",
        &id,
    );
    missing(&user.get("/v1/conversations/conv_x").await, "Conversation", "conv_x");
}
