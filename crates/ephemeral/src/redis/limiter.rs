//! Counted attempts, shared by all instances.

use super::connections::{Lane, Redis};
use crate::memory::{LimiterSettings, MemoryLimiter, network};
use async_trait::async_trait;
use maru_domain::accounts::ports::Limiter;
use maru_domain::clock::Clock;
use maru_domain::ids::KeyId;
use redis::Script;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
/// A name without a failure for this long begins anew.
const REMEMBERED: Duration = Duration::from_hours(24);
/// A try holds its name for this long, unless its outcome comes first: as in the memory of one process.
const HELD: Duration = Duration::from_secs(5);

static LOGIN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("limiter/login.lua")));
static LOGIN_FAILED: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("limiter/login_failed.lua")));
static REGISTRATION: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("limiter/registration.lua")));
static REQUEST: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("limiter/request.lua")));

/// Counts the attempts that reach any instance. What reaches this one is counted in its own memory too, and that
/// decides while Redis is away: guessing is never free.
///
/// Times are those of the instances' clocks, which agree to the second where they are kept at all.
pub struct RedisLimiter {
    redis: Arc<Redis>,
    here: MemoryLimiter,
    clock: Arc<dyn Clock>,
    settings: LimiterSettings,
}

impl RedisLimiter {
    /// A limiter that counts in `redis`.
    #[must_use]
    pub fn new(redis: Arc<Redis>, clock: Arc<dyn Clock>, settings: LimiterSettings) -> Self {
        Self { redis, here: MemoryLimiter::new(Arc::clone(&clock), settings), clock, settings }
    }

    /// Runs a script on the count of a name; `None` when Redis is away.
    async fn count(&self, script: &Script, what: &str, name: &str, numbers: &[u64]) -> Option<Duration> {
        // As long for every name, whatever a client sends.
        let key = self.redis.key(format_args!("{what}:{}", Hex(&Sha256::digest(name.as_bytes()))));
        let mut call = script.key(key);
        call.arg(self.clock.now().as_millisecond());
        for number in numbers {
            call.arg(*number);
        }
        let call = &call;
        let wait = self
            .redis
            .ask(Lane::Any, |mut connection| async move { call.invoke_async::<u64>(&mut connection).await });
        wait.await.map(Duration::from_millis)
    }

    fn waits(&self) -> [u64; 3] {
        let LimiterSettings { free_logins, first_wait, longest_wait, .. } = self.settings;
        [u64::from(free_logins.max(1)), millis(first_wait), millis(longest_wait)]
    }
}

impl fmt::Debug for RedisLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLimiter").finish_non_exhaustive()
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn allowed(wait: Duration) -> Result<(), Duration> {
    if wait.is_zero() { Ok(()) } else { Err(wait) }
}

struct Hex<'b>(&'b [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[async_trait]
impl Limiter for RedisLimiter {
    async fn registration(&self, address: String) -> Result<(), Duration> {
        if self.settings.registrations_per_hour == 0 {
            return Err(HOUR);
        }
        let per_hour = u64::try_from(self.settings.registrations_per_hour).unwrap_or(u64::MAX);
        let numbers = [per_hour, millis(HOUR)];
        let wait = self.count(&REGISTRATION, "registrations", &network(&address), &numbers).await;
        let here = self.here.registration(address).await;
        wait.map_or(here, allowed)
    }

    async fn login(&self, username: String) -> Result<(), Duration> {
        let [free, first, longest] = self.waits();
        match self.count(&LOGIN, "login", &username, &[free, first, longest, millis(HELD)]).await {
            Some(wait) => allowed(wait),
            None => self.here.login(username).await,
        }
    }

    async fn login_failed(&self, username: String) {
        let [free, first, longest] = self.waits();
        self.count(&LOGIN_FAILED, "login", &username, &[free, first, longest, millis(REMEMBERED)]).await;
        self.here.login_failed(username).await;
    }

    async fn login_succeeded(&self, username: String) {
        let key = self.redis.key(format_args!("login:{}", Hex(&Sha256::digest(username.as_bytes()))));
        let forgotten = self.redis.ask(Lane::Any, |mut connection| async move {
            redis::cmd("DEL").arg(key).query_async::<()>(&mut connection).await
        });
        forgotten.await;
        self.here.login_succeeded(username).await;
    }

    fn counts_requests(&self) -> bool {
        self.here.counts_requests()
    }

    async fn request(&self, key: KeyId) -> Result<(), Duration> {
        let numbers = [u64::from(self.settings.requests_per_key), millis(MINUTE)];
        let wait = self.count(&REQUEST, "requests", &key.to_string(), &numbers).await;
        let here = self.here.request(key).await;
        wait.map_or(here, allowed)
    }
}
