//! A Redis that is not there costs time and nothing else.

use futures_util::StreamExt;
use maru_domain::accounts::ports::Limiter;
use maru_domain::events::ports::{Bus, Notice};
use maru_domain::ids::{KeyId, TurnId};
use maru_domain::pages::PageCache;
use maru_domain::turns::ports::StreamBuffer;
use maru_ephemeral::memory::StreamLimits;
use maru_ephemeral::redis::{Redis, RedisBus, RedisLimiter, RedisPages, RedisSettings, RedisStreams};
use maru_testkit::contracts::hand_clock::HandClock;
use maru_testkit::contracts::limiter::REQUESTS;
use maru_testkit::fakes::TaskSpawner;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Takes connections and never says a word.
struct Hung(TcpListener, String);

fn hung() -> Hung {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("redis://{}", listener.local_addr().expect("an address"));
    Hung(listener, url)
}

/// An address where nobody listens.
fn refused() -> String {
    let Hung(listener, url) = hung();
    drop(listener);
    url
}

fn redis(url: &str) -> Arc<Redis> {
    Redis::open(url, RedisSettings::new("test"), Arc::new(TaskSpawner::new())).expect("an address")
}

async fn everything_goes_on(url: &str) {
    let (redis, clock, began) = (redis(url), HandClock::new(), Instant::now());
    let pages = RedisPages::new(Arc::clone(&redis), 1024 * 1024);
    assert_eq!(pages.get("nothing".to_owned()).await, None);
    pages.put("page".to_owned(), Arc::from(*b"a page")).await;
    assert_eq!(pages.get("page".to_owned()).await.as_deref(), Some(&b"a page"[..]));

    let limiter = RedisLimiter::new(Arc::clone(&redis), clock.clone(), super::limits());
    for _ in 0..10 {
        assert_eq!(limiter.login("ann".to_owned()).await, Ok(()));
        limiter.login_failed("ann".to_owned()).await;
    }
    assert_eq!(limiter.login("ann".to_owned()).await, Err(Duration::from_secs(1)), "guessing is not free");
    for _ in 0..100 {
        assert_eq!(limiter.registration("192.0.2.1".to_owned()).await, Ok(()));
    }
    assert!(limiter.registration("192.0.2.1".to_owned()).await.is_err());

    let key = KeyId(Uuid::from_u128(1));
    for _ in 0..REQUESTS {
        assert_eq!(limiter.request(key).await, Ok(()));
    }
    assert_eq!(limiter.request(key).await, Err(Duration::from_secs(60)), "counted here");

    let bus = RedisBus::new(Arc::clone(&redis), Uuid::from_u128(1));
    let mut heard = bus.listen();
    let cancel = Notice::Cancel(TurnId(Uuid::from_u128(1)));
    bus.publish(cancel.clone()).await;
    assert_eq!(heard.next().await, Some(cancel));

    let stopping = CancellationToken::new();
    let streams = RedisStreams::new(Arc::clone(&redis), clock, StreamLimits::default(), stopping.clone());
    let (turn, other) = (TurnId(Uuid::from_u128(1)), TurnId(Uuid::from_u128(2)));
    streams.open(turn, 1).await;
    streams.append(turn, 1, 1, Arc::from("a")).await;
    let held = streams.read(turn, 0).await.expect("what runs here is known here");
    assert_eq!((held.last, held.closed), (1, false));
    streams.close(turn, 1).await;
    assert!(streams.read(turn, 0).await.is_some_and(|held| held.closed));
    assert_eq!(streams.read(other, 0).await, None);
    streams.close(other, 1).await;
    streams.changed(other, 0).await;
    stopping.cancel();

    assert!(!redis.is_up());
    // Hundreds of commands, and but for the first five and a trial now and then none has waited.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn nobody_needs_a_redis_that_refuses() {
    everything_goes_on(&refused()).await;
}

#[tokio::test]
async fn nobody_needs_a_redis_that_is_silent() {
    let Hung(listener, url) = hung();
    everything_goes_on(&url).await;
    drop(listener);
}
