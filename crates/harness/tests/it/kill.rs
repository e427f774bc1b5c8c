//! `kill -9` under load: what was acknowledged is there, once, in order (reliability.md R1, R6).

use maru_harness::history::writers::{Attempt, Member, Problem, Writers};
use maru_harness::history::{History, Kind, Op, Seen, Status, check, summary};
use maru_harness::server::{Launch, TestServer};
use maru_testkit::throwaway::{Postgres, sqlite_dir};
use serde_json::Value;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

const BINARY: &str = env!("CARGO_BIN_EXE_maru-under-test");
const ROUNDS: usize = 15;
/// Eight rooms with two writers each.
const WRITERS: [usize; 8] = [2; 8];
/// How long after the last start every message must have its answer and every turn its end (R6).
const SETTLED: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_on_sqlite() -> Result<(), Problem> {
    let dir = sqlite_dir();
    let server = Launch::new(BINARY).home(dir.path()).start().await?;
    kill_again_and_again(server).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_on_postgres() -> Result<(), Problem> {
    let database = Postgres::shared().await.database().await;
    let server = Launch::new(BINARY).store(&database.url).start().await?;
    kill_again_and_again(server).await
}

async fn kill_again_and_again(mut server: TestServer) -> Result<(), Problem> {
    let history = Arc::new(History::new());
    let writers = Writers::start(&history, &server.address(), &WRITERS).await?;
    let mut slowest = Duration::ZERO;
    for _ in 0..ROUNDS {
        tokio::time::sleep(between(500, 1500)).await;
        server.kill9()?;
        let down = Instant::now();
        server.restart().await?;
        slowest = slowest.max(down.elapsed());
    }
    // A last stretch without a fault: what recovery left behind must not stand in the way of new work.
    tokio::time::sleep(between(500, 1500)).await;
    let (members, acknowledged) = writers.finish(SETTLED).await?;
    assert!(acknowledged > ROUNDS * WRITERS.len(), "only {acknowledged} messages: the load was none");
    let settled = Instant::now() + SETTLED;
    // A turn that never ends would hold up the room's next message for ever.
    for member in &members {
        let probe = tokio::time::timeout(
            SETTLED,
            member.send(&history, "probe", &format!("probe-{}", member.room), "are you there?"),
        )
        .await;
        assert_eq!(probe.ok(), Some(Attempt::Acknowledged), "{} takes no more messages", member.room);
    }
    for member in &members {
        let chats = member.read(&history, "last", true).await?;
        assert_eq!(chats.len(), 1, "{}: the writers of one user share one session", member.room);
        for chat in &chats {
            read_natively(&history, member, chat.chat_id, settled).await?;
        }
    }
    let anomalies = check(&history.ops());
    println!(
        "{acknowledged} acknowledged over {ROUNDS} kills, ready again within {slowest:?}, {}",
        summary(&anomalies)
    );
    if !anomalies.is_empty() {
        let file = std::env::temp_dir().join(format!("maru-kill-{}.jsonl", std::process::id()));
        history.save(&file)?;
        return Err(format!("{}\nthe history is in {}", summary(&anomalies), file.display()).into());
    }
    Ok(())
}

/// Reads the room once more by the native API, which shows numbers and states: as soon as every reply is terminal, or at `settled`.
async fn read_natively(
    history: &History,
    member: &Member,
    chat_id: i64,
    settled: Instant,
) -> Result<(), Problem> {
    loop {
        let t0 = history.now();
        let seen = native_messages(member, chat_id).await?;
        if seen.iter().any(|turn| turn.done != Some(true)) && Instant::now() < settled {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        }
        history.record(Op {
            t0,
            t1: history.now(),
            client: "native".into(),
            room: member.room.clone(),
            op: Kind::Read,
            status: Status::Ok,
            seen,
            transport: "v1".into(),
            quiet: true,
            ..Op::default()
        });
        return Ok(());
    }
}

async fn native_messages(member: &Member, chat_id: i64) -> Result<Vec<Seen>, Problem> {
    let mut messages = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("/v1/rooms/{chat_id}/messages?limit=200{after}");
        let page: Value = member.client.request(reqwest::Method::GET, &path, None, None).await?.value()?;
        messages.extend(page["data"].as_array().cloned().unwrap_or_default());
        match page["next"].as_str() {
            Some(next) if page["has_more"] == true => after = format!("&after={next}"),
            _ => break,
        }
    }
    let (asked, replies): (Vec<_>, Vec<_>) = messages.iter().partition(|message| message["role"] == "user");
    let replies: HashMap<_, _> =
        replies.into_iter().map(|reply| (reply["turn_id"].as_str(), reply)).collect();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let turn = |message: &&Value| {
        let reply = replies.get(&message["turn_id"].as_str());
        let done = reply.is_some_and(|reply| {
            matches!(reply["status"].as_str(), Some("completed" | "failed" | "cancelled" | "interrupted"))
        });
        Seen {
            body: text(&message["content"]).unwrap_or_default(),
            id: text(&message["id"]),
            seq: message["seq"].as_u64(),
            reply: reply.and_then(|reply| text(&reply["content"])),
            done: Some(done),
        }
    };
    Ok(asked.iter().map(turn).collect())
}

/// A random time between two numbers of milliseconds.
fn between(least: u64, most: u64) -> Duration {
    Duration::from_millis(least + RandomState::new().hash_one(Instant::now()) % (most - least + 1))
}
