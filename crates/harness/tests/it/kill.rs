//! `kill -9` under load: what was acknowledged is there, once, in order (reliability.md R1, R6).

use crate::support::judge;
use maru_harness::history::History;
use maru_harness::history::writers::{Problem, Writers};
use maru_harness::server::{Launch, TestServer};
use maru_testkit::throwaway::{Postgres, sqlite_dir};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

const BINARY: &str = env!("CARGO_BIN_EXE_maru-under-test");
const ROUNDS: usize = 15;
/// Eight rooms with two writers each.
const WRITERS: [usize; 8] = [2; 8];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_on_sqlite() -> Result<(), Problem> {
    let dir = sqlite_dir();
    let url = format!("sqlite:{}/maru.db", dir.path().display());
    let server = Launch::new(BINARY).home(dir.path()).store(&url).start().await?;
    kill_again_and_again(server, url).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_on_postgres() -> Result<(), Problem> {
    let database = Postgres::shared().await.database().await;
    let server = Launch::new(BINARY).store(&database.url).start().await?;
    kill_again_and_again(server, database.url.clone()).await
}

async fn kill_again_and_again(mut server: TestServer, url: String) -> Result<(), Problem> {
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
    let acknowledged = judge("kill", &history, writers, &url).await?;
    assert!(acknowledged > ROUNDS * WRITERS.len(), "only {acknowledged} messages: the load was none");
    println!("{ROUNDS} kills, ready again within {slowest:?}");
    Ok(())
}

fn between(least: u64, most: u64) -> Duration {
    let random = RandomState::new().hash_one(Instant::now().elapsed());
    Duration::from_millis(least + random % (most - least))
}
