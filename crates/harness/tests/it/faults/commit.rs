//! The connection breaks at the very COMMIT: nobody can know what became of it, but a retry with the
//! same key finds out.

use super::Behind;
use crate::support::judge;
use maru_testkit::proxy::{ResetAt, Trap};
use maru_testkit::throwaway::Postgres;
use serde_json::json;
use std::time::Duration;

const COMMIT: &[u8] = b"COMMIT";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_finds_out_what_a_broken_commit_has_done() {
    let behind = Behind::start(Postgres::shared().await).await;
    for (at, stored) in [(ResetAt::BeforeTheServer, "0"), (ResetAt::BeforeTheClient, "1")] {
        let user = behind.site.user().await;
        let content = format!("sent {at:?}");
        behind.proxy.trap(Some(Trap { word: COMMIT, at, every: 1 }));
        let answer = user.say(&content).key("k").await;
        behind.proxy.trap(None);
        answer.is(503, &json!({"error": "The database is away; try again."}));
        assert!(answer.header("retry-after").is_some(), "{answer}");
        let count = format!("SELECT count(*) FROM messages WHERE content = '{content}'");
        assert_eq!(behind.database.sql(&count).await.expect("a count"), stored, "{at:?}");
        let again = user.say(&content).key("k").await;
        assert_eq!(again.status, 201, "{again}");
        let turns = again.json()["conversation"].clone();
        assert_eq!((turns.as_array().map(Vec::len), &turns[0]["You"]), (Some(1), &json!(content)), "{at:?}");
        assert_eq!(turns[0]["Bot"], json!(format!("reply to: {content}")), "{at:?}");
        assert_eq!(behind.database.sql(&count).await.expect("a count"), "1", "{at:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_break_under_load_lose_and_double_nothing() {
    let behind = Behind::start(Postgres::shared().await).await;
    let (history, writers) = behind.load().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut sprung = 0;
    for at in [ResetAt::BeforeTheServer, ResetAt::BeforeTheClient] {
        behind.proxy.trap(Some(Trap { word: COMMIT, at, every: 9 }));
        let enough = tokio::time::timeout(Duration::from_secs(60), behind.proxy.sprung(8)).await;
        enough.expect("eight commits are broken");
        sprung += behind.proxy.trap(None);
    }
    println!("{sprung} commits were broken");
    judge("commit", &history, writers, &behind.database.url).await.expect("nothing is lost or doubled");
}
