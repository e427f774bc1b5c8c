//! The embedded database: one writer thread, two reader threads, WAL, every commit on the disk
//! before it is answered.

pub mod files;
mod lane;
mod room;
#[cfg(test)]
mod tests;

use crate::error::{Abort, unavailable};
use crate::{Durability, Levels, OpenError, refused};
use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::{Connection, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use futures_util::future::BoxFuture;
pub use lane::Conn;
use lane::{Kind, Lane, Look};
use maru_domain::error::{BoxError, StoreError};
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[path = "shared/api_keys.rs"]
mod api_keys;
#[path = "shared/entering.rs"]
mod entering;
#[path = "shared/fragments.rs"]
mod fragments;
#[path = "shared/idempotency.rs"]
mod idempotency;
#[path = "shared/message_changes.rs"]
mod message_changes;
#[path = "shared/messages.rs"]
mod messages;
#[path = "shared/plc_masters.rs"]
mod plc_masters;
#[path = "shared/plcs.rs"]
mod plcs;
#[path = "shared/quotes.rs"]
mod quotes;
#[path = "shared/room_changes.rs"]
mod room_changes;
#[path = "shared/room_events.rs"]
mod room_events;
#[path = "shared/room_lists.rs"]
mod room_lists;
#[path = "shared/rooms.rs"]
mod rooms;
#[path = "shared/rules.rs"]
mod rules;
#[path = "shared/sessions.rs"]
mod sessions;
#[path = "shared/told.rs"]
mod told;
#[path = "shared/turn_ends.rs"]
mod turn_ends;
#[path = "shared/turns.rs"]
mod turns;
#[path = "shared/upkeep.rs"]
mod upkeep;
#[path = "shared/users.rs"]
mod users;

pub(crate) type Db = diesel::sqlite::Sqlite;

/// The embedded migrations.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// Now by the database's clock, which is this machine's.
pub(crate) const NOW: &str = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)";
/// The same plus so many microseconds, which follow.
pub(crate) const NOW_PLUS: &str = "CAST(unixepoch('subsec') * 1000000 AS INTEGER) + ";

/// The `user_id` in a room's notes.
pub(crate) const CLIENT_USER: &str = "json_extract(rooms.metadata, '$.user_id')";

/// What lets a long look at everything take its time; nothing hurries it here.
pub(crate) const UNHURRIED: &str = "";
/// Around an id: its hexadecimal digits.
pub(crate) const HEX: (&str, &str) = ("hex(", ")");

const READERS: usize = 2;
/// Connections for [`Store::look`].
const LOOKS: usize = 4;

/// How long a connection waits for another one's lock.
const BUSY: Duration = Duration::from_secs(5);

/// The database.
pub struct Store {
    writer: Lane,
    readers: Vec<Lane>,
    looks: Vec<Look>,
    next_reader: AtomicUsize,
    /// A write has failed for want of room, of the file or of the lock, and none has been tried out since.
    in_doubt: AtomicBool,
}

impl Store {
    /// Opens the file, which `migrate` has made.
    pub fn open(path: &Path, durability: Durability) -> Result<Self, OpenError> {
        let open = |pragmas: &'static str| {
            let path = path.to_owned();
            Box::new(move || {
                let mut conn = connect(&path, durability)?;
                conn.batch_execute(pragmas).map_err(unavailable)?;
                Ok(Conn::new(conn))
            })
        };
        let writer = Lane::start("writer", Kind::Write, open("")).map_err(OpenError::store)?;
        let reader = || Lane::start("reader", Kind::Read, open("PRAGMA query_only = ON"));
        let readers = (0..READERS).map(|_| reader()).collect::<Result<_, _>>().map_err(OpenError::store)?;
        let look = || Look::new(open("PRAGMA query_only = ON; PRAGMA cache_size = -2000"));
        let looks = (0..LOOKS).map(|_| look()).collect();
        let (next_reader, in_doubt) = (AtomicUsize::new(0), AtomicBool::new(false));
        Ok(Self { writer, readers, looks, next_reader, in_doubt })
    }

    /// Runs `work` in a transaction and answers when it is on the disk.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Abort<T>>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let done = self.writer.run(work).await;
        if matches!(done, Err(StoreError::Unavailable { .. })) {
            self.in_doubt.store(true, Ordering::Relaxed);
        }
        done
    }

    /// Runs queries that each see the database as it is then.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Abort<T>>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = self.next_reader.fetch_add(1, Ordering::Relaxed);
        match self.readers.get(turn % READERS) {
            Some(reader) => reader.run(work).await,
            None => self.writer.run(work).await,
        }
    }

    /// Looks up a row or two by a key, on the caller's own thread: to wake a reader's costs several times as much as
    /// such a query. Nothing that reads more belongs here, for it keeps the caller's thread from everything else.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Abort<T>>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let work = match self.look_now(work) {
            Ok(done) => return done,
            Err(work) => work,
        };
        self.read(work).await
    }

    /// The same without a wait; gives the work back when all connections are in use.
    fn look_now<T, W>(&self, work: W) -> Result<Result<T, StoreError>, W>
    where
        W: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Abort<T>>>,
    {
        match self.looks.iter().find_map(Look::free) {
            Some(look) => Ok(look.run(work)),
            None => Err(work),
        }
    }

    /// Runs queries that all see the database at one instant.
    pub(crate) async fn snapshot<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Abort<T>>> + Send + 'static,
    ) -> Result<T, StoreError> {
        use diesel_async::SimpleAsyncConnection;
        self.read(move |conn| {
            Box::pin(async move {
                conn.batch_execute("BEGIN").await?;
                let done = work(conn).await;
                conn.batch_execute("COMMIT").await?;
                done
            })
        })
        .await
    }

    /// What the writer's connection is set to.
    pub(crate) async fn durability(&self) -> Result<Vec<(&'static str, String, bool)>, StoreError> {
        use diesel::sql_types::{BigInt, Text};
        use diesel_async::RunQueryDsl;
        self.write(|conn| {
            Box::pin(async move {
                let synchronous: i64 = diesel::select(diesel::dsl::sql::<BigInt>(
                    "(SELECT synchronous FROM pragma_synchronous)",
                ))
                .get_result(conn)
                .await?;
                let journal: String = diesel::select(diesel::dsl::sql::<Text>(
                    "(SELECT journal_mode FROM pragma_journal_mode)",
                ))
                .get_result(conn)
                .await?;
                let level = match synchronous {
                    0 => "off",
                    1 => "normal",
                    2 => "full",
                    _ => "extra",
                };
                let wal = journal == "wal";
                Ok(vec![("synchronous", level.to_owned(), synchronous >= 2), ("journal_mode", journal, wal)])
            })
        })
        .await
    }

    /// What is broken in the file.
    pub(crate) async fn integrity(&self) -> Result<Vec<String>, StoreError> {
        use diesel::sql_types::Text;
        use diesel_async::RunQueryDsl;
        self.read(|conn| {
            Box::pin(async move {
                let mut found = Vec::new();
                let words = "FROM pragma_integrity_check";
                let lines: Vec<String> = diesel::select(diesel::dsl::sql::<Text>(&format!(
                    "(SELECT group_concat(integrity_check, char(10)) {words})"
                )))
                .load(conn)
                .await?;
                found.extend(
                    lines
                        .iter()
                        .flat_map(|text| text.lines())
                        .filter(|line| *line != "ok")
                        .map(str::to_owned),
                );
                let orphans: i64 = diesel::select(diesel::dsl::sql::<diesel::sql_types::BigInt>(
                    "(SELECT count(*) FROM pragma_foreign_key_check)",
                ))
                .get_result(conn)
                .await?;
                if orphans > 0 {
                    found.push(format!("{orphans} rows name rows that are not there"));
                }
                Ok(found)
            })
        })
        .await
    }

    /// Whether the database can be written, as far as it is known. After a write has failed another is tried: a server
    /// that is not ready gets no requests whose writes could show that there is room again.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        if !self.writer.is_open() {
            return Err(unavailable("the database thread has stopped"));
        }
        if self.in_doubt.load(Ordering::Relaxed) {
            use diesel_async::SimpleAsyncConnection;
            // A number in the file's first page that nobody reads; SQLite writes it although it is the same.
            self.write(|conn| {
                Box::pin(async move { Ok(conn.batch_execute("PRAGMA user_version = 0").await?) })
            })
            .await?;
            self.in_doubt.store(false, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Opens a connection with the settings that durability and concurrency rest on.
pub(crate) fn connect(path: &Path, durability: Durability) -> Result<SqliteConnection, StoreError> {
    let mut conn = SqliteConnection::establish(&path.to_string_lossy()).map_err(unavailable)?;
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::Normal => "NORMAL",
    };
    // The wait comes first: another process may hold the file while it is read.
    let pragmas = format!(
        "PRAGMA busy_timeout = {}; PRAGMA synchronous = {synchronous}; \
         PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8000; \
         PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = 1000;",
        BUSY.as_millis()
    );
    conn.batch_execute(&pragmas).map_err(unavailable)?;
    use_wal(&mut conn).map_err(unavailable)?;
    Ok(conn)
}

/// Sets the journal mode. SQLite does not keep the busy timeout here: two connections that change the mode of a new file
/// at the same instant would wait for each other, so it refuses one of them at once, and that one tries again.
fn use_wal(conn: &mut SqliteConnection) -> diesel::QueryResult<()> {
    let give_up = Instant::now() + BUSY;
    loop {
        match conn.batch_execute("PRAGMA journal_mode = WAL") {
            Err(diesel::result::Error::DatabaseError(_, ref cause))
                if cause.message() == "database is locked" && Instant::now() < give_up =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            done => return done,
        }
    }
}

/// Brings the file to today's tables; answers what was done.
pub fn migrate(path: &Path) -> Result<Vec<String>, OpenError> {
    make_private(path).map_err(OpenError::store)?;
    let mut conn = connect(path, Durability::Full).map_err(OpenError::store)?;
    // All of them in one transaction: whoever migrates at the same time waits, and then finds nothing to do.
    let run = conn.immediate_transaction::<_, BoxError, _>(|conn| {
        let pending = levels_of(conn)?.known()?.pending;
        conn.run_pending_migrations(MIGRATIONS)?;
        Ok(pending)
    });
    run.map_err(OpenError::migration)
}

/// Moves what is in the write-ahead log into the file.
pub fn tidy(path: &Path) -> Result<(), OpenError> {
    let mut conn = connect(path, Durability::Full).map_err(OpenError::store)?;
    conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").map_err(OpenError::store)
}

/// How far the file's tables have come. Looking does not make it.
pub fn levels(path: &Path) -> Result<Levels, OpenError> {
    if !path.exists() {
        let all = MigrationSource::<Db>::migrations(&MIGRATIONS).map_err(OpenError::Migration)?;
        return Ok(Levels::of(&names(all), &[]));
    }
    levels_of(&mut connect(path, Durability::Full).map_err(OpenError::store)?)
}

fn levels_of(conn: &mut SqliteConnection) -> Result<Levels, OpenError> {
    use diesel::RunQueryDsl;
    let all = MigrationSource::<Db>::migrations(&MIGRATIONS).map_err(OpenError::Migration)?;
    let applied = conn.applied_migrations().map_err(OpenError::Migration)?;
    let mark = format!("EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '{}')", crate::transfer::MARK);
    let half_moved = diesel::select(diesel::dsl::sql::<diesel::sql_types::Bool>(&mark)).get_result(conn);
    let levels = Levels::of(&names(all), &applied.iter().map(ToString::to_string).collect::<Vec<_>>());
    Ok(Levels { half_moved: half_moved.map_err(OpenError::store)?, ..levels })
}

/// Copies a file that holds something before its tables are changed; answers where to. The caller holds
/// the lock.
pub fn keep(path: &Path) -> Result<Option<PathBuf>, OpenError> {
    let levels = levels(path)?.known()?;
    let (Some(next), false) = (levels.pending.first(), levels.applied.is_empty()) else { return Ok(None) };
    if !holds_something(path).map_err(OpenError::store)? {
        return Ok(None);
    }
    let number = next.split('_').next().unwrap_or(next);
    let to = files::free_name(path, &format!(".before-{number}"));
    match files::backup(path, &to) {
        Ok(kept) => Ok(Some(kept.path)),
        Err(error) => Err(refused(format!(
            "{error}; nothing was migrated. Make room, or set store.migration_backup = false to migrate without a copy"
        ))),
    }
}

/// True when somebody has used the file.
fn holds_something(path: &Path) -> diesel::QueryResult<bool> {
    use diesel::prelude::*;
    let mut conn = connect(path, Durability::Full)
        .map_err(|error| diesel::result::Error::QueryBuilderError(error.to_string().into()))?;
    diesel::select(diesel::dsl::sql::<diesel::sql_types::Bool>(
        "EXISTS (SELECT 1 FROM users) OR EXISTS (SELECT 1 FROM rooms)",
    ))
    .get_result(&mut conn)
}

fn names(migrations: Vec<Box<dyn Migration<Db>>>) -> Vec<String> {
    migrations.iter().map(|migration| migration.name().to_string()).collect()
}

/// Makes sure that one server at most runs on a file: it voids the leases of earlier ones.
pub fn lock(path: &Path) -> Result<File, OpenError> {
    make_private(path).map_err(OpenError::store)?;
    let lock = PathBuf::from(format!("{}.lock", path.display()));
    let file =
        File::options().create(true).truncate(false).write(true).open(&lock).map_err(OpenError::store)?;
    file.try_lock().map_err(|_| OpenError::InUse(path.display().to_string()))?;
    Ok(file)
}

/// Makes the folder and an empty file that only its owner may read; SQLite gives its log the same mode.
fn make_private(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    private_file(path)
}

/// Makes an empty file that only its owner may read, unless it is there.
pub(crate) fn private_file(path: &Path) -> std::io::Result<()> {
    match File::options().create_new(true).write(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
