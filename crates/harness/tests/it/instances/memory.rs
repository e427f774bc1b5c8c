//! A room's memory, as LangChain's `RedisChatMessageHistory` reads it (contract §2.4, §6.3). The same is shown to
//! LangChain itself by `tests/langchain.py`.

use super::twins::{Between, Twins, at};
use crate::support::{Http, beside_postgres, maru_with, name, until};
use maru_testkit::throwaway::redis_url;
use serde_json::{Value, json};
use std::process::Command;

/// A list of Redis's database 1, read as LangChain does: newest first in the list, told oldest first.
fn list(key: &str) -> Vec<(String, String)> {
    let mut cli = Command::new("redis-cli");
    cli.args(["-u", &redis_url(), "-n", "1", "--json", "LRANGE", key, "0", "-1"]);
    let told = cli.output().expect("redis-cli");
    let items: Vec<String> = serde_json::from_slice(&told.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&told.stderr)));
    let parsed = |item: &String| {
        let message: Value = serde_json::from_str(item).expect("JSON");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        (text(&message["type"]), text(&message["data"]["content"]))
    };
    items.iter().rev().map(parsed).collect()
}

async fn becomes(key: &str, expected: &[(&str, &str)]) {
    let expected: Vec<_> =
        expected.iter().map(|(kind, text)| ((*kind).to_owned(), (*text).to_owned())).collect();
    let what = format!("{key} is {expected:?}");
    until(&what, || std::future::ready(list(key) == expected)).await;
}

async fn say(user: &Http, room: &Value, content: &str) -> Value {
    let path = at(room, "/messages");
    let sent = user.post(&path).header("Prefer", "wait=30").json(&json!({"content": content})).await;
    sent.has_status(200).json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_is_laid_out_for_langchain() {
    // Of this test process alone: the Redis is everybody's.
    let prefix = format!("{}-{}:message_store:", name("test"), std::process::id());
    let settings = [("MARU__REDIS__LANGCHAIN_MEMORY", "true"), ("MARU__REDIS__LANGCHAIN_PREFIX", &*prefix)];
    let twins = Twins::start_with(Between::Redis, &settings).await;
    let (one, two) = twins.user().await;
    let me = one.get("/v1/me").await.has_status(200).json();
    let room = one.post("/v1/rooms").json(&json!({})).await.has_status(201).json();
    let other = one.post("/v1/rooms").json(&json!({})).await.has_status(201).json();
    let key = |room: &Value| format!("{prefix}{}:{}", me["number"], room["number"]);

    let hello = say(&one, &room, "hello \"you\" 안녕").await;
    say(&two, &room, "and\nagain").await;
    say(&two, &other, "elsewhere").await;
    let reply = |text: &str| format!("reply to: {text}");
    let (first, second) = (reply("hello \"you\" 안녕"), reply("and\nagain"));
    let both = [("human", "hello \"you\" 안녕"), ("ai", &*first), ("human", "and\nagain"), ("ai", &*second)];
    becomes(&key(&room), &both).await;
    becomes(&key(&other), &[("human", "elsewhere"), ("ai", &reply("elsewhere"))]).await;

    // Edits and deletes show.
    let message = |id: &Value| at(&room, &format!("/messages/{}", id.as_str().expect("an id")));
    let path = message(&hello["message"]["id"]);
    two.ask("PATCH", &path).json(&json!({"content": "edited"})).await.has_status(200);
    becomes(&key(&room), &[("human", "edited"), both[1], both[2], both[3]]).await;
    one.ask("DELETE", &message(&hello["turn"]["reply_id"])).await.has_status(204);
    becomes(&key(&room), &[("human", "edited"), both[2], both[3]]).await;

    // What goes is gone there too: with its messages, with its room, with its owner.
    one.post(&at(&room, "/clear")).await.has_status(200);
    becomes(&key(&room), &[]).await;
    say(&one, &room, "anew").await;
    becomes(&key(&room), &[("human", "anew"), ("ai", &reply("anew"))]).await;
    two.ask("DELETE", &at(&room, "")).await.has_status(204);
    becomes(&key(&room), &[]).await;
    let username = me["username"].as_str().expect("a name");
    let delete = ["user", "delete", username, "--yes", "--store", &twins.database.url];
    maru_with(twins.one.home(), &delete, "", &beside_postgres(&twins.database.url)).ok();
    becomes(&key(&other), &[]).await;
}
