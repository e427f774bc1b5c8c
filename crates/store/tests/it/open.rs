//! Empty stores for tests.

use maru_store::{Durability, Location, Store};
use maru_testkit::contracts::durable::TestStore;
use maru_testkit::throwaway::{Postgres, sqlite_dir};

/// Connections of a throwaway PostgreSQL store: fewer than callers, so that these wait for each other.
const POOL: usize = 8;

/// An empty store at `location`, up to date.
pub async fn open(location: &Location) -> Store {
    maru_store::migrate(location).await.unwrap();
    Store::open(location, Durability::Full, POOL).await.unwrap()
}

/// In a file of its own.
pub async fn sqlite() -> TestStore {
    let dir = sqlite_dir();
    let store = open(&Location::Sqlite(dir.path().join("maru.db"))).await;
    TestStore::new(store.ports, dir)
}

/// In a database of its own.
pub async fn postgres() -> TestStore {
    let database = Postgres::shared().await.database().await;
    let store = open(&Location::Postgres(database.url.clone())).await;
    TestStore::new(store.ports, database)
}
