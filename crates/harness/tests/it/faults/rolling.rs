//! Rolling restarts of two instances behind the balancer of `deploy/haproxy.cfg`, under load (R21): no
//! request fails, every stream is told to its end, and nothing is lost.

use crate::ainfo_rooms::client::{self, Socket};
use crate::native::sse;
use crate::support::{BINARY, Http, PASSWORD, beside_postgres, judge, name, until};
use maru_harness::history::History;
use maru_harness::history::writers::Writers;
use maru_harness::server::{Address, Launch, TestServer};
use maru_testkit::throwaway::{Balancer, Postgres, free_port};
use maru_testkit::upstream::{Script, Upstream};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How often each of the two is restarted.
const ROUNDS: usize = 2;
/// An instance has ended by then (R21).
const GONE: Duration = Duration::from_secs(30);
/// Tokens of a long reply, at 25 a second: about as long as a restart takes.
const TOKENS: u64 = 100;
const CONFIGURATION: &str = include_str!("../../../../../deploy/haproxy.cfg");

/// Two instances and what they stand on, in the order in which they may go.
struct Pair {
    balancer: Balancer,
    instances: Vec<TestServer>,
    upstream: Upstream,
    database: maru_testkit::throwaway::Database,
}

impl Pair {
    async fn start() -> Self {
        let database = Postgres::shared().await.database().await;
        let upstream = Upstream::start().await;
        upstream.script("long", Script::tokens(TOKENS, 25));
        let mut instances = Vec::new();
        let mut configuration = CONFIGURATION.to_owned();
        for service in ["maru-a:8080", "maru-b:8080"] {
            assert_eq!(configuration.matches(service).count(), 2, "{service} in both backends");
            // The balancer finds it there again after a restart.
            let address = format!("127.0.0.1:{}", free_port());
            configuration = configuration.replace(service, &address);
            let mut launch = Launch::new(BINARY).store(&database.url).arg("--bind").arg(address);
            for (name, value) in [
                ("MARU__LLM__MODEL", "test/echo".to_owned()),
                ("MARU__LLM__PROVIDERS__TEST__BASE_URL", upstream.base_url()),
                ("MARU__LIMITS__REGISTRATIONS_PER_HOUR", "1000000".to_owned()),
                ("MARU__SERVER__DRAIN_DELAY", "3s".to_owned()),
                ("MARU__SERVER__DRAIN_TIMEOUT", "15s".to_owned()),
            ] {
                launch = launch.env(name, value);
            }
            for (name, value) in beside_postgres(&database.url) {
                launch = launch.env(name, value);
            }
            instances.push(launch.start().await.expect("an instance"));
        }
        assert_eq!(configuration.matches("bind :8080").count(), 1);
        let balancer = tokio::task::spawn_blocking(move || Balancer::start(&configuration, "bind :8080"));
        let balancer = balancer.await.expect("a thread").expect("a balancer");
        let pair = Self { balancer, instances, upstream, database };
        until("the balancer finds both", || async { pair.http().get("/readyz").await.status == 200 }).await;
        pair
    }

    fn http(&self) -> Http {
        Http::to(&self.balancer.url())
    }

    async fn user(&self) -> Http {
        let body = json!({"username": name("user"), "password": PASSWORD});
        let answer = self.http().post("/v1/auth/register").json(&body).await;
        self.http().with_token(&answer.has_status(201).string("/token"))
    }

    /// Restarts one after the other, each when the one before is back. Answers how long each took to end.
    async fn roll(&mut self) -> Vec<Duration> {
        let mut took = Vec::new();
        for _ in 0..ROUNDS {
            for instance in &mut self.instances {
                let began = Instant::now();
                instance.terminate().expect("a signal");
                let status = instance.wait(GONE).await.expect("it ends");
                assert_eq!(status.code(), Some(0));
                took.push(began.elapsed());
                instance.restart().await.expect("it starts again");
                // Two good answers a second apart, and the balancer has it back.
                tokio::time::sleep(Duration::from_secs(3)).await;
            }
        }
        took
    }
}

/// What clients do while instances come and go. Any answer but the good one fails the test.
struct Load {
    over: AtomicBool,
    requests: AtomicUsize,
    streams: AtomicUsize,
    resumed: AtomicUsize,
}

impl Load {
    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::SeqCst)
    }

    /// Reads and writes without a key: what no balancer may repeat.
    async fn plain(&self, user: &Http) {
        let made = user.post("/v1/rooms").json(&json!({})).await.has_status(201).json();
        let path = format!("/v1/rooms/{}/messages", made["id"].as_str().expect("an id"));
        let mut count = 0;
        while self.goes_on() {
            let body = json!({"content": format!("said {count}"), "reply": count % 4 == 0});
            user.post(&path).json(&body).await.has_status(201);
            user.get(&format!("{path}?limit=5&order=desc")).await.has_status(200);
            count += 1;
            self.requests.fetch_add(2, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        let mut stored = Vec::new();
        let mut next = Some(format!("{path}?limit=200"));
        while let Some(page) = next {
            let page = user.get(&page).await.has_status(200).json();
            let messages = page["data"].as_array().expect("a page").clone();
            stored.extend(messages.into_iter().filter(|message| message["role"] == "user"));
            next = page["next"].as_str().map(|cursor| format!("{path}?limit=200&after={cursor}"));
        }
        let said: Vec<Value> = stored.iter().map(|message| message["content"].clone()).collect();
        let expected: Vec<Value> = (0..count).map(|n| json!(format!("said {n}"))).collect();
        assert_eq!(said, expected, "once each, in order");
    }

    /// Long replies, read as streams by two readers each. One that is cut off comes again with its place.
    async fn streaming(&self, user: &Http) {
        while self.goes_on() {
            let made =
                user.post("/v1/rooms").json(&json!({"model": "test/long"})).await.has_status(201).json();
            let path = format!("/v1/rooms/{}/messages", made["id"].as_str().expect("an id"));
            let sent = user.post(&path).json(&json!({"content": "go"})).await.has_status(201).json();
            let (one, other) = tokio::join!(self.read(user, &sent["turn"]), self.read(user, &sent["turn"]));
            let whole = Script::text_of_tokens(TOKENS);
            assert_eq!((one, other), (whole.clone(), whole));
            self.streams.fetch_add(2, Ordering::SeqCst);
        }
    }

    async fn read(&self, user: &Http, turn: &Value) -> String {
        let (mut text, mut place) = (String::new(), None::<String>);
        loop {
            let mut stream = sse::turn(user, turn, place.as_deref()).await;
            while let Some(event) = stream.next().await {
                place = event.id.clone().or(place);
                match event.event.as_str() {
                    "delta" => text += event.text(),
                    "reset" => event.text().clone_into(&mut text),
                    _ => {
                        let end = (&event.data["status"], &event.data["reply"]);
                        assert_eq!(end, (&json!("completed"), &json!(text)), "{event:?}");
                        return text;
                    }
                }
            }
            self.resumed.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The log of a room, followed over all restarts: every change once, in order.
    async fn following(&self, user: &Http) {
        let made = user.post("/v1/rooms").json(&json!({})).await.has_status(201).json();
        let path = format!("/v1/rooms/{}", made["id"].as_str().expect("an id"));
        let events = format!("{path}/events");
        let follow = async {
            let (mut seen, mut last) = (Vec::new(), "0".to_owned());
            loop {
                let headers = [("Last-Event-ID", last.as_str())];
                let mut stream = sse::open(user, "GET", &events, &headers, None).await;
                while let Some(event) = stream.next().await {
                    last = event.id.clone().expect("an id");
                    seen.push(last.parse::<u64>().expect("a number"));
                    if event.data["data"]["content"] == "the last" {
                        return seen;
                    }
                }
                self.resumed.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let write = async {
            while self.goes_on() {
                let body = json!({"content": "a change", "reply": false});
                user.post(&format!("{path}/messages")).json(&body).await.has_status(201);
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            let body = json!({"content": "the last", "reply": false});
            user.post(&format!("{path}/messages")).json(&body).await.has_status(201);
        };
        let (seen, ()) = tokio::join!(follow, write);
        let expected: Vec<u64> = (1..=seen.len() as u64).collect();
        assert_eq!(seen, expected, "every change once, in order");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_fails_no_request_and_ends_no_stream() {
    let mut pair = Pair::start().await;
    let users = [pair.user().await, pair.user().await, pair.user().await];
    let history = Arc::new(History::new());
    let address = Address::from(pair.balancer.url().as_str());
    let writers = Writers::start(&history, &address, &[1, 1]).await.expect("writers");
    let talker = pair.user().await;
    let room = client::open_with(&talker, "echo").await;
    assert_eq!(client::say(&talker, &room, "before").await, "reply to: before");
    let mut socket = Socket::to(&talker, &room).await;
    let load = Load {
        over: AtomicBool::new(false),
        requests: AtomicUsize::new(0),
        streams: AtomicUsize::new(0),
        resumed: AtomicUsize::new(0),
    };
    let rolling = async {
        let took = pair.roll().await;
        load.over.store(true, Ordering::SeqCst);
        took
    };
    let (took, (), (), (), code) = tokio::join!(
        rolling,
        load.plain(&users[0]),
        load.streaming(&users[1]),
        load.following(&users[2]),
        socket.close_code(),
    );
    assert_eq!(code, Some(1001), "a socket is told that its server goes away");
    assert_eq!(client::say(&talker, &room, "after").await, "reply to: after");
    println!(
        "ended after {took:?}; {} requests, {} streams, {} times resumed",
        load.requests.into_inner(),
        load.streams.into_inner(),
        load.resumed.load(Ordering::SeqCst)
    );
    assert!(load.resumed.into_inner() > 0, "no stream was ever cut off: nothing was tried");
    let failed = history.ops().iter().filter(|op| op.status != maru_harness::history::Status::Ok).count();
    assert_eq!(failed, 0, "messages with a key that were not answered at once");
    judge("rolling", &history, writers, &pair.database.url).await.expect("nothing is lost or doubled");
    drop(pair.upstream);
}
