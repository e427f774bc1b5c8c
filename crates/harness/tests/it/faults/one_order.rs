//! One order for a room, whoever reads it and however (R5): JSON pages, the room's log as pages and as a stream,
//! sockets and the streams of turns, over two instances whose links and processes fail all the while.

mod readers;
mod shaky;
mod writers;

use super::{address_in, at};
use crate::support::{BINARY, Http, PASSWORD, SHARED_SECRET, beside_postgres, name};
use maru_harness::history::{History, check, check_logs, summary};
use maru_harness::server::{Launch, TestServer};
use maru_testkit::proxy::{Proxy, Weather};
use maru_testkit::throwaway::{Database, Postgres, Redis};
use maru_testkit::upstream::{Script, Upstream};
use readers::{Readers, Told};
use serde_json::json;
use shaky::Shaky;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// So much must have been seen, all readers together.
const OBSERVED: usize = 50_000;
/// By then it must have been, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(300);
/// The faults come one after the other, this often.
const PAUSE: Duration = Duration::from_millis(700);
/// Tokens of a long reply, at 50 a second: longer than the pause between two faults.
const TOKENS: u64 = 100;

/// Two instances, each behind a proxy for its clients and one for its Redis. In the order in which they may go.
struct Pair {
    instances: Vec<TestServer>,
    clients: Vec<Proxy>,
    to_redis: Proxy,
    redis: Redis,
    _upstream: Upstream,
    _database: Database,
}

impl Pair {
    async fn start() -> Self {
        let database = Postgres::shared().await.database().await;
        let redis = tokio::task::spawn_blocking(Redis::start).await.expect("a thread").expect("Redis");
        let to_redis = Proxy::before(address_in(&redis.url()));
        let upstream = Upstream::start().await;
        upstream.script("long", Script::tokens(TOKENS, 50));
        let (mut instances, mut clients) = (Vec::new(), Vec::new());
        for _ in 0..2 {
            let mut launch = Launch::new(BINARY).store(&database.url).address(&"".into());
            for (name, value) in beside_postgres(&database.url) {
                launch = launch.env(name, value);
            }
            for (name, value) in [
                ("MARU__REDIS__URL", at(&redis.url(), to_redis.address())),
                ("MARU__AUTH__SECRET", SHARED_SECRET.to_owned()),
                ("MARU__LLM__MODEL", "test/echo".to_owned()),
                ("MARU__LLM__PROVIDERS__TEST__BASE_URL", upstream.base_url()),
                ("MARU__LIMITS__REGISTRATIONS_PER_HOUR", "1000000".to_owned()),
            ] {
                launch = launch.env(name, value);
            }
            let instance = launch.start().await.expect("an instance");
            clients.push(Proxy::before(address_in(&instance.base_url())));
            instances.push(instance);
        }
        Self { instances, clients, to_redis, redis, _upstream: upstream, _database: database }
    }

    /// A client of both, over their proxies.
    async fn user(&self) -> Shaky {
        let body = json!({"username": name("user"), "password": PASSWORD});
        let http = Http::to(&self.instances[0].base_url());
        let token = http.post("/v1/auth/register").json(&body).await.has_status(201).string("/token");
        Shaky::of(self.clients.iter().map(|proxy| format!("http://{}", proxy.address())).collect(), &token)
    }

    /// One fault after the other until enough was seen: cuts of clients and of Redis, a Redis that swallows or forgets,
    /// an instance that freezes, one that is killed and comes again. Answers how many of these there were.
    async fn suffers(&mut self, seen: &AtomicUsize) -> usize {
        let (began, mut faults) = (Instant::now(), 0);
        // All of them at least once, however quickly the others see what they must.
        while seen.load(Ordering::Relaxed) < OBSERVED || faults < 14 {
            assert!(began.elapsed() < PATIENCE, "only {} were seen", seen.load(Ordering::Relaxed));
            let one = faults / 7 % 2;
            match faults % 7 {
                0 | 3 => self.clients[faults % 2].cut(),
                1 => self.to_redis.cut(),
                2 => drop(self.redis.command(&["FLUSHALL"]).expect("an answer")),
                4 => {
                    self.to_redis.weather(Weather::Blackhole);
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    self.to_redis.weather(Weather::Fair);
                }
                5 => {
                    self.instances[one].signal("STOP").expect("a signal");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    self.instances[one].signal("CONT").expect("a signal");
                }
                _ => {
                    self.instances[one].kill9().expect("a kill");
                    self.instances[one].restart().await.expect("it starts again");
                    self.clients[one].aim(address_in(&self.instances[one].base_url()));
                }
            }
            faults += 1;
            tokio::time::sleep(PAUSE).await;
        }
        faults
    }
}

/// What a test of readers and faults shares.
struct Shared {
    history: History,
    seen: AtomicUsize,
    /// No writer begins anything more.
    over: AtomicBool,
    /// All writers have ended, and every turn too.
    quiet: AtomicBool,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            history: History::new(),
            seen: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            quiet: AtomicBool::new(false),
        })
    }

    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::SeqCst)
    }

    fn is_quiet(&self) -> bool {
        self.quiet.load(Ordering::SeqCst)
    }

    fn saw(&self, count: usize) {
        self.seen.fetch_add(count, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_reader_is_told_one_order() {
    let began = Instant::now();
    let mut pair = Pair::start().await;
    let shared = Shared::new();
    let mut readers = Readers::new(&shared);
    for number in 0..2 {
        readers.quick_room(&pair.user().await, &format!("quick{number}")).await;
        readers.slow_room(&pair.user().await, &format!("slow{number}")).await;
    }
    let faults = pair.suffers(&shared.seen).await;
    let Told { logs, streams } = readers.end().await;
    let mut anomalies = check(&shared.history.ops());
    anomalies.extend(check_logs(&logs));
    println!(
        "{} seen in {:?} under {faults} faults: {} in logs, {streams} streams of turns; {}",
        shared.seen.load(Ordering::Relaxed),
        began.elapsed(),
        logs.iter().map(|log| log.events.len()).sum::<usize>(),
        summary(&anomalies),
    );
    if !anomalies.is_empty() {
        let file = std::env::temp_dir().join(format!("maru-one-order-{}.jsonl", std::process::id()));
        shared.history.save(&file).expect("a file");
        panic!("{}\nthe history is in {}", summary(&anomalies), file.display());
    }
    assert!(streams > 0 && logs.iter().all(|log| !log.events.is_empty()), "a transport told nothing");
}
