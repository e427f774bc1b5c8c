//! Redis is killed, refused, frozen, full, emptied, or can only be read: nobody notices but by a moment
//! (R13).

use super::{Behind, address_in, at};
use crate::native::sse;
use crate::support::{Backend, Http, Site, until};
use maru_testkit::proxy::{Proxy, Weather};
use maru_testkit::throwaway::Redis;
use maru_testkit::upstream::Script;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a fault lasts.
const AWAY: Duration = Duration::from_secs(6);
/// By then the breaker rests, and nobody waits for Redis any more.
const NOTICED: Duration = Duration::from_secs(2);
/// It is used again by then.
const USED_AGAIN: Duration = Duration::from_secs(10);

/// A server whose Redis is behind a proxy. In the order in which they may go.
struct Beside {
    site: Site,
    proxy: Proxy,
    redis: Redis,
}

impl Beside {
    async fn start() -> Self {
        let redis = tokio::task::spawn_blocking(Redis::start).await.expect("a thread").expect("Redis");
        let proxy = Proxy::before(address_in(&redis.url()));
        let url = at(&redis.url(), proxy.address());
        let site = Site::start(Backend::Postgres, &[("MARU__REDIS__URL", &url)]).await;
        until("Redis is used", || async { is_used(&site.http()).await }).await;
        Self { site, proxy, redis }
    }

    /// Everything works while a fault lasts, and Redis is used again when it is over.
    async fn outlives(&mut self, begin: impl FnOnce(&mut Self), end: impl FnOnce(&mut Self)) {
        let users = [self.site.user().await, self.site.user().await];
        let rooms = [room(&users[0], "slow").await, room(&users[1], "slow").await];
        self.site.upstream.script("slow", Script::tokens(160, 20));
        let [one, other] = [say(&users[0], &rooms[0]).await, say(&users[1], &rooms[1]).await];
        let over = AtomicBool::new(false);
        let reads = async {
            let before = Reads::of(&users[0], &rooms[0], NOTICED).await;
            begin(self);
            let first = Reads::of(&users[0], &rooms[0], NOTICED).await;
            let rest = Reads::of(&users[0], &rooms[0], AWAY - NOTICED).await;
            over.store(true, Ordering::SeqCst);
            (before, first, rest)
        };
        let writes = async {
            let mut count = 0;
            while !over.load(Ordering::SeqCst) {
                let key = format!("{count}");
                let answer = users[1].say(&format!("said {count}")).key(&key).await;
                assert!(matches!(answer.status, 200 | 201), "{answer}");
                count += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let chats = users[1].chats().await;
            let turns =
                chats.as_array().into_iter().flatten().flat_map(|chat| chat["conversation"].as_array());
            let said: Vec<Value> = turns.flatten().map(|turn| turn["You"].clone()).collect();
            for number in 0..count {
                let once = said.iter().filter(|text| **text == json!(format!("said {number}"))).count();
                assert_eq!(once, 1, "said {number}");
            }
            assert!(count > 0);
        };
        let ((before, first, rest), (), one, other) = tokio::join!(reads, writes, whole(one), whole(other));
        assert_eq!((one, other), (Script::text_of_tokens(160), Script::text_of_tokens(160)));
        println!("reads: {before:?} before, {first:?} at first, {rest:?} then");
        // Five commands of 100 ms each open the breaker; then nobody waits.
        assert!(first.slowest <= Duration::from_secs(3), "{first:?}");
        assert!(rest.median <= before.median * 2 + Duration::from_millis(50), "{before:?} {rest:?}");
        end(self);
        let back = Instant::now();
        until("Redis is used again", || async { is_used(&self.site.http()).await }).await;
        assert!(back.elapsed() <= USED_AGAIN, "{:?}", back.elapsed());
        assert_eq!(say_all(&users[0], &rooms[0], "after").await, "reply to: after");
    }
}

impl Drop for Beside {
    /// A frozen Redis could not be ended.
    fn drop(&mut self) {
        drop(self.redis.signal("CONT"));
    }
}

/// How long reads took; each must have worked.
#[derive(Debug)]
struct Reads {
    median: Duration,
    slowest: Duration,
}

impl Reads {
    async fn of(user: &Http, room: &Value, lasting: Duration) -> Self {
        let path = format!("/v1/rooms/{}/messages", room["id"].as_str().expect("an id"));
        let (began, mut took) = (Instant::now(), Vec::new());
        while began.elapsed() < lasting {
            let asked = Instant::now();
            user.get(&path).await.has_status(200);
            took.push(asked.elapsed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        took.sort();
        Self { median: took[took.len() / 2], slowest: took[took.len() - 1] }
    }
}

async fn is_used(http: &Http) -> bool {
    let ready = http.get("/readyz").await;
    ready.status == 200 && ready.json()["redis"] == "ok"
}

async fn room(user: &Http, model: &str) -> Value {
    let made = user.post("/v1/rooms").json(&json!({"model": format!("test/{model}")})).await;
    made.has_status(201).json()
}

async fn say(user: &Http, room: &Value) -> sse::Stream {
    let path = format!("/v1/rooms/{}/messages", room["id"].as_str().expect("an id"));
    let mut stream = sse::open(user, "POST", &path, &[], Some(json!({"content": "go"}))).await;
    stream.named("message").await;
    stream
}

async fn whole(stream: sse::Stream) -> String {
    let mut events = stream.rest().await;
    let done = events.pop().expect("an end");
    assert_eq!((done.event.as_str(), &done.data["status"]), ("done", &json!("completed")));
    let text = sse::text_of(&events, "");
    assert_eq!(done.data["reply"], json!(text));
    text
}

async fn say_all(user: &Http, room: &Value, content: &str) -> String {
    let path = format!("/v1/rooms/{}/messages", room["id"].as_str().expect("an id"));
    let body = json!({"content": content, "model": "test/echo"});
    let answer = user.post(&path).header("Prefer", "wait=30").json(&body).await;
    answer.has_status(200).string("/turn/reply")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_killed_is_done_without() {
    let mut beside = Beside::start().await;
    beside
        .outlives(
            |beside| beside.redis.kill9().expect("it dies"),
            |beside| beside.redis.restart().expect("it comes back"),
        )
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_frozen_is_done_without() {
    let mut beside = Beside::start().await;
    beside
        .outlives(
            |beside| beside.redis.signal("STOP").expect("it stops"),
            |beside| beside.redis.signal("CONT").expect("it goes on"),
        )
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_behind_a_lost_network_is_done_without() {
    let mut beside = Beside::start().await;
    for weather in [Weather::Blackhole, Weather::Refuse, Weather::Slow(Duration::from_millis(500))] {
        println!("{weather:?}");
        beside
            .outlives(|beside| beside.proxy.weather(weather), |beside| beside.proxy.weather(Weather::Fair))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_full_or_read_only_is_done_without() {
    // Redis looks at its memory when a script begins, so a little at a time.
    const FILL: &str = "for n = 1, 200 do redis.call('SET', KEYS[1] .. n, string.rep('x', 1000)) end";
    let mut beside = Beside::start().await;
    beside
        .outlives(
            |beside| {
                let told = |words: &[&str]| beside.redis.command(words).expect("an answer");
                told(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
                told(&["CONFIG", "SET", "maxmemory", "2mb"]);
                let is_full = |n: usize| told(&["EVAL", FILL, "1", &format!("fill{n}:")]).contains("OOM");
                assert!((0..100).any(is_full), "it is never full");
            },
            |beside| {
                let told = |words: &[&str]| beside.redis.command(words).expect("an answer");
                told(&["CONFIG", "SET", "maxmemory", "0"]);
                told(&["FLUSHALL"]);
            },
        )
        .await;
    beside
        .outlives(
            |beside| {
                // Of a primary that is not there: it serves what it has, and takes no writes.
                beside.redis.command(&["REPLICAOF", "127.0.0.1", "1"]).expect("an answer");
                let refused = beside.redis.command(&["SET", "x", "y"]).expect("an answer");
                assert!(refused.contains("READONLY"), "{refused}");
            },
            |beside| drop(beside.redis.command(&["REPLICAOF", "NO", "ONE"]).expect("an answer")),
        )
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_emptied_again_and_again_loses_nothing() {
    let beside = Beside::start().await;
    let user = beside.site.user().await;
    let made = room(&user, "flushed").await;
    beside.site.upstream.script("flushed", Script::tokens(100, 20));
    let stream = say(&user, &made).await;
    let done = AtomicBool::new(false);
    let flushes = async {
        while !done.load(Ordering::SeqCst) {
            beside.redis.command(&["FLUSHALL"]).expect("an answer");
            for n in 0..5 {
                user.say(&format!("said {n}")).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let told = async {
        let text = whole(stream).await;
        done.store(true, Ordering::SeqCst);
        text
    };
    let (text, ()) = tokio::join!(told, flushes);
    assert_eq!(text, Script::text_of_tokens(100));
    beside.site.http().get("/readyz").await.has_status(200);
    let path = format!("/v1/rooms/{}/messages", made["id"].as_str().expect("an id"));
    assert_eq!(user.get(&path).await.json()["data"][1]["content"], json!(text));
}

/// Both away at once, and both back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_and_postgres_all_is_refused_and_comes_back() {
    let redis = tokio::task::spawn_blocking(Redis::start).await.expect("a thread").expect("Redis");
    let proxy = Proxy::before(address_in(&redis.url()));
    let behind = Behind::start_beside(
        maru_testkit::throwaway::Postgres::shared().await,
        &at(&redis.url(), proxy.address()),
    )
    .await;
    let mut watcher = super::outage::Watcher::new(&behind.site).await;
    proxy.weather(Weather::Blackhole);
    behind.proxy.weather(Weather::Blackhole);
    watcher.refused_for(Duration::from_secs(4)).await;
    behind.proxy.weather(Weather::Fair);
    watcher.recovered().await;
}
