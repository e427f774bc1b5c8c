//! Throwaway servers from the machine's installed programs, and directories in memory.

#![expect(
    clippy::panic,
    reason = "test support: a test that cannot have its server stops with a message that says what to do"
)]
#![expect(clippy::disallowed_methods, reason = "test support: a database's name only has to be new")]

mod balancer;
mod cluster;
mod database;
mod installed;
mod redis;
#[cfg(test)]
mod tests;
mod watchdog;

pub use balancer::{Balancer, free_port};
pub use database::Database;
pub use redis::Redis;

use cluster::{Cluster, Durability};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The environment variable with an administrator's `postgres://…` URL of a server that several test processes share.
pub const SHARED_SERVER: &str = "MARU_TEST_PG";

/// The environment variable with the `redis://…` URL of a Redis that several test processes share.
pub const SHARED_REDIS: &str = "MARU_TEST_REDIS";

/// The Redis of this test run. Tests share it: each has key prefixes of its own.
///
/// # Panics
/// When there is none, with a message that names the command that starts one.
#[must_use]
pub fn redis_url() -> String {
    match std::env::var(SHARED_REDIS) {
        Ok(url) if !url.is_empty() => url,
        _ => panic!(
            "no Redis: run the tests with `scripts/with-servers COMMAND`, or set {SHARED_REDIS}=redis://…"
        ),
    }
}

/// Why there is no throwaway server.
#[derive(Debug)]
pub enum ThrowawayError {
    /// The programs are not installed.
    Missing,
    /// They are, and did not do as told; the text holds the end of their log.
    Failed(String),
}

impl fmt::Display for ThrowawayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(
                f,
                "PostgreSQL is not installed (looked in /usr/lib/postgresql/*/bin and on the PATH). Install it with \
                 `apt-get install postgresql`, or name a running server with {SHARED_SERVER}=postgres://…"
            ),
            Self::Failed(what) => write!(f, "the throwaway PostgreSQL failed: {what}"),
        }
    }
}

impl std::error::Error for ThrowawayError {}

/// A `PATH` on which PostgreSQL's own programs come first, for commands that a person would paste.
#[must_use]
pub fn postgres_path() -> std::ffi::OsString {
    installed::path()
}

/// A directory for a test's SQLite files, in memory where the machine has `/dev/shm`. Removed when dropped.
///
/// # Panics
/// When no directory can be made at all.
#[must_use]
pub fn sqlite_dir() -> tempfile::TempDir {
    temporary("maru-sqlite-").unwrap_or_else(|error| panic!("no temporary directory for SQLite: {error}"))
}

fn temporary(prefix: &str) -> std::io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    builder.tempdir_in("/dev/shm").or_else(|_| builder.tempdir())
}

/// A PostgreSQL server for tests: one of our own, or the one [`SHARED_SERVER`] names.
#[derive(Debug)]
pub struct Postgres {
    admin_url: String,
    psql: PathBuf,
    own: Option<Mutex<Cluster>>,
}

impl Postgres {
    /// The one server of this test process: started at the first call, gone with the process.
    ///
    /// # Panics
    /// Without PostgreSQL, with a message that names the command that installs it.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceLock<Result<Postgres, ThrowawayError>> = OnceLock::new();
        let start = || match std::env::var(SHARED_SERVER) {
            Ok(url) if !url.is_empty() => Self::running(url),
            _ => Self::start(),
        };
        match tokio::task::spawn_blocking(move || SHARED.get_or_init(start)).await {
            Ok(Ok(server)) => server,
            Ok(Err(error)) => panic!("{error}"),
            Err(error) => panic!("PostgreSQL was not started: {error}"),
        }
    }

    /// A server of its own in memory, without fsync: quick, and good for everything but its own crashes. Ends when dropped.
    /// Takes about two seconds; in async code call it from `spawn_blocking`.
    ///
    /// # Errors
    /// Without PostgreSQL, or when it does not come up.
    pub fn start() -> Result<Self, ThrowawayError> {
        Self::own_cluster(Durability::None)
    }

    /// A server of its own that keeps what it acknowledged, for [`Self::kill9`] and [`Self::restart`]. Ends when dropped.
    ///
    /// # Errors
    /// Without PostgreSQL, or when it does not come up.
    pub fn durable() -> Result<Self, ThrowawayError> {
        Self::own_cluster(Durability::Full)
    }

    /// A server that is there already.
    ///
    /// # Errors
    /// Without `psql`.
    pub fn running(admin_url: String) -> Result<Self, ThrowawayError> {
        Ok(Self { admin_url, psql: installed::psql()?, own: None })
    }

    /// A standby of this server, which must be a server of our own, from here on synchronous: what is
    /// acknowledged here is there, too. Takes some seconds; ends when dropped.
    ///
    /// # Errors
    /// When it does not come up, or never has all of it.
    pub async fn standby(&self) -> Result<Self, ThrowawayError> {
        let port = self.cluster()?.port;
        let made = tokio::task::spawn_blocking(move || Cluster::standby_of(port)).await;
        let cluster = made.map_err(|error| ThrowawayError::Failed(error.to_string()))??;
        for sql in ["ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"] {
            self.sql(sql).await?;
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'").await? != "1" {
            if Instant::now() > deadline {
                return Err(ThrowawayError::Failed("the standby does not follow".to_owned()));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let admin_url = format!("postgres://postgres@127.0.0.1:{}/postgres", cluster.port);
        Ok(Self { admin_url, psql: self.psql.clone(), own: Some(Mutex::new(cluster)) })
    }

    /// Makes a standby a server of its own; returns when it takes writes.
    ///
    /// # Errors
    /// When it is none, or does not.
    pub async fn promote(&self) -> Result<(), ThrowawayError> {
        self.sql("SELECT pg_promote()").await.map(drop)
    }

    async fn sql(&self, sql: &str) -> Result<String, ThrowawayError> {
        database::ask(&self.psql, &self.admin_url, sql).await
    }

    fn own_cluster(durability: Durability) -> Result<Self, ThrowawayError> {
        let psql = installed::psql()?;
        let cluster = Cluster::start(durability)?;
        let admin_url = format!("postgres://postgres@127.0.0.1:{}/postgres", cluster.port);
        Ok(Self { admin_url, psql, own: Some(Mutex::new(cluster)) })
    }

    /// The URL of the server's administrator.
    #[must_use]
    pub fn admin_url(&self) -> &str {
        &self.admin_url
    }

    /// The process id of a server of our own.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.cluster().ok().map(|cluster| cluster.pid())
    }

    /// Creates an empty database with a name of its own.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn database(&self) -> Database {
        let (psql, admin_url) = (self.psql.clone(), self.admin_url.clone());
        match tokio::task::spawn_blocking(move || Database::create(&psql, &admin_url)).await {
            Ok(Ok(database)) => database,
            Ok(Err(error)) => panic!("{error}"),
            Err(error) => panic!("no database was made: {error}"),
        }
    }

    /// `kill -9` to the server's first process, as a crash would.
    ///
    /// # Errors
    /// For a server that is not ours.
    pub fn kill9(&self) -> Result<(), ThrowawayError> {
        self.cluster()?.kill9()
    }

    /// Stops the server as `pg_ctl stop -m immediate` does: it recovers at its next start.
    ///
    /// # Errors
    /// For a server that is not ours.
    pub fn stop_immediately(&self) -> Result<(), ThrowawayError> {
        self.cluster()?.stop_immediately()
    }

    /// Starts the killed or stopped server again on the same data and port.
    ///
    /// # Errors
    /// For a server that is not ours, or when it does not come up.
    pub fn restart(&self) -> Result<(), ThrowawayError> {
        self.cluster()?.restart()
    }

    fn cluster(&self) -> Result<MutexGuard<'_, Cluster>, ThrowawayError> {
        let own = self
            .own
            .as_ref()
            .ok_or_else(|| ThrowawayError::Failed(format!("the server of {SHARED_SERVER} is not ours")))?;
        Ok(own.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
