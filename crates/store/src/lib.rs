//! What must survive: the durable ports on SQLite and on PostgreSQL, from one query source.
//!
//! `shared/<table>.rs` holds every query once. Both backends mount the same files and supply
//! `Conn`, `Db` and `Store`, whose `write` is one transaction (ADR 0001, 0002).
//!
//! What may be awaited from outside is a boxed future: an `async fn` is compiled in every crate that awaits it, with all
//! that it awaits itself, and the command line and the bench took twice as long to build.

#![expect(
    clippy::duplicate_mod,
    reason = "both backends mount shared/ on purpose: one query source (ADR 0002)"
)]

mod error;
mod levels;
mod location;
pub mod postgres;
pub mod schema;
pub mod sqlite;
mod transfer;
pub mod types;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
pub use levels::Levels;
pub use location::Location;
use maru_domain::clock::Timestamp;
use maru_domain::error::{BoxError, StoreError};
use maru_domain::services::StorePorts;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
pub use transfer::{Moved, Step, Told, transfer};

/// When a commit counts as done, on SQLite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// When it is on the disk: nothing acknowledged is lost when the power goes.
    #[default]
    Full,
    /// When the system has it: the last moments may be lost when the power goes.
    Normal,
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is neither SQLite's nor PostgreSQL's.
    #[error("the store's URL must begin with sqlite: and a path, or with postgres://")]
    Url,
    /// Another server has the file.
    #[error("another maru serves {0}; stop it first, or give this one a --store of its own")]
    InUse(String),
    /// A newer maru has been here.
    #[error(
        "the database has migrations that this maru does not know ({0}): a newer one made them; run that one, \
         or `maru restore` a backup from before"
    )]
    Newer(String),
    /// What was asked is not done, in words.
    #[error("{0}")]
    Refused(String),
    /// The migrations failed.
    #[error("the database could not be brought up to date: {0}")]
    Migration(#[source] BoxError),
    /// Anything else.
    #[error("the database could not be opened: {0}")]
    Store(#[source] BoxError),
}

impl OpenError {
    fn store(error: impl Into<BoxError>) -> Self {
        Self::Store(error.into())
    }

    /// What a migration's transaction has ended with: a refusal of our own stays what it is.
    fn migration(error: BoxError) -> Self {
        match error.downcast::<Self>() {
            Ok(ours) => *ours,
            Err(error) => Self::Migration(error),
        }
    }
}

fn refused(words: impl Into<String>) -> OpenError {
    OpenError::Refused(words.into())
}

/// What a copy of a database holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The rows of each table.
    pub rows: BTreeMap<String, i64>,
    /// The last migration of its tables.
    pub level: String,
}

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The file.
    pub path: PathBuf,
    /// What it holds.
    pub contents: Contents,
    /// Its size.
    pub bytes: u64,
    /// Its checksum.
    pub sha256: String,
}

/// A backup that was put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What it holds.
    pub contents: Contents,
    /// Where the database is kept that was in its place.
    pub kept: Option<PathBuf>,
}

/// A setting of a database on which durability rests: its name, its value, and whether that is safe.
pub type Setting = (&'static str, String, bool);

/// An open database.
#[derive(Clone)]
pub struct Store {
    /// The ports.
    pub ports: StorePorts,
    backend: Backend,
}

#[derive(Clone)]
enum Backend {
    Sqlite(Arc<sqlite::Store>),
    Postgres(Arc<postgres::Store>),
}

/// Brings a database to today's tables, making it if need be; answers the migrations that were run.
///
/// # Errors
/// When it cannot be reached, or a migration fails.
pub fn migrate(location: &Location) -> BoxFuture<'_, Result<Vec<String>, OpenError>> {
    async move {
        match location.clone() {
            Location::Sqlite(path) => blocking(move || sqlite::migrate(&path)).await,
            Location::Postgres(url) => postgres::migrate(&url).await,
        }
    }
    .boxed()
}

/// How far a database's tables have come.
///
/// # Errors
/// When it cannot be reached.
pub fn levels(location: &Location) -> BoxFuture<'_, Result<Levels, OpenError>> {
    async move {
        match location.clone() {
            Location::Sqlite(path) => blocking(move || sqlite::levels(&path)).await,
            Location::Postgres(url) => postgres::levels(&url).await,
        }
    }
    .boxed()
}

/// The migrations that a database lacks.
///
/// # Errors
/// When it cannot be reached, or [`OpenError::Newer`].
pub fn pending(location: &Location) -> BoxFuture<'_, Result<Vec<String>, OpenError>> {
    async move { Ok(levels(location).await?.known()?.pending) }.boxed()
}

/// Copies a SQLite file that holds something and is about to be migrated; answers where to. The caller
/// holds the lock. Nothing is done on PostgreSQL, whose migrations are one transaction each and whose
/// backups are its operator's.
///
/// # Errors
/// When the copy cannot be made.
pub fn keep_before_migrating(location: &Location) -> BoxFuture<'_, Result<Option<PathBuf>, OpenError>> {
    async move {
        match location.clone() {
            Location::Sqlite(path) => blocking(move || sqlite::keep(&path)).await,
            Location::Postgres(_) => Ok(None),
        }
    }
    .boxed()
}

/// Copies the database, as it is at one instant, into a new SQLite file, while servers go on writing.
///
/// # Errors
/// When it cannot be read, or the file cannot be written or does not read as it should.
pub fn backup<'a>(location: &'a Location, to: &'a Path) -> BoxFuture<'a, Result<Kept, OpenError>> {
    async move {
        let to = to.to_owned();
        match location.clone() {
            Location::Sqlite(path) => blocking(move || sqlite::files::backup(&path, &to)).await,
            Location::Postgres(url) => Err(refused(postgres::words::instead_of_backup(&url, &to))),
        }
    }
    .boxed()
}

/// Takes away what a backup that is not waited for has left of a copy. The process must end then, and the copying with it.
pub fn abandon_backup(to: &Path) {
    sqlite::files::abandon(to);
}

/// Puts a backup in a SQLite database's place, after it was looked through.
///
/// # Errors
/// When the file is damaged, is none of maru's or of a newer one, or when a database is in its place and it
/// is not to be overwritten.
pub fn restore<'a>(
    from: &'a Path,
    location: &'a Location,
    overwrite: bool,
) -> BoxFuture<'a, Result<Restored, OpenError>> {
    async move {
        let from = from.to_owned();
        match location.clone() {
            Location::Sqlite(path) => {
                blocking(move || {
                    // Locking makes what is not there.
                    if !from.is_file() {
                        return Err(refused(format!("there is no file {}", from.display())));
                    }
                    let was_there = path.exists();
                    let lock = sqlite::lock(&path)?;
                    let restored = sqlite::files::restore(&from, &path, overwrite);
                    if restored.is_err() && !was_there {
                        // An empty file would look like a database that is nobody's.
                        let _ = std::fs::remove_file(&path);
                    }
                    drop(lock);
                    restored
                })
                .await
            }
            Location::Postgres(url) => Err(refused(postgres::words::instead_of_restore(&url, &from))),
        }
    }
    .boxed()
}

/// Holds a SQLite file for one server alone; nothing to hold on PostgreSQL.
///
/// # Errors
/// [`OpenError::InUse`] when another server has it.
pub fn lock(location: &Location) -> Result<Option<File>, OpenError> {
    match location {
        Location::Sqlite(path) => sqlite::lock(path).map(Some),
        Location::Postgres(_) => Ok(None),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, OpenError> + Send + 'static,
) -> Result<T, OpenError> {
    tokio::task::spawn_blocking(work).await.map_err(OpenError::store)?
}

impl Store {
    /// Opens a database that is up to date. Must be called on the runtime that outlives all others.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub fn open(
        location: &Location,
        durability: Durability,
        pool_size: usize,
    ) -> BoxFuture<'_, Result<Self, OpenError>> {
        async move {
            match location.clone() {
                Location::Sqlite(path) => {
                    let store = blocking(move || sqlite::Store::open(&path, durability)).await?;
                    let store = Arc::new(store);
                    Ok(Self { ports: ports(&store), backend: Backend::Sqlite(store) })
                }
                Location::Postgres(url) => {
                    let store = Arc::new(postgres::Store::open(&url, pool_size)?);
                    store.ping().await.map_err(OpenError::store)?;
                    Ok(Self { ports: ports(&store), backend: Backend::Postgres(store) })
                }
            }
        }
        .boxed()
    }

    /// Asks the database whether it answers, and on SQLite, after a write has failed, whether another works.
    ///
    /// # Errors
    /// When it does not.
    pub fn ping(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            match &self.backend {
                Backend::Sqlite(store) => store.ping().await,
                Backend::Postgres(store) => store.ping().await,
            }
        }
        .boxed()
    }

    /// The database's settings on which durability rests: name, value, and whether it is safe.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn durability(&self) -> BoxFuture<'_, Result<Vec<Setting>, StoreError>> {
        async move {
            match &self.backend {
                Backend::Sqlite(store) => store.durability().await,
                Backend::Postgres(store) => store.durability().await,
            }
        }
        .boxed()
    }

    /// What a database server's clock says; a file has none of its own.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn clock(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        async move {
            match &self.backend {
                Backend::Sqlite(_) => Ok(None),
                Backend::Postgres(store) => store.clock().await.map(Some),
            }
        }
        .boxed()
    }

    /// What the database itself holds to be broken: on SQLite every page, index and reference is looked at.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn integrity(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        async move {
            match &self.backend {
                Backend::Sqlite(store) => store.integrity().await,
                Backend::Postgres(store) => store.integrity().await,
            }
        }
        .boxed()
    }

    /// Leaves a SQLite file that is whole by itself, without a write-ahead log beside it.
    ///
    /// # Errors
    /// When somebody still reads it; nothing is lost then.
    pub fn tidy<'a>(&'a self, location: &'a Location) -> BoxFuture<'a, Result<(), OpenError>> {
        async move {
            match location.clone() {
                Location::Sqlite(path) => blocking(move || sqlite::tidy(&path)).await,
                Location::Postgres(_) => Ok(()),
            }
        }
        .boxed()
    }

    /// True when one instance has the database to itself.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        matches!(self.backend, Backend::Sqlite(_))
    }
}

fn ports<S>(store: &Arc<S>) -> StorePorts
where
    S: maru_domain::accounts::ports::UserStore
        + maru_domain::accounts::ports::SessionStore
        + maru_domain::accounts::ports::KeyStore
        + maru_domain::rooms::ports::RoomStore
        + maru_domain::messages::ports::MessageStore
        + maru_domain::turns::ports::TurnStore
        + maru_domain::events::ports::EventStore
        + maru_domain::once::OnceStore
        + maru_domain::quotes::ports::QuoteStore
        + maru_domain::plcs::ports::PlcStore
        + maru_domain::upkeep::ports::UpkeepStore
        + 'static,
{
    StorePorts {
        users: Arc::clone(store) as _,
        sessions: Arc::clone(store) as _,
        keys: Arc::clone(store) as _,
        rooms: Arc::clone(store) as _,
        messages: Arc::clone(store) as _,
        turns: Arc::clone(store) as _,
        quotes: Arc::clone(store) as _,
        events: Arc::clone(store) as _,
        once: Arc::clone(store) as _,
        plcs: Arc::clone(store) as _,
        upkeep: Arc::clone(store) as _,
    }
}
