//! The lanes from inside: what is in one group, what a connection is set to, what a fault leaves behind.

use super::lane::{Kind, Lane};
use super::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use maru_testkit::throwaway::sqlite_dir;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use tokio::task::JoinSet;

struct Opened {
    store: Arc<Store>,
    path: PathBuf,
    _dir: Box<dyn std::any::Any>,
}

fn opened(durability: Durability) -> Opened {
    let dir = sqlite_dir();
    let path = dir.path().join("maru.db");
    migrate(&path).unwrap();
    let store = Arc::new(Store::open(&path, durability).unwrap());
    Opened { store, path, _dir: Box::new(dir) }
}

#[derive(diesel::QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(diesel::QueryableByName)]
struct Word {
    #[diesel(sql_type = Text)]
    word: String,
}

async fn number(conn: &mut Conn, sql: &str) -> i64 {
    sql_query(format!("SELECT (SELECT {sql}) AS number")).get_result::<Number>(conn).await.unwrap().number
}

/// A row of a table without any meaning to these tests.
async fn insert(conn: &mut Conn, key: &str) -> Result<(), Abort<()>> {
    let row = format!(
        "INSERT INTO idempotency VALUES ('s', 'r', '{key}', x'00', null, null, null, 0, null, null, 0, 0)"
    );
    Ok(conn.batch_execute(&row).await?)
}

async fn keep(store: &Store, key: String) -> Result<(), StoreError> {
    store.write(move |conn| Box::pin(async move { insert(conn, &key).await })).await
}

/// The keys that are stored, as another process would see them.
fn stored(path: &Path) -> Vec<String> {
    let mut conn = SqliteConnection::establish(&path.to_string_lossy()).unwrap();
    let rows = sql_query("SELECT key AS word FROM idempotency ORDER BY key");
    let rows: Vec<Word> = diesel::RunQueryDsl::load(rows, &mut conn).unwrap();
    rows.into_iter().map(|row| row.word).collect()
}

/// Makes the writer wait until the answer is dropped or told, so that what is sent meanwhile is one group.
async fn held(store: &Arc<Store>, calls: &mut JoinSet<()>) -> Sender<()> {
    let (go, wait) = channel::<()>();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let writer = Arc::clone(store);
    calls.spawn(async move {
        let held = writer.write(move |_| {
            Box::pin(async move {
                let _ = begun.send(());
                let _ = wait.recv();
                Ok(())
            })
        });
        held.await.unwrap();
    });
    has_begun.await.unwrap();
    go
}

/// Waits until so many jobs stand before the writer.
async fn queued(store: &Store, jobs: usize) {
    while store.writer.waiting() < jobs {
        tokio::task::yield_now().await;
    }
}

type Settings = (String, Vec<i64>);

fn settings(conn: &mut Conn) -> BoxFuture<'_, Result<Settings, Abort<Settings>>> {
    Box::pin(async move {
        let mode = sql_query("SELECT journal_mode AS word FROM pragma_journal_mode");
        let mode = mode.get_result::<Word>(conn).await?.word;
        let mut numbers = Vec::new();
        for pragma in ["synchronous", "foreign_keys", "query_only"] {
            numbers.push(number(conn, &format!("{pragma} FROM pragma_{pragma}")).await);
        }
        numbers.push(number(conn, "timeout FROM pragma_busy_timeout").await);
        Ok((mode, numbers))
    })
}

fn count(conn: &mut Conn) -> BoxFuture<'_, Result<i64, Abort<i64>>> {
    Box::pin(async move { Ok(number(conn, "count(*) FROM idempotency").await) })
}

#[tokio::test]
async fn connections_are_set_up_for_durability_and_concurrency() {
    for (durability, synchronous) in [(Durability::Full, 2), (Durability::Normal, 1)] {
        let opened = opened(durability);
        let writer = opened.store.write(settings).await.unwrap();
        assert_eq!(writer, ("wal".to_owned(), vec![synchronous, 1, 0, 5_000]));
        for _ in 0..READERS {
            let reader = opened.store.read(settings).await.unwrap();
            assert_eq!(reader, ("wal".to_owned(), vec![synchronous, 1, 1, 5_000]));
        }
    }
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let opened = opened(Durability::Full);
    let written = opened.store.read(|conn| Box::pin(async move { insert(conn, "a").await })).await;
    assert!(written.is_err());
    assert_eq!(stored(&opened.path), [""; 0]);
}

#[tokio::test]
async fn what_waits_is_one_commit_and_each_job_stands_alone() {
    let opened = opened(Durability::Full);
    let mut calls = JoinSet::new();
    let go = held(&opened.store, &mut calls).await;
    for (job, key) in ["a", "b", "a", "c", "panic", "d", "b", "e", "refused"].into_iter().enumerate() {
        let store = Arc::clone(&opened.store);
        calls.spawn(async move {
            let done = store.write(move |conn| {
                Box::pin(async move {
                    insert(conn, key).await?;
                    match key {
                        "panic" => panic!("on purpose"),
                        "refused" => Err(Abort::With(())),
                        _ => Ok(()),
                    }
                })
            });
            match (job, done.await) {
                (2 | 6, Err(StoreError::Conflict(rule))) => {
                    assert_eq!(rule, "idempotency_scope_route_key_key")
                }
                (4, Err(StoreError::Internal(_))) | (0 | 1 | 3 | 5 | 7 | 8, Ok(())) => {}
                (job, other) => panic!("job {job} has come to {other:?}"),
            }
        });
        queued(&opened.store, job + 1).await;
    }
    assert_eq!(stored(&opened.path), [""; 0], "nothing is visible before the commit");
    let before = wal_commits(&opened.path);
    drop(go);
    calls.join_all().await;
    assert_eq!(stored(&opened.path), ["a", "b", "c", "d", "e"]);
    assert_eq!(wal_commits(&opened.path) - before, 1, "one commit for the group");
    keep(&opened.store, "f".into()).await.unwrap();
    assert_eq!(stored(&opened.path), ["a", "b", "c", "d", "e", "f"]);
}

/// Counts the frames in the log that end a transaction: those that name the size of the database.
fn wal_commits(path: &Path) -> usize {
    let log = std::fs::read(format!("{}-wal", path.display())).unwrap();
    if log.is_empty() {
        return 0;
    }
    let page = u32::from_be_bytes(log[8..12].try_into().unwrap()) as usize;
    log[32..].chunks_exact(24 + page).filter(|frame| frame[4..8] != [0; 4]).count()
}

#[tokio::test]
async fn nobody_of_a_group_that_is_not_committed_is_told_of_success() {
    let opened = opened(Durability::Full);
    let mut calls = JoinSet::new();
    let go = held(&opened.store, &mut calls).await;
    for (job, key) in ["a", "orphan", "b", "a", "refused"].into_iter().enumerate() {
        let store = Arc::clone(&opened.store);
        calls.spawn(async move {
            let done = store.write(move |conn| {
                Box::pin(async move {
                    if key == "orphan" {
                        // Noticed by the commit only.
                        conn.batch_execute(
                            "PRAGMA defer_foreign_keys = ON; INSERT INTO sessions VALUES (x'01', x'02', 0, 0, 0, null)",
                        )
                        .await?;
                    }
                    insert(conn, key).await?;
                    if key == "refused" { Err(Abort::With(())) } else { Ok(()) }
                })
            });
            let failed = done.await;
            // The last two have certainly written nothing; their answer may rest on what is gone.
            let expected = job >= 3;
            assert!(
                matches!(&failed, Err(StoreError::Unavailable { certain, .. }) if *certain == expected),
                "job {job} has come to {failed:?}"
            );
        });
        queued(&opened.store, job + 1).await;
    }
    drop(go);
    calls.join_all().await;
    assert_eq!(stored(&opened.path), [""; 0]);
    keep(&opened.store, "a".into()).await.unwrap();
    assert_eq!(stored(&opened.path), ["a"]);
}

#[tokio::test]
async fn a_query_that_panics_spoils_nothing_for_the_next() {
    let opened = opened(Durability::Full);
    for round in 0..3 {
        let alone = opened.store.write(|conn| {
            Box::pin(async move {
                insert(conn, "panic").await?;
                panic!("on purpose")
            })
        });
        assert!(matches!(alone.await as Result<(), _>, Err(StoreError::Internal(_))));
        keep(&opened.store, format!("{round}")).await.unwrap();
    }
    // A snapshot that is left open would show the past for ever.
    for _ in 0..2 * READERS {
        let broken = opened.store.snapshot(|_| Box::pin(async move { panic!("on purpose") }));
        assert!(matches!(broken.await as Result<(), _>, Err(StoreError::Internal(_))));
    }
    keep(&opened.store, "last".into()).await.unwrap();
    for _ in 0..2 * READERS {
        assert_eq!(opened.store.read(count).await.unwrap(), 4);
        assert_eq!(opened.store.snapshot(count).await.unwrap(), 4);
    }
}

#[tokio::test]
async fn a_snapshot_is_of_one_instant() {
    let opened = opened(Durability::Full);
    keep(&opened.store, "before".into()).await.unwrap();
    let writer = Arc::clone(&opened.store);
    let runtime = tokio::runtime::Handle::current();
    let seen = tokio::task::spawn_blocking(move || {
        let inner = Arc::clone(&writer);
        let handle = runtime.clone();
        runtime.block_on(writer.snapshot(move |conn| {
            Box::pin(async move {
                let first = number(conn, "count(*) FROM idempotency").await;
                let write = std::thread::spawn(move || handle.block_on(keep(&inner, "within".into())));
                write.join().unwrap().unwrap();
                Ok((first, number(conn, "count(*) FROM idempotency").await))
            })
        }))
    });
    assert_eq!(seen.await.unwrap().unwrap(), (1, 1));
    assert_eq!(stored(&opened.path), ["before", "within"]);
}

#[tokio::test]
async fn a_store_that_cannot_write_says_so_until_it_can() {
    let mut opened = opened(Durability::Full);
    let path = opened.path.clone();
    let impatient = move || {
        let mut conn = connect(&path, Durability::Full)?;
        conn.batch_execute("PRAGMA busy_timeout = 1").map_err(unavailable)?;
        Ok(Conn::new(conn))
    };
    let writer = Lane::start("writer", Kind::Write, Box::new(impatient)).unwrap();
    Arc::get_mut(&mut opened.store).unwrap().writer = writer;
    let store = &opened.store;
    store.ping().await.unwrap();
    let mut stranger = SqliteConnection::establish(&opened.path.to_string_lossy()).unwrap();
    diesel::connection::SimpleConnection::batch_execute(&mut stranger, "BEGIN IMMEDIATE").unwrap();
    // Nobody has tried to write: nothing is known, and asking costs nothing.
    store.ping().await.unwrap();
    assert!(matches!(keep(store, "refused".to_owned()).await, Err(StoreError::Unavailable { .. })));
    for _ in 0..3 {
        assert!(matches!(store.ping().await, Err(StoreError::Unavailable { .. })));
    }
    assert_eq!(store.read(count).await.unwrap(), 0, "reading works meanwhile");
    diesel::connection::SimpleConnection::batch_execute(&mut stranger, "COMMIT").unwrap();
    store.ping().await.unwrap();
    assert!(!AtomicBool::load(&store.in_doubt, Ordering::Relaxed));
    keep(store, "kept".to_owned()).await.unwrap();
    // A refusal that has to do with the request is no failure of the database.
    assert!(matches!(keep(store, "kept".to_owned()).await, Err(StoreError::Conflict(_))));
    assert!(!AtomicBool::load(&store.in_doubt, Ordering::Relaxed));
}

#[tokio::test]
async fn a_look_sees_what_was_just_written_and_outlives_a_panic() {
    let opened = opened(Durability::Full);
    let store = &opened.store;
    for written in 1..=20 {
        keep(store, format!("key {written}")).await.unwrap();
        assert_eq!(store.look(count).await.unwrap(), written);
    }
    let panics = store.look(|_| Box::pin(async { if true { panic!("a query") } else { Ok(()) } })).await;
    assert!(matches!(panics, Err(StoreError::Internal(_))), "{panics:?}");
    assert_eq!(store.look(count).await.unwrap(), 20);
    let writes = store.look(|conn| Box::pin(async { insert(conn, "by a look").await })).await;
    assert!(writes.is_err(), "{writes:?}");
    // With every connection in use the readers do it.
    let taken: Vec<_> = store.looks.iter().map(|look| look.free().unwrap()).collect();
    assert_eq!(store.look(count).await.unwrap(), 20);
    drop(taken);
}

#[tokio::test]
async fn a_full_database_refuses_and_goes_on_when_there_is_room() {
    let opened = opened(Durability::Full);
    let path = opened.path.clone();
    let writer = Lane::start(
        "writer",
        Kind::Write,
        Box::new(move || {
            let mut conn = connect(&path, Durability::Full)?;
            conn.batch_execute("PRAGMA max_page_count = 80").map_err(unavailable)?;
            Ok(Conn::new(conn))
        }),
    );
    let store = Arc::new(Store {
        looks: Vec::new(),
        writer: writer.unwrap(),
        readers: Vec::new(),
        next_reader: AtomicUsize::new(0),
        in_doubt: AtomicBool::new(false),
    });
    let mut acknowledged = Vec::new();
    let refused = loop {
        let key = format!("{:05}{}", acknowledged.len(), "x".repeat(2_000));
        match keep(&store, key.clone()).await {
            Ok(()) => acknowledged.push(key),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::Unavailable { certain: true, .. }), "{refused:?}");
    assert_eq!(stored(&opened.path), acknowledged);
    // In a group, those that still fit are kept, and nobody is told anything wrong.
    let mut calls = JoinSet::new();
    let go = held(&store, &mut calls).await;
    let (told, mut answers) = tokio::sync::mpsc::unbounded_channel();
    for job in 0..8 {
        let (writer, told) = (Arc::clone(&store), told.clone());
        let key = if job % 2 == 0 { format!("short {job}") } else { format!("{job}{}", "x".repeat(3_000)) };
        calls.spawn(async move {
            let done = keep(&writer, key.clone()).await;
            told.send((key, done)).unwrap();
        });
        queued(&store, job + 1).await;
    }
    drop((go, told));
    calls.join_all().await;
    while let Some((key, done)) = answers.recv().await {
        match done {
            Ok(()) => acknowledged.push(key),
            Err(StoreError::Unavailable { .. }) => {}
            Err(other) => panic!("{key:.9} has come to {other:?}"),
        }
    }
    acknowledged.sort();
    assert_eq!(stored(&opened.path), acknowledged);
    let more = store.write(|conn| {
        Box::pin(async move { Ok(conn.batch_execute("PRAGMA max_page_count = 100000").await?) })
    });
    more.await.unwrap();
    keep(&store, "y".repeat(9_000)).await.unwrap();
}
