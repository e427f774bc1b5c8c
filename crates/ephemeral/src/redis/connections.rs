//! The connections of one process to Redis, with a time limit on every command and a breaker before all of them.

use super::breaker::Breaker;
use deadpool_redis::{Connection, Manager, Pool, Runtime};
use maru_domain::turns::ports::Spawner;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, IntoConnectionInfo, RedisError, RedisResult};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// A connection carries the commands of many requests at once, so a few are enough.
const SHARED: usize = 4;
/// How long making a connection may take. Requests do not wait for it longer than for a command.
const CONNECT: Duration = Duration::from_secs(1);

/// How Redis is used.
#[derive(Clone, Debug)]
pub struct RedisSettings {
    /// What every key and channel begins with: deployments that share a Redis have different ones.
    pub prefix: String,
    /// How long a command may take.
    pub patience: Duration,
    /// Another of the server's databases than the address names.
    pub database: Option<u8>,
}

impl RedisSettings {
    /// The design's figures under a prefix.
    #[must_use]
    pub fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), patience: Duration::from_millis(100), database: None }
    }
}

/// Not the address of a Redis.
#[derive(Debug, thiserror::Error)]
#[error("must be redis://[user:password@]host[:port][/database], or rediss:// for TLS")]
pub struct BadUrl;

/// The address without its password, for people to look at.
///
/// # Errors
/// When it is not the address of a Redis.
pub fn shown(url: &str) -> Result<String, BadUrl> {
    let info = url.into_connection_info().map_err(|_| BadUrl)?;
    Ok(format!("redis://{}/{}", info.addr(), info.redis_settings().db()))
}

/// Which connection a command takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// Any: commands of different requests need no order.
    Any,
    /// Notices, which keep the order in which they were told.
    Notices,
    /// Streams: long answers to requests must not hold them up.
    Streams,
}

/// One Redis, as this process reaches it.
pub struct Redis {
    client: Client,
    pool: Pool,
    places: [Place; SHARED + 2],
    next: AtomicUsize,
    breaker: Breaker,
    settings: RedisSettings,
    spawner: Arc<dyn Spawner>,
}

/// Where a connection is kept while it works.
#[derive(Default)]
struct Place {
    connection: watch::Sender<Option<Numbered>>,
    connecting: AtomicBool,
    made: AtomicUsize,
}

/// A connection and which one of its place it is, so that nobody throws away a newer one.
#[derive(Clone)]
struct Numbered {
    connection: MultiplexedConnection,
    number: usize,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Redis {
    /// Nothing is asked of Redis yet: connections are made as they are needed, by tasks of `spawner`.
    ///
    /// # Errors
    /// When `url` is not the address of a Redis.
    pub fn open(url: &str, settings: RedisSettings, spawner: Arc<dyn Spawner>) -> Result<Arc<Self>, BadUrl> {
        // rediss:// asks for the process's provider of TLS; it may be there already.
        rustls::crypto::ring::default_provider().install_default().ok();
        // The time limit of a command is ours, over everything that it takes.
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(None);
        let mut info = url.into_connection_info().map_err(|_| BadUrl)?;
        if let Some(database) = settings.database {
            let named = info.redis_settings().clone().set_db(i64::from(database));
            info = info.set_redis_settings(named);
        }
        let manager = Manager::new_with_config(info.clone(), config).map_err(|_| BadUrl)?;
        let pool = Pool::builder(manager)
            .max_size(SHARED + 2)
            .create_timeout(Some(CONNECT))
            .wait_timeout(Some(CONNECT))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|_| BadUrl)?;
        metrics::gauge!("maru_redis_up").set(1.0);
        Ok(Arc::new(Self {
            client: Client::open(info).map_err(|_| BadUrl)?,
            pool,
            places: Default::default(),
            next: AtomicUsize::new(0),
            breaker: Breaker::default(),
            settings,
            spawner,
        }))
    }

    /// False while nobody asks it because it did not answer.
    #[must_use]
    pub fn is_up(&self) -> bool {
        !self.breaker.is_open()
    }

    /// Asks it for a sign of life, for people who want to know; waits as long as for a connection.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub async fn ping(&self) -> Result<(), String> {
        let asked = async {
            let mut connection = self.pool.get().await.map_err(|error| error.to_string())?;
            let pong: RedisResult<String> = redis::cmd("PING").query_async(&mut connection).await;
            pong.map(drop).map_err(|error| error.to_string())
        };
        let answer = tokio::time::timeout(CONNECT, asked).await;
        answer.unwrap_or_else(|_| Err(format!("no answer within {CONNECT:?}")))
    }

    /// What eviction does when the memory is full, where Redis tells.
    pub async fn eviction(self: &Arc<Self>) -> Option<String> {
        self.ask(Lane::Any, |mut connection| async move {
            let told: Vec<String> =
                redis::cmd("CONFIG").arg("GET").arg("maxmemory-policy").query_async(&mut connection).await?;
            Ok(told.into_iter().nth(1))
        })
        .await
        .flatten()
    }

    /// Whether it is a master, a replica or a sentinel, in Redis' words, where it tells.
    pub async fn role(self: &Arc<Self>) -> Option<String> {
        self.ask(Lane::Any, |mut connection| async move {
            let told: Vec<redis::Value> = redis::cmd("ROLE").query_async(&mut connection).await?;
            told.into_iter().next().map(redis::from_redis_value).transpose().map_err(Into::into)
        })
        .await
        .flatten()
    }

    pub(super) fn key(&self, rest: impl fmt::Display) -> String {
        format!("{}:{rest}", self.settings.prefix)
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn spawner(&self) -> &Arc<dyn Spawner> {
        &self.spawner
    }

    /// What Redis answers; `None` when it does not, or not in time, or refuses. Never tried twice.
    pub(super) async fn ask<T, F>(
        self: &Arc<Self>,
        lane: Lane,
        call: impl FnOnce(MultiplexedConnection) -> F + Send,
    ) -> Option<T>
    where
        F: Future<Output = RedisResult<T>> + Send,
    {
        if !self.breaker.allows(Instant::now()) {
            return None;
        }
        let place = self.place(lane);
        let number = self.places.get(place)?.made.load(Ordering::Relaxed);
        let asked = async {
            let connection = self.connection(place).await?;
            Some(call(connection).await)
        };
        match tokio::time::timeout(self.settings.patience, asked).await {
            Ok(Some(Ok(answer))) => {
                self.answers();
                return Some(answer);
            }
            Ok(Some(Err(error))) if is_an_answer(&error) => {
                tracing::debug!(error = %error, "Redis refuses");
                metrics::counter!("maru_redis_errors_total", "kind" => "refused").increment(1);
                if matches!(error.code(), Some("READONLY" | "LOADING" | "MASTERDOWN" | "NOAUTH")) {
                    // Another server may stand under the name by now.
                    self.discard(place, number);
                }
                self.answers();
            }
            Ok(Some(Err(error))) => {
                self.discard(place, number);
                self.fails("broken", &error.to_string());
            }
            Ok(None) => self.fails("broken", "no connection"),
            Err(_) => {
                self.discard(place, number);
                self.fails("late", "no answer in time");
            }
        }
        None
    }

    fn place(&self, lane: Lane) -> usize {
        match lane {
            Lane::Any => self.next.fetch_add(1, Ordering::Relaxed) % SHARED,
            Lane::Notices => SHARED,
            Lane::Streams => SHARED + 1,
        }
    }

    /// The connection of a place; while there is none a task makes one, however long the caller waits.
    async fn connection(self: &Arc<Self>, at: usize) -> Option<MultiplexedConnection> {
        let place = self.places.get(at)?;
        let mut kept = place.connection.subscribe();
        if let Some(kept) = &*kept.borrow_and_update() {
            return Some(kept.connection.clone());
        }
        if !place.connecting.swap(true, Ordering::SeqCst) {
            let redis = Arc::clone(self);
            self.spawner.spawn(Box::pin(async move { redis.connect(at).await }));
        }
        let kept = kept.wait_for(Option::is_some).await.ok()?;
        kept.as_ref().map(|kept| kept.connection.clone())
    }

    async fn connect(&self, at: usize) {
        let Some(place) = self.places.get(at) else { return };
        match self.pool.get().await {
            Ok(connection) => {
                // Out of the pool: it is shared from now on, and thrown away when it breaks.
                let connection = Connection::take(connection);
                let number = place.made.fetch_add(1, Ordering::Relaxed) + 1;
                place.connection.send_replace(Some(Numbered { connection, number }));
                self.answers();
            }
            Err(error) => self.fails("broken", &error.to_string()),
        }
        place.connecting.store(false, Ordering::SeqCst);
    }

    fn discard(&self, at: usize, number: usize) {
        let Some(place) = self.places.get(at) else { return };
        place.connection.send_if_modified(|kept| {
            let is_that = kept.as_ref().is_some_and(|kept| kept.number == number);
            if is_that {
                *kept = None;
            }
            is_that
        });
    }

    pub(super) fn answers(&self) {
        if self.breaker.succeeded() {
            metrics::gauge!("maru_redis_up").set(1.0);
            tracing::info!("Redis answers again");
        }
    }

    fn fails(&self, kind: &'static str, why: &str) {
        metrics::counter!("maru_redis_errors_total", "kind" => kind).increment(1);
        if self.breaker.failed(Instant::now()) {
            metrics::gauge!("maru_redis_up").set(0.0);
            tracing::warn!(why, "Redis does not answer; going on without it");
        }
    }
}

/// True for errors that Redis itself has told: it lives and the connection is good.
fn is_an_answer(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::UnexpectedReturnType | ErrorKind::Parse
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        let cases = [
            ("redis://me:secret@db.example:7000/3", "redis://db.example:7000/3"),
            ("redis://127.0.0.1", "redis://127.0.0.1:6379/0"),
        ];
        for (url, expected) in cases {
            assert_eq!(shown(url).unwrap(), expected);
        }
        for url in ["", "localhost", "http://db", "redis://"] {
            assert!(shown(url).is_err(), "{url}");
        }
    }
}
