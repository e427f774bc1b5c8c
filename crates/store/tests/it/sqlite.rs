//! What SQLite promises beside the contracts. `src/sqlite/tests.rs` looks at the same from inside.

use crate::open::open;
use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use maru_domain::error::StoreError;
use maru_domain::messages::ports::{NewSend, SendOutcome};
use maru_domain::once::Once;
use maru_domain::services::StorePorts;
use maru_store::{Location, OpenError, Store};
use maru_testkit::contracts::durable::{
    conflict, new_session, new_user, ok, once, room, send_to, sent, sound, turn_now,
};
use maru_testkit::throwaway::sqlite_dir;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::task::JoinSet;

struct Opened {
    ports: StorePorts,
    path: PathBuf,
    _dir: TempDir,
}

async fn opened() -> Opened {
    let dir = sqlite_dir();
    let path = dir.path().join("maru.db");
    let Store { ports, .. } = open(&Location::Sqlite(path.clone())).await;
    Opened { ports, path, _dir: dir }
}

impl Opened {
    /// Another program that has the file open, as a backup or a person with `sqlite3`.
    fn stranger(&self) -> SqliteConnection {
        SqliteConnection::establish(&self.path.to_string_lossy()).unwrap()
    }
}

#[tokio::test]
async fn one_server_has_the_file() {
    let dir = sqlite_dir();
    let location = Location::Sqlite(dir.path().join("maru.db"));
    let other = Location::Sqlite(dir.path().join("other.db"));
    let lock = maru_store::lock(&location).unwrap();
    let refused = maru_store::lock(&location).unwrap_err();
    assert!(matches!(&refused, OpenError::InUse(path) if path.ends_with("maru.db")), "{refused}");
    let _other = maru_store::lock(&other).unwrap();
    drop(lock);
    maru_store::lock(&location).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_that_fail_take_nobody_along() {
    let opened = opened().await;
    let mut calls = JoinSet::new();
    for number in 0..600 {
        let users = opened.ports.users.clone();
        let name = format!("user {}", number % 150);
        calls.spawn(async move { users.register(new_user(&name), Some(new_session(0)), None).await });
    }
    let mut made = 0;
    for outcome in calls.join_all().await {
        match outcome {
            Ok(Once::Done(_)) => made += 1,
            other => assert_eq!(conflict(other), "users_username_key"),
        }
    }
    assert_eq!(made, 150);
    let mut names: Vec<_> =
        ok(opened.ports.users.list(0, 1_000).await).into_iter().map(|user| user.username).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 150);
}

#[tokio::test]
async fn another_program_that_writes_delays_and_loses_nothing() {
    let opened = opened().await;
    let room = room(&opened.ports).await.id;
    let mut stranger = opened.stranger();
    stranger.batch_execute("BEGIN IMMEDIATE; UPDATE rooms SET name = 'theirs'").unwrap();
    let mut send = opened.ports.messages.send(send_to(room, "hello"));
    assert!(futures_util::poll!(&mut send).is_pending());
    // Readers do not wait for it, and do not see it.
    assert_eq!(sound(&opened.ports, room).await.room.name, "");
    assert!(futures_util::poll!(&mut send).is_pending());
    stranger.batch_execute("COMMIT").unwrap();
    let SendOutcome::Stored(Once::Done(stored)) = send.await.unwrap() else { panic!("not stored") };
    assert_eq!((stored.room.name.as_str(), stored.message.seq), ("theirs", 1));
    sound(&opened.ports, room).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_program_that_does_not_let_go_is_told_apart_from_a_loss() {
    let opened = opened().await;
    let room = room(&opened.ports).await.id;
    let mut stranger = opened.stranger();
    stranger.batch_execute("BEGIN IMMEDIATE").unwrap();
    let keyed = |number: usize| NewSend {
        once: Some(once(&format!("{number}"))),
        queue_limit: 100,
        ..send_to(room, &format!("{number}"))
    };
    let mut calls = JoinSet::new();
    for number in 0..10 {
        let (messages, send) = (opened.ports.messages.clone(), keyed(number));
        calls.spawn(async move { (number, messages.send(send).await) });
    }
    // The first group has waited for as long as it may; what came later may still wait.
    let (first, refused) = calls.join_next().await.unwrap().unwrap();
    assert!(matches!(refused, Err(StoreError::Unavailable { certain: true, .. })), "{refused:?}");
    assert_eq!(sound(&opened.ports, room).await.messages, []);
    stranger.batch_execute("ROLLBACK").unwrap();
    let mut again = vec![first];
    for (number, outcome) in calls.join_all().await {
        match outcome {
            Ok(SendOutcome::Stored(Once::Done(_))) => {}
            Err(StoreError::Unavailable { certain: true, .. }) => again.push(number),
            other => panic!("neither stored nor refused: {other:?}"),
        }
    }
    for number in again {
        sent(&opened.ports, keyed(number)).await;
    }
    assert_eq!(sound(&opened.ports, room).await.messages.len(), 20);
}

#[tokio::test]
async fn what_is_stored_is_there_when_the_file_is_opened_again() {
    let opened = opened().await;
    let room = room(&opened.ports).await.id;
    let stored = sent(&opened.ports, send_to(room, "hello")).await;
    let before = sound(&opened.ports, room).await;
    let Opened { ports, path, _dir } = opened;
    drop(ports);
    let Store { ports, .. } = open(&Location::Sqlite(path)).await;
    assert_eq!(sound(&ports, room).await, before);
    assert_eq!(turn_now(&ports, stored.turn.id).await.turn, stored.turn);
}

#[tokio::test]
async fn a_file_of_something_else_is_refused_and_left_alone() {
    let dir = sqlite_dir();
    let path = dir.path().join("maru.db");
    let text = "this is a letter and not a database, whatever its name says. ".repeat(100);
    std::fs::write(&path, &text).unwrap();
    let refused = maru_store::migrate(&Location::Sqlite(path.clone())).await.unwrap_err();
    assert!(refused.to_string().contains("database"), "{refused}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    // A folder where the file should be.
    std::fs::create_dir(dir.path().join("folder")).unwrap();
    assert!(maru_store::migrate(&Location::Sqlite(dir.path().join("folder"))).await.is_err());
    assert!(maru_store::migrate(&Location::Sqlite(path.join("below/a/file.db"))).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_at_once_are_run_once() {
    for _ in 0..20 {
        let dir = sqlite_dir();
        let location = Location::Sqlite(dir.path().join("new/folder/maru.db"));
        let mut calls = JoinSet::new();
        for _ in 0..4 {
            let location = location.clone();
            calls.spawn(async move { maru_store::migrate(&location).await.unwrap() });
        }
        let mut run: Vec<String> = calls.join_all().await.into_iter().flatten().collect();
        run.sort();
        let all = run.clone();
        run.dedup();
        assert_eq!(run, all);
        assert_eq!(maru_store::pending(&location).await.unwrap(), [""; 0]);
    }
}

#[test]
fn a_password_is_never_shown() {
    for (url, shown) in [
        ("postgres://maru:s3cret@db:5432/maru", "postgres://…@db:5432/maru"),
        ("postgresql://maru:s3cret@db/maru?sslmode=require", "postgresql://…@db/maru"),
        ("postgres://db/maru?user=maru&password=s3cret", "postgres://db/maru"),
        ("postgres://db/maru?password=s3cret@x", "postgres://…"),
        ("postgres://maru:s3@cret@db/maru", "postgres://…@db/maru"),
        ("postgres://maru:p?s3cret@db/maru", "postgres://…"),
        ("postgres://db/maru", "postgres://db/maru"),
    ] {
        let location = Location::parse(url).unwrap();
        assert_eq!(location.shown(), shown);
        assert!(!format!("{location:?}").contains("cret"));
    }
    assert_eq!(Location::parse("sqlite:./data/maru.db").unwrap().shown(), "sqlite:./data/maru.db");
    for url in ["", "sqlite:", "sqlite::memory:", "mysql://u:s3cret@db/x", "maru.db"] {
        assert!(!format!("{:?}", Location::parse(url).unwrap_err()).contains("s3cret"));
    }
}
