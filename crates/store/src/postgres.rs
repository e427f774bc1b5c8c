//! PostgreSQL: a pool, every call on a task of its own so that no client can cut a transaction in
//! two, TLS by rustls, no libpq.

mod connect;

use crate::OpenError;
use crate::error::{Abort, from_diesel, unavailable};
use connect::connect;
use diesel::migration::Migration;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection, TransactionManager};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use futures_util::future::BoxFuture;
use maru_domain::error::StoreError;
use std::time::Duration;
use tokio::runtime::Handle;

#[path = "shared/api_keys.rs"]
mod api_keys;
#[path = "shared/fragments.rs"]
mod fragments;
#[path = "shared/idempotency.rs"]
mod idempotency;
#[path = "shared/message_changes.rs"]
mod message_changes;
#[path = "shared/messages.rs"]
mod messages;
#[path = "shared/plcs.rs"]
mod plcs;
#[path = "shared/quotes.rs"]
mod quotes;
#[path = "shared/room_changes.rs"]
mod room_changes;
#[path = "shared/room_events.rs"]
mod room_events;
#[path = "shared/rooms.rs"]
mod rooms;
#[path = "shared/sessions.rs"]
mod sessions;
#[path = "shared/told.rs"]
mod told;
#[path = "shared/turn_ends.rs"]
mod turn_ends;
#[path = "shared/turns.rs"]
mod turns;
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

/// How long a call waits for a connection before it fails.
const PATIENCE: Duration = Duration::from_secs(3);
/// Names the advisory lock under which migrations run; "maru" as a number.
const MIGRATION_LOCK: i64 = 0x6d61_7275;

/// The database.
pub struct Store {
    pool: Pool<AsyncPgConnection>,
    /// Where calls and the connections' own tasks run: a web worker's runtime may end before them.
    runtime: Handle,
}

/// Puts a connection back into the pool, unless what it did shows that it may be broken: then it is
/// closed, and the server rolls back whatever was open.
fn give_back<T>(conn: Object<AsyncPgConnection>, done: Result<T, StoreError>) -> Result<T, StoreError> {
    if matches!(done, Err(StoreError::Unavailable { .. })) {
        drop(Object::take(conn));
    }
    done
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
        Ok(Self { pool, runtime: Handle::try_current().map_err(OpenError::store)? })
    }

    /// Runs `work` in a transaction and answers when it is committed.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Abort<T>>> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.detached(|mut conn| async move {
            let done = transaction(&mut conn, "BEGIN", work).await;
            give_back(conn, done)
        })
        .await
    }

    /// Runs queries that each see the database as it is then.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Abort<T>>> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.detached(|mut conn| async move {
            let done = match work(&mut conn).await {
                Ok(value) | Err(Abort::With(value)) => Ok(value),
                Err(Abort::Error(error)) => Err(error),
            };
            give_back(conn, done)
        })
        .await
    }

    /// Runs queries that all see the database at one instant.
    pub(crate) async fn snapshot<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Abort<T>>> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.detached(|mut conn| async move {
            let done = transaction(&mut conn, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", work).await;
            give_back(conn, done)
        })
        .await
    }

    async fn detached<T, F>(
        &self,
        call: impl FnOnce(Object<AsyncPgConnection>) -> F + Send + 'static,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let pool = self.pool.clone();
        let task = self.runtime.spawn(async move {
            let conn = pool.get().await.map_err(unavailable)?;
            call(conn).await
        });
        task.await.map_err(|error| StoreError::Internal(error.into()))?
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

    /// True when the database answers.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        self.read(|conn| Box::pin(async move { Ok(conn.batch_execute("SELECT 1").await?) })).await
    }
}

/// Begins, works, and commits or rolls back. After `Unavailable` the connection must not be used again.
async fn transaction<T: Send + 'static>(
    conn: &mut Conn,
    begin: &str,
    work: impl for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Abort<T>>> + Send + 'static,
) -> Result<T, StoreError> {
    Transactions::begin_transaction_sql(conn, begin).await.map_err(unavailable)?;
    match work(conn).await {
        Ok(value) => {
            // A connection that breaks during COMMIT leaves the outcome unknown.
            Transactions::commit_transaction(conn).await.map_err(|error| match from_diesel(error) {
                StoreError::Unavailable { source, .. } => StoreError::Unavailable { certain: false, source },
                StoreError::Internal(source) => StoreError::Unavailable { certain: false, source },
                conflict @ StoreError::Conflict(_) => conflict,
            })?;
            Ok(value)
        }
        Err(abort) => {
            Transactions::rollback_transaction(conn).await.map_err(unavailable)?;
            match abort {
                Abort::With(value) => Ok(value),
                Abort::Error(error) => Err(error),
            }
        }
    }
}

/// Brings the database to today's tables; answers what was done. Instances that start together
/// take turns, by an advisory lock.
pub async fn migrate(url: &str) -> Result<Vec<String>, OpenError> {
    with_harness(url, |conn| {
        let pending = names(conn.pending_migrations(MIGRATIONS).map_err(OpenError::Migration)?);
        conn.run_pending_migrations(MIGRATIONS).map_err(OpenError::Migration)?;
        Ok(pending)
    })
    .await
}

/// The migrations that the database lacks.
pub async fn pending(url: &str) -> Result<Vec<String>, OpenError> {
    with_harness(url, |conn| Ok(names(conn.pending_migrations(MIGRATIONS).map_err(OpenError::Migration)?)))
        .await
}

fn names(migrations: Vec<Box<dyn Migration<Db>>>) -> Vec<String> {
    migrations.iter().map(|migration| migration.name().to_string()).collect()
}

type Harness = diesel_async::async_connection_wrapper::AsyncConnectionWrapper<AsyncPgConnection>;

/// Runs diesel's synchronous migrations away from the runtime's threads, which they would block.
async fn with_harness(
    url: &str,
    work: impl FnOnce(&mut Harness) -> Result<Vec<String>, OpenError> + Send + 'static,
) -> Result<Vec<String>, OpenError> {
    let mut conn = connect(url.to_owned()).await.map_err(OpenError::store)?;
    // Another instance may take its time over a large table.
    let lock =
        format!("SET statement_timeout = 0; SET lock_timeout = 0; SELECT pg_advisory_lock({MIGRATION_LOCK})");
    conn.batch_execute(&lock).await.map_err(OpenError::store)?;
    // The lock ends with the connection.
    let task = tokio::task::spawn_blocking(move || work(&mut Harness::from(conn)));
    task.await.map_err(OpenError::store)?
}
