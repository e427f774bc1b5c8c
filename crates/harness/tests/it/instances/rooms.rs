//! One room, whichever instance is asked: what was written is there, turns wait in one queue, things happen once.

use super::twins::{Between, Twins, at, with_and_without_redis};
use crate::support::{Http, name};
use futures_util::future::join_all;
use maru_testkit::upstream::Script;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

with_and_without_redis! { what_was_written_is_read_at_once turns_of_both_wait_in_one_queue a_key_does_a_thing_once
first_messages_open_one_session }

fn texts(page: &Value) -> Vec<String> {
    let text = |message: &Value| message["content"].as_str().unwrap_or_default().to_owned();
    page["data"].as_array().expect("a page").iter().map(text).collect()
}

async fn what_was_written_is_read_at_once(between: Between) {
    let twins = Twins::start(between).await;
    let (one, two) = twins.user().await;
    let chat = one.say("opening").await.has_status(201).json()["chat_id"].clone();
    for round in 0..10 {
        let (writes, reads) = if round % 2 == 0 { (&one, &two) } else { (&two, &one) };
        let said = writes.say(&format!("number {round}")).await;
        let said = said.has_status(200).json();
        let listed = reads.chats().await;
        let turns = listed[0]["conversation"].as_array().expect("turns").clone();
        assert_eq!((turns.len(), listed.as_array().map(Vec::len)), (round + 2, Some(1)));
        assert_eq!(turns.last().map(|turn| &turn["Bot"]), Some(&json!(format!("reply to: number {round}"))));
        // An edit shows everywhere, and the text before it nowhere.
        let message = said["conversation"].as_array().and_then(|turns| turns.last());
        let message = message.expect("a turn")["message_id"].clone();
        writes.edit(&chat, &message, &format!("edited {round}")).await.has_status(200);
        let shown = reads.chats().await.to_string();
        assert!(shown.contains(&format!("edited {round}")), "{shown}");
        assert!(!shown.contains(&format!("\"You\":\"number {round}\"")), "{shown}");
    }
    two.delete(&chat).await;
    assert_eq!(one.chats().await, json!([]));
}

async fn turns_of_both_wait_in_one_queue(between: Between) {
    let twins = Twins::start(between).await;
    let (one, two) = twins.user().await;
    let reply =
        Script::stream().role().wait(Duration::from_millis(50)).say("aye").finish("stop").done().end();
    let (room, model) = twins.scripted(&one, vec![reply]).await;
    let send = |n: usize| {
        let (user, path) = (if n.is_multiple_of(2) { &one } else { &two }, at(&room, "/messages"));
        async move {
            let body = json!({"content": format!("number {n}")});
            user.post(&path).header("Prefer", "wait=60").json(&body).await
        }
    };
    for answer in join_all((0..12).map(send)).await {
        assert_eq!(answer.has_status(200).json()["turn"]["status"], "completed", "{answer}");
    }
    let page = two.get(&at(&room, "/messages?limit=200")).await.json();
    assert_eq!(texts(&page).len(), 24);
    let messages = page["data"].as_array().expect("a page");
    let turns: BTreeSet<_> = messages.iter().map(|message| message["turn_id"].to_string()).collect();
    assert_eq!(turns.len(), 12);
    // One after the other: no call began before the one before it had ended, and each was told more.
    let mut calls = twins.upstream.calls_of(&model);
    calls.sort_by_key(|call| call.opened);
    assert_eq!(calls.len(), 12);
    for two in calls.windows(2) {
        assert!(two[0].end.is_some_and(|(end, _)| end <= two[1].opened), "two turns at a time");
        assert_eq!(two[0].messages().len() + 2, two[1].messages().len());
    }
}

async fn a_key_does_a_thing_once(between: Between) {
    let twins = Twins::start(between).await;
    let (one, two) = twins.user().await;
    for round in 0..5 {
        let (key, content) = (name("key"), format!("once {round}"));
        let answers = join_all((0..6).map(|n| {
            let user: &Http = if n % 2 == 0 { &one } else { &two };
            let (key, content) = (&key, &content);
            async move { user.say(content).key(key).await }
        }));
        let answers = answers.await;
        let status = if round == 0 { 201 } else { 200 };
        for answer in &answers {
            assert_eq!((answer.status, &answer.body), (status, &answers[0].body), "{answer}");
        }
        let fresh = answers.iter().filter(|answer| answer.header("idempotency-replayed").is_none());
        assert_eq!(fresh.count(), 1);
        assert_eq!(twins.upstream.calls().len(), round + 1);
        two.say("another text").key(&key).await.has_status(422);
    }
}

async fn first_messages_open_one_session(between: Between) {
    let twins = Twins::start(between).await;
    for _ in 0..5 {
        let (one, two) = twins.user().await;
        let answers = join_all([one.say("from one").into_future(), two.say("from two").into_future()]).await;
        let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 201]);
        assert_eq!(answers[0].json()["chat_id"], answers[1].json()["chat_id"]);
        assert_eq!(one.chats().await, two.chats().await);
    }
}
