//! Rooms: made, changed, ended, cleared, deleted.

use super::{at, broken, exchange, refused, room, texts};
use crate::support::{Site, name, on_both};
use serde_json::{Value, json};

on_both! { a_room_is_what_it_was_made_of a_room_is_changed_field_by_field another_prompt_clears_unless_kept
a_room_is_ended_cleared_and_deleted rooms_are_made_once a_room_of_another_contract_is_one_of_the_callers }

async fn a_room_is_what_it_was_made_of(site: &Site) {
    let user = site.user().await;
    let fields = json!({"name": "새 방 😀", "system_prompt": "be brief", "model": "test/echo", "metadata": {"a": [1, null], "\\u0000": "\\u0000"}, "turn_policy": "reject"});
    let made = room(&user, fields.clone()).await;
    let keys: Vec<_> = made.as_object().expect("a room").keys().cloned().collect();
    let expected = "id number kind name system_prompt model turn_policy metadata created_at updated_at last_message_at ended_at message_count";
    assert_eq!(keys.join(" "), expected);
    for (field, value) in fields.as_object().expect("fields") {
        assert_eq!(made[field], *value, "{field}");
    }
    assert_eq!(
        (&made["kind"], &made["ended_at"], &made["message_count"]),
        (&json!("native"), &Value::Null, &json!(0))
    );
    user.get(&at(&made, "")).await.is(200, &made);
    user.get(&format!("/v1/rooms/{}", made["number"])).await.is(200, &made);
    user.get(&format!("/v1/rooms/{}/", made["number"])).await.is(200, &made);
    let plain = user.post("/v1/rooms").await.has_status(201).json();
    assert_eq!(
        (&plain["name"], &plain["turn_policy"], &plain["model"]),
        (&json!(""), &json!("queue"), &Value::Null)
    );
    for nowhere in [
        "0",
        "-1",
        "99999999",
        "999999999999999999999",
        "x",
        "01890000-0000-7000-8000-000000000000",
        "%00",
        "%FF",
        "..%2f",
    ] {
        refused(&user.get(&format!("/v1/rooms/{nowhere}")).await, 404, "room_not_found");
    }
}

async fn a_room_is_changed_field_by_field(site: &Site) {
    let user = site.user().await;
    let made = room(&user, json!({"name": "one", "metadata": {"a": 1}})).await;
    let change = |body: Value| user.ask("PATCH", &at(&made, "")).json(&body);
    let changed = change(json!({"name": "two"})).await.has_status(200).json();
    assert_eq!((&changed["name"], &changed["metadata"]), (&json!("two"), &json!({"a": 1})));
    let changed =
        change(json!({"model": "test/echo", "metadata": {}, "turn_policy": "interrupt"})).await.json();
    assert_eq!(
        (&changed["model"], &changed["metadata"], &changed["turn_policy"]),
        (&json!("test/echo"), &json!({}), &json!("interrupt"))
    );
    assert_eq!(change(json!({"model": null})).await.json()["model"], Value::Null);
    for (bad, field, rule) in [
        (json!({"name": 7}), "name", "type"),
        (json!({"name": "x".repeat(256)}), "name", "too_long"),
        (json!({"name": "a\u{0}b"}), "name", "characters"),
        (json!({"metadata": []}), "metadata", "type"),
        (json!({"metadata": {"a": ["\u{0}"]}}), "metadata", "characters"),
        (json!({"turn_policy": "maybe"}), "turn_policy", "choice"),
        (json!({"keep_messages": "yes"}), "keep_messages", "type"),
        (json!({"system_prompt": "x".repeat(32_001)}), "system_prompt", "too_long"),
    ] {
        let answer = change(bad.clone()).await;
        assert_eq!(broken(&answer), [(field.to_owned(), rule.to_owned())], "{bad}");
        if field != "keep_messages" {
            assert_eq!(
                broken(&user.post("/v1/rooms").json(&bad).await),
                [(field.to_owned(), rule.to_owned())]
            );
        }
    }
    refused(&change(json!({"model": "no/such"})).await, 400, "unknown_model");
    refused(&user.post("/v1/rooms").json(&json!({"model": "no/such"})).await, 400, "unknown_model");
}

async fn another_prompt_clears_unless_kept(site: &Site) {
    let user = site.user().await;
    let made = room(&user, json!({"system_prompt": "one"})).await;
    exchange(&user, &made, "hello").await;
    let change = |body: Value| user.ask("PATCH", &at(&made, "")).json(&body);
    change(json!({"system_prompt": "one"})).await.has_status(200);
    change(json!({"system_prompt": "two", "keep_messages": true})).await.has_status(200);
    assert_eq!(texts(&user, &made).await, ["hello", "reply to: hello"]);
    let changed = change(json!({"system_prompt": "three"})).await.has_status(200).json();
    assert_eq!((&changed["message_count"], &changed["last_message_at"]), (&json!(0), &Value::Null));
    assert_eq!(texts(&user, &made).await, Vec::<String>::new());
}

async fn a_room_is_ended_cleared_and_deleted(site: &Site) {
    let user = site.user().await;
    let made = room(&user, json!({})).await;
    exchange(&user, &made, "hello").await;
    let ended = user.post(&at(&made, "/end")).await.has_status(200).json();
    assert!(ended["ended_at"].is_string(), "{ended}");
    user.post(&at(&made, "/end")).await.is(200, &ended);
    refused(&user.post(&at(&made, "/messages")).json(&json!({"content": "late"})).await, 409, "room_ended");
    let alone = json!({"content": "late", "reply": false});
    refused(&user.post(&at(&made, "/messages")).json(&alone).await, 409, "room_ended");
    assert_eq!(texts(&user, &made).await.len(), 2);
    let cleared = user.post(&at(&made, "/clear")).await.has_status(200).json();
    assert_eq!((&cleared["message_count"], &cleared["ended_at"]), (&json!(0), &ended["ended_at"]));
    let answer = user.ask("DELETE", &at(&made, "")).await;
    assert_eq!((answer.has_status(204).body.len(), answer.header("content-type")), (0, None));
    refused(&user.get(&at(&made, "")).await, 404, "room_not_found");
    refused(&user.ask("DELETE", &at(&made, "")).await, 404, "room_not_found");
}

async fn rooms_are_made_once(site: &Site) {
    let user = site.user().await;
    let (key, body) = (name("key"), json!({"name": "one"}));
    let first = user.post("/v1/rooms").key(&key).json(&body).await;
    first.has_status(201);
    assert_eq!(first.header("idempotency-replayed"), None);
    user.ask("PATCH", &at(&first.json(), "")).json(&json!({"name": "two"})).await.has_status(200);
    let again = user.post("/v1/rooms").key(&key).json(&body).await;
    again.has("idempotency-replayed", "true").is(201, &first.json());
    refused(
        &user.post("/v1/rooms").key(&key).json(&json!({"name": "2"})).await,
        422,
        "idempotency_key_reused",
    );
    refused(&user.post("/v1/rooms").key("").json(&body).await, 400, "invalid_idempotency_key");
    assert_eq!(user.get("/v1/rooms").await.json()["data"].as_array().map(Vec::len), Some(1));
    // Another user's key is another key, and so is the same key for another room.
    let stranger = site.user().await;
    assert_ne!(stranger.post("/v1/rooms").key(&key).json(&body).await.json()["id"], first.json()["id"]);
    let other = room(&user, json!({})).await;
    for made in [&first.json(), &other] {
        let ended = user.post(&at(made, "/end")).key(&key).await.has_status(200).json();
        assert_eq!(ended["id"], made["id"]);
        user.post(&at(made, "/end")).key(&key).await.has("idempotency-replayed", "true").is(200, &ended);
    }
}

async fn a_room_of_another_contract_is_one_of_the_callers(site: &Site) {
    let user = site.user().await;
    let session = user.say("hello").await.has_status(201).json();
    let listed = user.get("/v1/rooms").await.json();
    assert_eq!(
        (&listed["data"][0]["id"], &listed["data"][0]["kind"]),
        (&session["session_identifier"], &json!("session"))
    );
    assert_eq!(texts(&user, &listed["data"][0]).await, ["hello", "reply to: hello"]);
    exchange(&user, &listed["data"][0], "again").await;
    let chats = user.chats().await;
    assert_eq!(chats[0]["conversation"].as_array().map(Vec::len), Some(2));
}
