//! A watcher of an outage: what a client is told meanwhile, how fast, and what its retries get.

use crate::support::{Http, Site, until};
use serde_json::json;
use std::time::{Duration, Instant};

/// A write is refused by then (R15).
const REFUSED: Duration = Duration::from_secs(3);
/// `/readyz` says no by then.
const UNREADY: Duration = Duration::from_secs(5);
/// The first good write comes by then.
const RECOVERED: Duration = Duration::from_secs(5);

/// A client that goes on writing, each message under a key of its own.
pub struct Watcher {
    user: Http,
    ops: Http,
    keys: Vec<String>,
    slowest: Duration,
}

impl Watcher {
    pub async fn new(site: &Site) -> Self {
        let user = site.user().await;
        user.say("before").key("before").await.has_status(201);
        Self { user, ops: site.http(), keys: Vec::new(), slowest: Duration::ZERO }
    }

    /// Writes for so long. Every write must be refused in time and in the contract's shape.
    pub async fn refused_for(&mut self, away: Duration) {
        let began = Instant::now();
        let mut said_no = false;
        while began.elapsed() < away || !said_no {
            let key = format!("key-{}", self.keys.len());
            let asked = Instant::now();
            let answer = self.user.say(&format!("message of {key}")).key(&key).await;
            let took = asked.elapsed();
            answer.is(503, &json!({"error": "The database is away; try again."}));
            assert!(answer.header("retry-after").is_some(), "{answer}");
            assert!(took <= REFUSED, "{took:?} for {answer}");
            self.slowest = self.slowest.max(took);
            self.keys.push(key);
            self.ops.get("/livez").await.has_status(200);
            said_no = said_no || self.ops.get("/readyz").await.status == 503;
            assert!(said_no || began.elapsed() < UNREADY, "/readyz still says yes");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        println!("{} writes refused, the slowest after {:?}", self.keys.len(), self.slowest);
    }

    /// The database is back: the first write works in time, and each that was refused is done once.
    pub async fn recovered(self) {
        let back = Instant::now();
        until("a write works", || async { self.user.say("after").key("after").await.status == 200 }).await;
        let took = back.elapsed();
        println!("written again after {took:?}");
        assert!(took <= RECOVERED, "{took:?}");
        until("/readyz says yes", || async { self.ops.get("/readyz").await.status == 200 }).await;
        for key in &self.keys {
            let answer = self.user.say(&format!("message of {key}")).key(key).await;
            assert!(matches!(answer.status, 200 | 201), "{answer}");
        }
        let chats = self.user.chats().await;
        let turns = chats[0]["conversation"].as_array().expect("turns").clone();
        for key in &self.keys {
            let said = json!(format!("message of {key}"));
            assert_eq!(turns.iter().filter(|turn| turn["You"] == said).count(), 1, "{key}");
        }
        assert!(turns.iter().all(|turn| turn["Bot"] != ""), "{turns:?}");
        assert_eq!(turns.len(), self.keys.len() + 2);
    }
}
