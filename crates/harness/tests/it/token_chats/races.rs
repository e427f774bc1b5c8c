//! At the same instant (contract §0.10): one session, one order, every reply behind its own message.

use crate::support::{Http, Reply, Site, on_both};
use futures_util::future::join_all;
use serde_json::Value;
use std::collections::BTreeSet;

on_both! { first_messages_open_one_session ends_and_deletions_happen_once }

async fn at_once(user: &Http, count: usize, what: &str) -> Vec<Reply> {
    join_all((0..count).map(|n| async move { user.say(&format!("{what} {n}")).await })).await
}

/// Each message once, each with its own reply.
#[track_caller]
fn is_whole(chat: &Value, count: usize, what: &str) {
    let turns = chat["conversation"].as_array().expect("turns");
    let said: BTreeSet<_> =
        turns.iter().map(|turn| turn["You"].as_str().expect("a text").to_owned()).collect();
    let wanted: BTreeSet<_> = (0..count).map(|n| format!("{what} {n}")).collect();
    assert_eq!((turns.len(), &said), (count, &wanted));
    for turn in turns {
        assert_eq!(turn["Bot"], format!("reply to: {}", turn["You"].as_str().expect("a text")));
    }
}

async fn first_messages_open_one_session(site: &Site) {
    for (round, count) in [2, 2, 2, 16].into_iter().enumerate() {
        let user = site.user().await;
        let what = format!("round {round} of {count}");
        let answers = at_once(&user, count, &what).await;
        let opened: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
        assert_eq!(
            opened.len(),
            1,
            "one of them opens the session: {:?}",
            answers.iter().map(|a| a.status).collect::<Vec<_>>()
        );
        assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 201)));
        let ids: BTreeSet<_> = answers.iter().map(|answer| answer.json()["chat_id"].to_string()).collect();
        assert_eq!(ids.len(), 1, "one session");
        // Whoever has an answer finds the own message with its reply in it.
        for (n, answer) in answers.iter().enumerate() {
            let own = format!("{what} {n}");
            let shown = answer.json();
            let turn = shown["conversation"]
                .as_array()
                .and_then(|turns| turns.iter().find(|turn| turn["You"] == own));
            assert_eq!(
                turn.map(|turn| turn["Bot"].clone()),
                Some(format!("reply to: {own}").into()),
                "{answer}"
            );
        }
        let listed = user.chats().await;
        assert_eq!(listed.as_array().map(Vec::len), Some(1));
        is_whole(&listed[0], count, &what);
        // The turns ran one after the other: each prompt holds whole turns, and the next has one more.
        let mut lengths: Vec<_> = (0..count)
            .map(|n| site.prompts_for(&format!("{what} {n}")))
            .map(|prompts| {
                assert_eq!(prompts.len(), 1, "one call for each");
                prompts[0].len()
            })
            .collect();
        lengths.sort_unstable();
        assert_eq!(lengths, (0..count).map(|n| 2 * n + 1).collect::<Vec<_>>());
    }
}

async fn ends_and_deletions_happen_once(site: &Site) {
    let user = site.user().await;
    let sent = user.say("x").await;
    let ends = join_all((0..8).map(|_| async { user.end().await })).await;
    assert_eq!(
        ends.iter().filter(|end| end.status == 200).count(),
        1,
        "{:?}",
        ends.iter().map(|a| a.status).collect::<Vec<_>>()
    );
    assert!(ends.iter().all(|end| matches!(end.status, 200 | 404)));
    let chat = sent.json()["chat_id"].clone();
    let message = sent.json()["conversation"][0]["message_id"].clone();
    let edits = join_all((0..8).map(|n| {
        let (user, chat, message) = (&user, &chat, &message);
        async move { user.edit(chat, message, &format!("edit {n}")).await }
    }));
    let deletions = join_all((0..8).map(|_| async { user.delete(&chat).await }));
    let (edits, deletions) = futures_util::future::join(edits, deletions).await;
    assert_eq!(deletions.iter().filter(|deleted| deleted.status == 200).count(), 1);
    assert!(deletions.iter().all(|deleted| matches!(deleted.status, 200 | 404)));
    assert!(
        edits.iter().all(|edit| matches!(edit.status, 200 | 404)),
        "{:?}",
        edits.iter().map(|a| a.status).collect::<Vec<_>>()
    );
    user.get("/api/chats/").await.is(200, &serde_json::json!([]));
}
