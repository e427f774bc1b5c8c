//! Two processes as one adapter: what is written by one is read by the other, so that nothing is right only because it
//! never left the first.

use super::shared_redis::{prefix, redis_of};
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use maru_domain::accounts::ports::Limiter;
use maru_domain::events::ports::{Bus, Notice};
use maru_domain::ids::{KeyId, TurnId};
use maru_domain::pages::PageCache;
use maru_domain::turns::ports::{Buffered, StreamBuffer};
use maru_ephemeral::memory::StreamLimits;
use maru_ephemeral::redis::{RedisBus, RedisLimiter, RedisPages, RedisStreams};
use maru_testkit::contracts::hand_clock::HandClock;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The one writes or tells, the other reads or listens.
pub struct Pair<T> {
    one: T,
    other: T,
    turn: AtomicUsize,
}

impl<T> Pair<T> {
    fn of(mut make: impl FnMut(&str) -> T) -> Self {
        let prefix = prefix();
        Self { one: make(&prefix), other: make(&prefix), turn: AtomicUsize::new(0) }
    }

    /// The one and the other by turns.
    fn either(&self) -> &T {
        if self.turn.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) { &self.one } else { &self.other }
    }
}

pub fn pages() -> Pair<RedisPages> {
    Pair::of(|prefix| RedisPages::new(redis_of(prefix), 1024 * 1024))
}

pub fn bus() -> Pair<RedisBus> {
    let mut origin = 0;
    Pair::of(|prefix| {
        origin += 1;
        RedisBus::new(redis_of(prefix), Uuid::from_u128(origin))
    })
}

pub fn limiter(clock: &Arc<HandClock>) -> Pair<RedisLimiter> {
    Pair::of(|prefix| RedisLimiter::new(redis_of(prefix), clock.clone(), super::limits()))
}

pub fn streams(clock: &Arc<HandClock>) -> Pair<RedisStreams> {
    Pair::of(|prefix| {
        let limits = StreamLimits::default();
        RedisStreams::new(redis_of(prefix), clock.clone(), limits, CancellationToken::new())
    })
}

#[async_trait]
impl PageCache for Pair<RedisPages> {
    async fn get(&self, key: String) -> Option<Arc<[u8]>> {
        self.other.get(key).await
    }

    async fn put(&self, key: String, page: Arc<[u8]>) {
        // A page never changes under its key; a test that changes one must not find the copy of a reader.
        self.other.forget(key.clone()).await;
        self.one.put(key, page).await;
    }

    async fn forget(&self, key: String) {
        self.other.forget(key).await;
    }
}

#[async_trait]
impl Bus for Pair<RedisBus> {
    async fn publish(&self, notice: Notice) {
        self.one.publish(notice).await;
    }

    fn listen(&self) -> BoxStream<'static, Notice> {
        self.other.listen()
    }
}

#[async_trait]
impl Limiter for Pair<RedisLimiter> {
    async fn registration(&self, address: String) -> Result<(), Duration> {
        self.either().registration(address).await
    }

    async fn login(&self, username: String) -> Result<(), Duration> {
        self.either().login(username).await
    }

    async fn login_failed(&self, username: String) {
        self.either().login_failed(username).await;
    }

    async fn login_succeeded(&self, username: String) {
        self.either().login_succeeded(username).await;
    }

    fn counts_requests(&self) -> bool {
        self.one.counts_requests()
    }

    async fn request(&self, key: KeyId) -> Result<(), Duration> {
        self.either().request(key).await
    }
}

#[async_trait]
impl StreamBuffer for Pair<RedisStreams> {
    async fn open(&self, turn: TurnId, fence: i64) {
        self.one.open(turn, fence).await;
        self.one.settled().await;
    }

    async fn append(&self, turn: TurnId, fence: i64, n: u64, text: Arc<str>) {
        self.one.append(turn, fence, n, text).await;
        self.one.settled().await;
    }

    async fn close(&self, turn: TurnId, fence: i64) {
        self.one.close(turn, fence).await;
        self.one.settled().await;
    }

    async fn read(&self, turn: TurnId, after: u64) -> Option<Buffered> {
        self.other.settled().await;
        self.other.read(turn, after).await
    }

    async fn changed(&self, turn: TurnId, after: u64) {
        // Whoever waits has read before.
        self.other.read(turn, after).await;
        self.other.changed(turn, after).await;
    }
}
