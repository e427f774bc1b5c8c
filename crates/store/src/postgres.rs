//! PostgreSQL: a pool, every call on a task of its own so that no client can cut a transaction in
//! two, TLS by rustls, no libpq.

pub(crate) mod connect;
mod gather;
mod pulse;

pub(crate) mod words;

use crate::error::{Abort, from_diesel, unavailable};
use crate::{Levels, OpenError};
use connect::connect;
use diesel::migration::{Migration, MigrationSource};
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection, TransactionManager};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use gather::Gather;
use maru_domain::error::StoreError;
use pulse::Pulse;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

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

pub type Conn = AsyncPgConnection;
pub(crate) type Db = diesel::pg::Pg;
type Transactions = <AsyncPgConnection as AsyncConnection>::TransactionManager;

/// The embedded migrations.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// Now by the database's clock: the clocks of the instances may differ.
pub(crate) const NOW: &str = "clock_timestamp()";
/// The same plus so many microseconds, which follow.
pub(crate) const NOW_PLUS: &str = "clock_timestamp() + interval '1 microsecond' * ";

/// The `user_id` in a room's notes.
pub(crate) const CLIENT_USER: &str = "(rooms.metadata ->> 'user_id')";

/// What lets a long look at everything take its time, for one transaction.
pub(crate) const UNHURRIED: &str = "SET LOCAL statement_timeout = 0";
/// Around an id: its hexadecimal digits.
pub(crate) const HEX: (&str, &str) = ("encode(uuid_send(", "), 'hex')");

/// How long a call waits for a connection before it fails.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a commit may take. Less than the session's `statement_timeout`: a server that waits for a
/// synchronous standby would give up waiting then and call it done, without the standby having it.
const COMMITTING: Duration = Duration::from_secs(4);
/// Names the advisory lock under which migrations run; "maru" as a number.
const MIGRATION_LOCK: i64 = 0x6d61_7275;

/// A call that tells its caller by itself what was found. All calls are of this one type, so that what runs them is
/// compiled once and not for each of them.
type Call = Box<dyn for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<(), StoreError>> + Send>;

/// The database.
pub struct Store {
    pool: Pool<AsyncPgConnection>,
    pulse: Arc<Pulse>,
    gather: Arc<Gather>,
    /// Where calls and the connections' own tasks run: a web worker's runtime may end before them.
    runtime: Handle,
}

impl Store {
    /// Makes the pool; connections are opened as they are needed.
    pub fn open(url: &str, pool_size: usize) -> Result<Self, OpenError> {
        let mut config = ManagerConfig::<AsyncPgConnection>::default();
        // A broken connection shows itself at its first statement; asking at every checkout costs a round trip.
        config.recycling_method = RecyclingMethod::Fast;
        config.custom_setup = Box::new(|url| Box::pin(connect(url.to_owned())));
        let manager = AsyncDieselConnectionManager::new_with_config(url, config);
        let pool = Pool::builder(manager)
            .max_size(pool_size)
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(PATIENCE))
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(OpenError::store)?;
        let runtime = Handle::try_current().map_err(OpenError::store)?;
        Ok(Self { pool, pulse: Pulse::new(url, runtime.clone()), gather: Arc::default(), runtime })
    }

    /// Runs `work` in a transaction and answers when it is committed.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Abort<T>>> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.detached(|conn| Box::pin(transaction(conn, "BEGIN", work))).await
    }

    /// Runs queries that each see the database as it is then.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Abort<T>>> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.detached(|conn| Box::pin(async move { work(conn).await.or_else(Abort::ended) })).await
    }

    /// Looks up a row or two by a key.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Abort<T>>> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.read(work).await
    }

    /// Runs queries that all see the database at one instant.
    pub(crate) async fn snapshot<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Abort<T>>> + Send + 'static,
    ) -> Result<T, StoreError> {
        const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        self.detached(|conn| Box::pin(transaction(conn, BEGIN, work))).await
    }

    /// Runs a call to its end on a task of its own, or as long as the server answers.
    async fn detached<T: Send + 'static>(
        &self,
        call: impl for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        let call: Call = Box::new(move |conn| {
            let telling = async move {
                let _ = tell.send(call(conn).await?);
                Ok(())
            };
            telling.boxed()
        });
        let task = self.runtime.spawn(to_its_end(self.pool.clone(), Arc::clone(&self.pulse), call));
        task.await.map_err(|error| StoreError::Internal(error.into()))??;
        told.await.map_err(|error| StoreError::Internal(error.into()))
    }

    /// What the server is set to.
    pub(crate) async fn durability(&self) -> Result<Vec<(&'static str, String, bool)>, StoreError> {
        use diesel::sql_types::Text;
        use diesel_async::RunQueryDsl;
        self.read(|conn| {
            Box::pin(async move {
                let mut found = Vec::new();
                for name in ["fsync", "synchronous_commit", "full_page_writes"] {
                    let value: String =
                        diesel::select(diesel::dsl::sql::<Text>(&format!("current_setting('{name}')")))
                            .get_result(conn)
                            .await?;
                    let safe = value != "off" && value != "local";
                    found.push((name, value, safe));
                }
                Ok(found)
            })
        })
        .await
    }

    /// What the server's clock says.
    pub(crate) async fn clock(&self) -> Result<maru_domain::clock::Timestamp, StoreError> {
        use diesel_async::RunQueryDsl;
        self.read(|conn| {
            Box::pin(async move {
                let now = diesel::dsl::sql::<crate::types::sql::Moment>(NOW);
                let now: crate::types::DbTime = diesel::select(now).get_result(conn).await?;
                Ok(now.0)
            })
        })
        .await
    }

    /// Indexes that the server itself holds to be broken or half built.
    pub(crate) async fn integrity(&self) -> Result<Vec<String>, StoreError> {
        use diesel::sql_types::{Nullable, Text};
        use diesel_async::RunQueryDsl;
        self.read(|conn| {
            Box::pin(async move {
                let named: Option<String> = diesel::select(diesel::dsl::sql::<Nullable<Text>>(
                    "(SELECT string_agg(c.relname, ', ') FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
                     WHERE c.relnamespace = current_schema()::regnamespace AND NOT (i.indisvalid AND i.indisready))",
                ))
                .get_result(conn)
                .await?;
                Ok(named.map(|names| format!("indexes that are not valid: {names}; REINDEX them")).into_iter().collect())
            })
        })
        .await
    }

    /// True when the database answers and can be written to: a standby cannot, nor a server that was
    /// set to read only.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        use diesel::sql_types::Text;
        use diesel_async::RunQueryDsl;
        self.read(|conn| {
            Box::pin(async move {
                let read_only = diesel::dsl::sql::<Text>("current_setting('transaction_read_only')");
                match diesel::select(read_only).get_result::<String>(conn).await?.as_str() {
                    "off" => Ok(()),
                    _ => Err(Abort::Error(unavailable("the database can only be read"))),
                }
            })
        })
        .await
    }
}

/// Gives a call a connection for as long as the server answers.
async fn to_its_end(pool: Pool<AsyncPgConnection>, pulse: Arc<Pulse>, call: Call) -> Result<(), StoreError> {
    let mut conn = pulse.guard(async { pool.get().await.map_err(unavailable) }).await?;
    let done = pulse.guard(call(&mut conn)).await;
    if matches!(done, Err(StoreError::Unavailable { .. })) {
        // It may be broken: closed, the server rolls back whatever is open.
        drop(Object::take(conn));
    }
    if pulse.is_lost() {
        // Those that wait for work have lost it as well, and may never hear of it.
        pool.retain(|_, _| false);
    }
    done
}

/// Begins, works, and commits or rolls back. After `Unavailable` the connection must not be used again.
async fn transaction<T: Send + 'static>(
    conn: &mut Conn,
    begin: &str,
    work: impl for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Abort<T>>> + Send + 'static,
) -> Result<T, StoreError> {
    begin_by(conn, begin).await?;
    match work(conn).await {
        Ok(value) => commit(conn).await.map(|()| value),
        Err(abort) => {
            rollback(conn).await?;
            abort.ended()
        }
    }
}

async fn begin_by(conn: &mut Conn, begin: &str) -> Result<(), StoreError> {
    Transactions::begin_transaction_sql(conn, begin).await.map_err(unavailable)
}

async fn rollback(conn: &mut Conn) -> Result<(), StoreError> {
    Transactions::rollback_transaction(conn).await.map_err(unavailable)
}

async fn commit(conn: &mut Conn) -> Result<(), StoreError> {
    let unknown = |source| StoreError::Unavailable { certain: false, source };
    let committed = tokio::time::timeout(COMMITTING, Transactions::commit_transaction(conn)).await;
    // A connection that breaks during COMMIT leaves the outcome unknown.
    committed.map_err(|late| unknown(late.into()))?.map_err(|error| match from_diesel(error) {
        StoreError::Unavailable { source, .. } | StoreError::Internal(source) => unknown(source),
        conflict @ StoreError::Conflict(_) => conflict,
    })
}

/// Brings the database to today's tables; answers what was done. Instances that start together
/// take turns, by an advisory lock.
pub async fn migrate(url: &str) -> Result<Vec<String>, OpenError> {
    with_harness(url, |conn| {
        let pending = levels_of(conn)?.known()?.pending;
        conn.run_pending_migrations(MIGRATIONS).map_err(OpenError::Migration)?;
        Ok(pending)
    })
    .await
}

/// How far the database's tables have come.
pub async fn levels(url: &str) -> Result<Levels, OpenError> {
    with_harness(url, levels_of).await
}

fn levels_of(conn: &mut Harness) -> Result<Levels, OpenError> {
    use diesel::RunQueryDsl;
    let all = MigrationSource::<Db>::migrations(&MIGRATIONS).map_err(OpenError::Migration)?;
    let applied = conn.applied_migrations().map_err(OpenError::Migration)?;
    let mark = format!("to_regclass('{}') IS NOT NULL", crate::transfer::MARK);
    let half_moved = diesel::select(diesel::dsl::sql::<diesel::sql_types::Bool>(&mark)).get_result(conn);
    let levels = Levels::of(&names(all), &applied.iter().map(ToString::to_string).collect::<Vec<_>>());
    Ok(Levels { half_moved: half_moved.map_err(OpenError::store)?, ..levels })
}

fn names(migrations: Vec<Box<dyn Migration<Db>>>) -> Vec<String> {
    migrations.iter().map(|migration| migration.name().to_string()).collect()
}

type Harness = diesel_async::async_connection_wrapper::AsyncConnectionWrapper<AsyncPgConnection>;

/// Runs diesel's synchronous migrations away from the runtime's threads, which they would block.
async fn with_harness<T: Send + 'static>(
    url: &str,
    work: impl FnOnce(&mut Harness) -> Result<T, OpenError> + Send + 'static,
) -> Result<T, OpenError> {
    let mut conn = connect(url.to_owned()).await.map_err(OpenError::store)?;
    // Another instance may take its time over a large table.
    let lock =
        format!("SET statement_timeout = 0; SET lock_timeout = 0; SELECT pg_advisory_lock({MIGRATION_LOCK})");
    conn.batch_execute(&lock).await.map_err(OpenError::store)?;
    // The lock ends with the connection.
    let task = tokio::task::spawn_blocking(move || work(&mut Harness::from(conn)));
    task.await.map_err(OpenError::store)?
}
