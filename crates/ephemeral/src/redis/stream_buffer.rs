//! The streams of running turns, and of those that ended a moment ago, one Redis Stream for each turn.
//!
//! The instance that runs a turn keeps its stream in its own memory, reads it there, and copies it to Redis beside
//! that: Redis holds up nobody here. Other instances follow all streams that they have readers for with one command,
//! every few milliseconds. When Redis is away they know of no stream, and the store tells the text.

mod entries;
mod mirrors;

use super::connections::{Lane, Redis};
use crate::memory::{MemoryStreams, StreamLimits};
use async_trait::async_trait;
use entries::{Raw, entry, named, whole};
use maru_domain::clock::Clock;
use maru_domain::ids::TurnId;
use maru_domain::turns::ports::{Buffered, StreamBuffer};
use mirrors::{Mirror, Mirrors};
use redis::Script;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// News of other instances' turns is fetched this often while somebody reads them.
const FOLLOW: Duration = Duration::from_millis(20);
/// What Redis did not take is offered again after this long.
const AGAIN: Duration = Duration::from_millis(500);
/// So many deltas go to Redis in one command at most.
const BATCH: usize = 500;
/// So many entries a stream may have; more than a turn of ten minutes makes.
const ENTRIES: u64 = 40_000;
/// A running stream expires this long after its last delta: longer than any pause, so that what nobody ends goes too.
const RUNNING: Duration = Duration::from_hours(1);

static APPEND: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("stream_buffer/append.lua")));
static CLOSE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("stream_buffer/close.lua")));

/// Streams that any instance can read.
#[derive(Clone)]
pub struct RedisStreams {
    inner: Arc<Inner>,
}

struct Inner {
    redis: Arc<Redis>,
    here: MemoryStreams,
    kept: Duration,
    mirrors: Mirrors,
    copies: Mutex<HashMap<TurnId, Copying>>,
    /// Told whenever a copy has come to rest.
    rests: Notify,
    stopping: CancellationToken,
}

/// How far Redis has a stream that runs here.
#[derive(Clone, Copy)]
struct Copying {
    fence: i64,
    /// The last delta that Redis holds; nothing before the stream was begun there.
    held: Option<u64>,
    running: bool,
    /// There is news since the copy was begun.
    again: bool,
}

enum Copied {
    /// Redis has everything, or wants nothing of it.
    All,
    /// There is more to copy.
    More,
    /// No more will come.
    End,
    /// Redis is away.
    Failed,
}

impl fmt::Debug for RedisStreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStreams").finish_non_exhaustive()
    }
}

impl RedisStreams {
    /// Streams in `redis`; work beside requests ends when `stopping` says so.
    #[must_use]
    pub fn new(
        redis: Arc<Redis>,
        clock: Arc<dyn Clock>,
        limits: StreamLimits,
        stopping: CancellationToken,
    ) -> Self {
        let inner = Inner {
            redis,
            here: MemoryStreams::new(clock, limits),
            kept: limits.kept,
            mirrors: Mirrors::default(),
            copies: Mutex::default(),
            rests: Notify::new(),
            stopping,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Returns when everything that was said here is in Redis, and what Redis holds of followed streams is here.
    pub async fn settled(&self) {
        loop {
            let rests = self.inner.rests.notified();
            if !self.inner.copies().values().any(|copy| copy.running) {
                break;
            }
            rests.await;
        }
        self.inner.fetch_news(&self.inner.mirrors.all()).await;
    }
}

impl Inner {
    fn copies(&self) -> MutexGuard<'_, HashMap<TurnId, Copying>> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, turn: TurnId) -> String {
        self.redis.key(format_args!("turn:{}", turn.0))
    }

    /// There is news of a turn that runs here.
    fn copy(self: &Arc<Self>, turn: TurnId, fence: i64) {
        let mut copies = self.copies();
        let new = Copying { fence, held: None, running: false, again: false };
        let copying = copies.entry(turn).or_insert(new);
        if copying.fence < fence {
            (copying.fence, copying.held) = (fence, None);
        }
        copying.again = true;
        if std::mem::replace(&mut copying.running, true) {
            return;
        }
        drop(copies);
        let inner = Arc::clone(self);
        self.redis.spawner().spawn(Box::pin(async move { inner.copy_all(turn).await }));
    }

    async fn copy_all(self: Arc<Self>, turn: TurnId) {
        while let Some(copying) = self.begin_copy(turn) {
            let (copied, held) = self.copy_some(turn, copying).await;
            let goes_on = self.end_copy(turn, copying.fence, &copied, held);
            if matches!(copied, Copied::Failed) {
                tokio::select! {
                    () = self.stopping.cancelled() => break,
                    () = tokio::time::sleep(AGAIN) => {}
                }
            } else if !goes_on {
                break;
            }
        }
        self.rests.notify_waiters();
    }

    fn begin_copy(&self, turn: TurnId) -> Option<Copying> {
        let mut copies = self.copies();
        let copying = copies.get_mut(&turn)?;
        copying.again = false;
        Some(*copying)
    }

    /// Notes how far a copy has come; false when there is nothing more to do.
    fn end_copy(&self, turn: TurnId, fence: i64, copied: &Copied, held: Option<u64>) -> bool {
        let mut copies = self.copies();
        let Some(copying) = copies.get_mut(&turn) else { return false };
        if copying.fence != fence {
            // Begun anew meanwhile.
            return true;
        }
        copying.held = held;
        match copied {
            Copied::End => {
                copies.remove(&turn);
                false
            }
            Copied::All => {
                copying.running = copying.again;
                copying.running
            }
            Copied::More | Copied::Failed => true,
        }
    }

    async fn copy_some(self: &Arc<Self>, turn: TurnId, copying: Copying) -> (Copied, Option<u64>) {
        let Copying { fence, held, .. } = copying;
        let Some(said) = self.here.read(turn, held.unwrap_or_default()).await else {
            return (Copied::End, held);
        };
        if said.fence != fence {
            // The note of the newer run is on its way.
            return (if said.fence > fence { Copied::All } else { Copied::End }, held);
        }
        let after = held.unwrap_or_default().max(said.first - 1);
        let given = said.deltas.len().min(BATCH);
        let last = said.closed && given == said.deltas.len();
        if given == 0 && !last && held.is_some() {
            return (Copied::All, held);
        }
        let expires = if last { self.kept } else { RUNNING };
        let mut call = APPEND.key(self.key(turn));
        call.arg(named(fence)).arg(after + 1).arg(u8::from(after + 1 == said.first)).arg(u8::from(last));
        call.arg(expires.as_secs()).arg(ENTRIES);
        for (_, text) in said.deltas.iter().take(given) {
            call.arg(text.as_bytes());
        }
        let call = &call;
        let answer = self.redis.ask(Lane::Streams, |mut connection| async move {
            call.invoke_async::<i64>(&mut connection).await
        });
        let expected = after + given as u64;
        match answer.await {
            None => (Copied::Failed, held),
            Some(-1) => (Copied::End, held),
            Some(-2) => (Copied::More, None),
            Some(now) => {
                let now = u64::try_from(now).unwrap_or_default();
                let copied = match (now >= expected, last) {
                    (true, true) => Copied::End,
                    (true, false) if given == said.deltas.len() => Copied::All,
                    _ => Copied::More,
                };
                (copied, Some(now))
            }
        }
    }

    /// What Redis holds of a turn that runs elsewhere.
    async fn far(self: &Arc<Self>, turn: TurnId, after: u64) -> Option<Buffered> {
        if let Some(mirror) = self.mirrors.find(turn) {
            return Some(mirror.read(after));
        }
        let key = self.key(turn);
        let found = self.redis.ask(Lane::Any, |mut connection| async move {
            redis::cmd("XRANGE").arg(key).arg("-").arg("+").query_async::<Vec<Raw>>(&mut connection).await
        });
        let mut held = whole(found.await?)?;
        if !held.closed && self.mirrors.keep(turn, &held) {
            let inner = Arc::clone(self);
            self.redis.spawner().spawn(Box::pin(async move { inner.follow().await }));
        }
        held.deltas.retain(|(n, _)| *n > after);
        Some(held)
    }

    /// The fence of the latest run that Redis knows of.
    async fn far_fence(&self, turn: TurnId) -> Option<i64> {
        let key = self.key(turn);
        let top = self.redis.ask(Lane::Any, |mut connection| async move {
            let mut top = redis::cmd("XREVRANGE");
            top.arg(key).arg("+").arg("-").arg("COUNT").arg(1);
            top.query_async::<Vec<Raw>>(&mut connection).await
        });
        top.await?.into_iter().find_map(entry).map(|entry| entry.fence)
    }

    /// Brings news of other instances' turns, for as long as somebody here reads them.
    async fn follow(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.stopping.cancelled() => return,
                () = tokio::time::sleep(FOLLOW) => {}
            }
            let mirrors = self.mirrors.read_ones();
            if mirrors.is_empty() {
                return;
            }
            self.fetch_news(&mirrors).await;
        }
    }

    async fn fetch_news(&self, mirrors: &[(TurnId, Arc<Mirror>)]) {
        if mirrors.is_empty() {
            return;
        }
        let keys: HashMap<String, &(TurnId, Arc<Mirror>)> =
            mirrors.iter().map(|mirror| (self.key(mirror.0), mirror)).collect();
        let mut read = redis::cmd("XREAD");
        read.arg("STREAMS");
        for key in keys.keys() {
            read.arg(key);
        }
        for (_, mirror) in keys.values() {
            let (fence, n) = mirror.at();
            read.arg(format!("{}-{n}", named(fence)));
        }
        let read = &read;
        let news = self.redis.ask(Lane::Streams, |mut connection| async move {
            read.query_async::<Option<Vec<(String, Vec<Raw>)>>>(&mut connection).await
        });
        let Some(news) = news.await else {
            // Nobody waits for news that cannot come: the store tells.
            return self.mirrors.forget_all();
        };
        for (key, entries) in news.into_iter().flatten() {
            if let Some((_, mirror)) = keys.get(&key) {
                entries.into_iter().filter_map(entry).for_each(|entry| mirror.take(entry));
            }
        }
        self.look_after(mirrors).await;
    }

    /// Lets go of streams that Redis has lost.
    async fn look_after(&self, mirrors: &[(TurnId, Arc<Mirror>)]) {
        for (turn, mirror) in mirrors.iter().filter(|(_, mirror)| mirror.is_silent()) {
            match self.far_fence(*turn).await {
                Some(_) => mirror.lives(),
                None => self.mirrors.forget(*turn),
            }
        }
    }
}

#[async_trait]
impl StreamBuffer for RedisStreams {
    async fn open(&self, turn: TurnId, fence: i64) {
        self.inner.here.open(turn, fence).await;
        // Its readers read here from now on.
        self.inner.mirrors.forget(turn);
        self.inner.copy(turn, fence);
    }

    async fn append(&self, turn: TurnId, fence: i64, n: u64, text: Arc<str>) {
        self.inner.here.append(turn, fence, n, text).await;
        if self.inner.here.is_open(turn) {
            self.inner.copy(turn, fence);
        }
    }

    async fn close(&self, turn: TurnId, fence: i64) {
        self.inner.here.close(turn, fence).await;
        if self.inner.here.knows(turn) {
            return self.inner.copy(turn, fence);
        }
        // Whoever ran it may be dead, and its readers wait for more.
        let call = &mut CLOSE.key(self.inner.key(turn));
        call.arg(named(fence)).arg(self.inner.kept.as_secs());
        let call = &*call;
        let closed = self.inner.redis.ask(Lane::Streams, |mut connection| async move {
            call.invoke_async::<i64>(&mut connection).await
        });
        closed.await;
    }

    async fn read(&self, turn: TurnId, after: u64) -> Option<Buffered> {
        let here = self.inner.here.read(turn, after).await;
        let Some(here) = here else { return self.inner.far(turn, after).await };
        // One that has ended here may have been taken over.
        if here.closed && self.inner.far_fence(turn).await.is_some_and(|fence| fence > here.fence) {
            let far = self.inner.far(turn, after).await;
            return Some(far.filter(|far| far.fence > here.fence).unwrap_or(here));
        }
        Some(here)
    }

    async fn changed(&self, turn: TurnId, after: u64) {
        if self.inner.here.is_open(turn) {
            return self.inner.here.changed(turn, after).await;
        }
        if let Some(mirror) = self.inner.mirrors.find(turn) {
            mirror.stream.changed(after).await;
        }
    }
}
