//! What PostgreSQL promises beside the contracts: nothing is held by callers that are gone, and a
//! connection that breaks is told as what it is.

use crate::open::open;
use futures_util::poll;
use maru_domain::error::StoreError;
use maru_domain::ids::{RoomId, RoomRef};
use maru_domain::messages::ports::{NewSend, SendOutcome};
use maru_domain::once::Once;
use maru_domain::services::StorePorts;
use maru_store::{Durability, Location, Store};
use maru_testkit::contracts::durable::{once, patiently, room, send_to, sent, sent_again, sound};
use maru_testkit::proxy::{Proxy, Weather};
use maru_testkit::throwaway::{Database, Postgres};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls};

struct Opened {
    ports: StorePorts,
    database: Database,
}

async fn opened() -> Opened {
    let database = Postgres::shared().await.database().await;
    let Store { ports, .. } = open(&Location::Postgres(database.url.clone())).await;
    Opened { ports, database }
}

/// The store's own connections to this database.
const OURS: &str = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'maru'";

impl Opened {
    async fn sql(&self, sql: &str) -> String {
        self.database.sql(sql).await.unwrap()
    }

    /// Looks until so many of the store's connections are as `what` says.
    async fn until(&self, connections: i64, what: &str) {
        let (watcher, _driver) = self.stranger().await;
        let sql = format!("SELECT count(*) {OURS} {what}");
        let seen =
            async { while watcher.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0) != connections {} };
        tokio::time::timeout(Duration::from_secs(30), seen).await.unwrap_or_else(|_| panic!("never: {sql}"));
    }

    /// Ends those of the store's connections that are as `what` says, as an operator might.
    async fn cut(&self, what: &str) {
        self.sql(&format!("SELECT pg_terminate_backend(pid) {OURS} {what}")).await;
    }

    /// Another program that is connected to the database.
    async fn stranger(&self) -> (Client, JoinSet<()>) {
        let (client, connection) = tokio_postgres::connect(&self.database.url, NoTls).await.unwrap();
        let mut driver = JoinSet::new();
        driver.spawn(async move { connection.await.unwrap_or_default() });
        (client, driver)
    }

    async fn refused(&self, send: NewSend) -> bool {
        match self.ports.messages.send(send).await {
            Err(StoreError::Unavailable { certain, .. }) => certain,
            other => panic!("not unavailable: {other:?}"),
        }
    }
}

fn keyed(room: RoomId, key: &str) -> NewSend {
    NewSend { once: Some(once(key)), queue_limit: 1_000, ..send_to(room, key) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_are_gone_hold_nothing() {
    let opened = opened().await;
    let room = room(&opened.ports).await.id;
    let mut calls = JoinSet::new();
    for number in 0..300 {
        let messages = opened.ports.messages.clone();
        calls.spawn(async move {
            let mut call = messages.send(keyed(room, &format!("{number}")));
            for _ in 0..number % 7 {
                let _ = poll!(&mut call).is_ready() || {
                    tokio::task::yield_now().await;
                    false
                };
            }
        });
    }
    calls.join_all().await;
    opened.until(0, "AND state <> 'idle'").await;
    let (stranger, _driver) = opened.stranger().await;
    let held = "SET lock_timeout = '1ms'; BEGIN; LOCK TABLE rooms, messages, turns, room_events, idempotency; ROLLBACK";
    stranger.batch_execute(held).await.unwrap();
    sent(&opened.ports, keyed(room, "last")).await;
    let told = sound(&opened.ports, room).await;
    assert_eq!(told.room.message_count % 2, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_in_a_transaction_has_written_nothing() {
    let opened = opened().await;
    let room = room(&opened.ports).await.id;
    let (stranger, _driver) = opened.stranger().await;
    stranger.batch_execute("BEGIN; UPDATE rooms SET name = 'theirs'").await.unwrap();
    let waiting = async {
        opened.until(1, "AND wait_event_type = 'Lock'").await;
        opened.cut("AND wait_event_type = 'Lock'").await;
    };
    let (certain, _) = tokio::join!(opened.refused(keyed(room, "a")), waiting);
    assert!(certain, "it was cut before its commit");
    stranger.batch_execute("COMMIT").await.unwrap();
    let stored = sent(&opened.ports, keyed(room, "a")).await;
    assert_eq!((stored.message.seq, stored.room.name.as_str()), (1, "theirs"));
    sound(&opened.ports, room).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_in_its_commit_is_told_as_unknown() {
    let opened = opened().await;
    let room = room(&opened.ports).await.id;
    opened
        .sql(
            "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NULL; END $$; \
             CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON turns DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW EXECUTE FUNCTION linger()",
        )
        .await;
    let (stranger, _driver) = opened.stranger().await;
    stranger.batch_execute("SELECT pg_advisory_lock(7)").await.unwrap();
    let committing = "AND wait_event_type = 'Lock' AND query = 'COMMIT'";
    let waiting = async {
        opened.until(1, committing).await;
        opened.cut(committing).await;
    };
    let (certain, _) = tokio::join!(opened.refused(keyed(room, "a")), waiting);
    assert!(!certain, "nobody can know what became of it");
    stranger.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
    // The key tells: here it had not happened.
    let first = sent(&opened.ports, keyed(room, "a")).await;
    assert_eq!(sent_again(&opened.ports, keyed(room, "a")).await.message.id, first.message.id);
    assert_eq!(sound(&opened.ports, room).await.messages.len(), 2);
}

/// As one that waits for a synchronous standby which is gone: PostgreSQL itself would call it done when
/// the statement's time is over, although no standby has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_takes_too_long_is_told_as_unknown() {
    let opened = opened().await;
    let room = room(&opened.ports).await.id;
    opened
        .sql(
            "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM pg_sleep(4.5); RETURN NULL; END $$; \
             CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON turns DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW EXECUTE FUNCTION linger()",
        )
        .await;
    assert!(!opened.refused(keyed(room, "a")).await, "nobody can know what becomes of it");
    opened.until(0, "AND query = 'COMMIT' AND state = 'active'").await;
    opened.sql("DROP TRIGGER linger ON turns").await;
    let first = sent_again(&opened.ports, keyed(room, "a")).await;
    assert_eq!((first.message.seq, sound(&opened.ports, room).await.messages.len()), (1, 2));
}

/// A server that hangs closes nothing: calls that wait are given up, later ones are not even tried, and
/// one question brings all back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_is_given_up_in_time_and_found_again() {
    let database = Postgres::shared().await.database().await;
    let (server, name) = database.url.rsplit_once('/').unwrap();
    let proxy = Proxy::before(server.rsplit_once('@').unwrap().1.parse().unwrap());
    let Store { ports, .. } =
        open(&Location::Postgres(format!("postgres://postgres@{}/{name}", proxy.address()))).await;
    let opened = Opened { ports, database };
    let room = room(&opened.ports).await.id;
    proxy.weather(Weather::Blackhole);
    let began = Instant::now();
    // More than there are connections.
    let mut calls = JoinSet::new();
    for number in 0..40 {
        let (messages, send) = (opened.ports.messages.clone(), keyed(room, &format!("{number}")));
        calls.spawn(async move { messages.send(send).await });
    }
    for call in calls.join_all().await {
        assert!(matches!(call, Err(StoreError::Unavailable { .. })), "{call:?}");
    }
    assert!(began.elapsed() <= Duration::from_secs(3), "{:?}", began.elapsed());
    assert!(opened.refused(keyed(room, "later")).await, "not even tried");
    proxy.weather(Weather::Fair);
    let back = Instant::now();
    while let Err(error) = opened.ports.messages.send(keyed(room, "next")).await {
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
        assert!(back.elapsed() <= Duration::from_secs(5), "{:?}", back.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // What was swallowed may have arrived since: each key counts once all the same.
    for number in 0..40 {
        let messages = opened.ports.messages.clone();
        patiently(|| messages.send(keyed(room, &format!("{number}")))).await.unwrap();
    }
    assert_eq!(sound(&opened.ports, room).await.messages.len(), 82);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_drops_all_connections_is_used_again() {
    let opened = opened().await;
    let room = room(&opened.ports).await.id;
    let mut calls = JoinSet::new();
    for number in 0..40 {
        let (messages, send) = (opened.ports.messages.clone(), keyed(room, &format!("{number}")));
        calls.spawn(async move { patiently(|| messages.send(send.clone())).await.unwrap() });
    }
    calls.join_all().await;
    opened.cut("").await;
    opened.until(0, "").await;
    // Each connection may show once that it is broken, not more often.
    let mut tries = 0;
    loop {
        match opened.ports.messages.send(keyed(room, "next")).await {
            Ok(SendOutcome::Stored(Once::Done(_))) => break,
            Err(StoreError::Unavailable { certain: true, .. }) => tries += 1,
            other => panic!("neither stored nor unavailable: {other:?}"),
        }
        assert!(tries <= 8, "a broken connection was used twice");
    }
    assert_eq!(sound(&opened.ports, room).await.messages.len(), 82);
}

/// One query finds the rooms of many: when its connection breaks, those that are in it are told. Those who wait for the
/// next one are found their rooms over another connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_for_rooms_over_a_connection_that_is_cut_is_told() {
    let opened = opened().await;
    let rooms = [room(&opened.ports).await, room(&opened.ports).await];
    let (stranger, _driver) = opened.stranger().await;
    stranger.batch_execute("BEGIN; LOCK TABLE rooms").await.unwrap();
    let find = |number: usize| opened.ports.rooms.find(RoomRef::Id(rooms[number % 2].id));
    let mut gone: Vec<_> = (0..2).map(find).collect();
    for (number, found) in (1..).zip(&mut gone) {
        assert!(poll!(found).is_pending());
        opened.until(number, "AND wait_event_type = 'Lock'").await;
    }
    let mut later: Vec<_> = (0..50).map(find).collect();
    for found in &mut later {
        assert!(poll!(found).is_pending());
    }
    opened.cut("AND wait_event_type = 'Lock'").await;
    stranger.batch_execute("COMMIT").await.unwrap();
    for found in gone {
        assert!(matches!(found.await, Err(StoreError::Unavailable { certain: true, .. })));
    }
    for (number, found) in later.into_iter().enumerate() {
        assert_eq!(found.await.unwrap().as_ref(), Some(&rooms[number % 2]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_too_long_has_written_nothing() {
    let database = Postgres::shared().await.database().await;
    let location = Location::Postgres(database.url.clone());
    maru_store::migrate(&location).await.unwrap();
    let Store { ports, .. } = Store::open(&location, Durability::Full, 1).await.unwrap();
    let opened = Opened { ports, database };
    let room = room(&opened.ports).await.id;
    let (stranger, _driver) = opened.stranger().await;
    stranger.batch_execute("BEGIN; UPDATE rooms SET name = 'theirs'").await.unwrap();
    // The first waits for the row, the second for the only connection.
    let later = async {
        opened.until(1, "AND wait_event_type = 'Lock'").await;
        opened.refused(keyed(room, "b")).await
    };
    assert_eq!(tokio::join!(opened.refused(keyed(room, "a")), later), (true, true));
    stranger.batch_execute("ROLLBACK").await.unwrap();
    sent(&opened.ports, keyed(room, "a")).await;
    sent(&opened.ports, keyed(room, "b")).await;
    assert_eq!(sound(&opened.ports, room).await.messages.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_that_start_together_migrate_once() {
    for _ in 0..3 {
        let database = Postgres::shared().await.database().await;
        let location = Location::Postgres(database.url.clone());
        let all = maru_store::pending(&location).await.unwrap();
        let mut calls = JoinSet::new();
        for _ in 0..4 {
            let location = location.clone();
            calls.spawn(async move { maru_store::migrate(&location).await.unwrap() });
        }
        let mut run: Vec<String> = calls.join_all().await.into_iter().flatten().collect();
        run.sort();
        assert_eq!(run.len(), all.len(), "{run:?}");
        assert_eq!(maru_store::pending(&location).await.unwrap(), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_waits_for_the_one_that_migrates() {
    let database = Postgres::shared().await.database().await;
    let location = Location::Postgres(database.url.clone());
    // Longer than any other lock may be waited for. The number is that of the advisory lock.
    let other = database.sql("SELECT pg_advisory_lock(1835102837); SELECT pg_sleep(5)");
    let waits = async {
        let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted";
        while database.sql(held).await.unwrap() != "1" {}
        maru_store::migrate(&location).await
    };
    let (other, migrated) = tokio::join!(other, waits);
    other.unwrap();
    assert!(!migrated.unwrap().is_empty());
}

#[tokio::test]
async fn a_wrong_url_is_told_without_its_password() {
    let admin = Postgres::shared().await.admin_url();
    let (_, place) = admin.rsplit_once('@').unwrap();
    let (host, _) = place.rsplit_once('/').unwrap();
    for url in [
        "postgres://maru:s3cret@127.0.0.1:1/maru".to_owned(),
        "postgres://maru:s3cret@no.such.host.invalid/maru".to_owned(),
        "postgres://maru:s3cret@127.0.0.1:port/maru".to_owned(),
        "postgres://maru:s3cret@127.0.0.1:99999/maru".to_owned(),
        "postgres://maru:s3cret%zz@127.0.0.1/maru".to_owned(),
        "postgres://maru:s3cret/x@127.0.0.1/maru".to_owned(),
        "postgres://maru:s3cret@127.0.0.1/maru?nonsense=1".to_owned(),
        "postgres://127.0.0.1:1/maru?user=maru&password=s3cret".to_owned(),
        "postgres://maru:?s3cret@127.0.0.1:1/maru".to_owned(),
        format!("postgres://nobody:s3cret@{host}/maru"),
        format!("postgres://postgres:s3cret@{host}/no_such_database"),
        format!("postgres://postgres:s3cret@{host}/postgres?sslmode=require"),
    ] {
        let location = Location::Postgres(url.clone());
        for error in [
            maru_store::migrate(&location).await.err(),
            maru_store::pending(&location).await.err(),
            Store::open(&location, Durability::Full, 2).await.err(),
        ] {
            let error = error.unwrap_or_else(|| panic!("{url} works"));
            let mut told = format!("{error} {error:?} {} {location:?}", location.shown());
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                told.push_str(&error.to_string());
                cause = error.source();
            }
            assert!(!told.contains("s3cret"), "{told}");
        }
    }
}
