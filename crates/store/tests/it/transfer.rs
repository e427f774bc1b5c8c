//! `maru move`: everything, there and back, also when it is cut off.

use crate::open::open;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use maru_domain::services::StorePorts;
use maru_store::{Durability, Location, Moved, OpenError, Step, Store};
use maru_testkit::contracts::durable::{exchange, new_user, ok, once, room, send_to, sent, session, user};
use maru_testkit::throwaway::{Database, Postgres, sqlite_dir};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

fn at(path: &Path) -> Location {
    Location::Sqlite(path.to_owned())
}

async fn database() -> (Database, Location) {
    let database = Postgres::shared().await.database().await;
    let location = Location::Postgres(database.url.clone());
    (database, location)
}

/// Something of everything, and texts that a format could stumble over. `large` fills several parts.
async fn filled(path: &Path, large: usize) -> StorePorts {
    let ports = open(&at(path)).await.ports;
    let anna = user(&ports, "anna").await;
    session(&ports, &anna, 0).await;
    let gone = user(&ports, "gone").await;
    let id = room(&ports).await.id;
    for text in
        ["tab\tand\nline\r\nend", "\\N \\. \\x41", "'quotes' \"and\" `more`", "가나다 🌱 \u{10ffff}", " "]
    {
        exchange(&ports, id, text, &text.repeat(3)).await;
    }
    let mut keyed = send_to(id, "one that waits");
    keyed.once = Some(once("key ' with \t 한글"));
    keyed.metadata = serde_json::from_str(r#"{"a": [1, 2.5, null, true], "b": {"c": "\u0001\\ \"가\""}}"#)
        .expect("an object");
    sent(&ports, keyed).await;
    let big = room(&ports).await.id;
    for number in 0..large {
        exchange(&ports, big, &number.to_string(), &"x".repeat(30_000)).await;
    }
    ok(ports.users.delete(gone.id).await);
    let mut conn = SqliteConnection::establish(&path.to_string_lossy()).unwrap();
    conn.batch_execute(
        "INSERT INTO plants VALUES ('p', 'c', 'n'); INSERT INTO processes VALUES ('q', 'p', 'c', 'n');
         INSERT INTO lines VALUES ('l', 'q', 'c', 'n');
         INSERT INTO plcs VALUES ('u', 'i', 'n', NULL, 'l', 1, -1, '', 0, NULL, NULL);
         UPDATE messages SET quote = '{\"id\": 1, \"text\": \"q\"}', deleted_at = 5 WHERE number = 3;
         UPDATE rooms SET message_count = message_count - 1 WHERE number = 1;
         DELETE FROM quotes WHERE number > 40;
         INSERT INTO api_keys SELECT x'000102030405060708090a0b0c0d0e0f', id, 'k', x'00ff5c00', 1, NULL, NULL, NULL FROM users LIMIT 1;",
    )
    .unwrap();
    ports
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// Every row of every table but the marks of migrations, read without our code.
fn dump(path: &Path) -> Vec<String> {
    let mut conn = SqliteConnection::establish(&path.to_string_lossy()).unwrap();
    let tables = "SELECT name AS line FROM pragma_table_list WHERE schema = 'main' AND type = 'table' \
                  AND name NOT LIKE 'sqlite%' AND name NOT LIKE '\\_\\_%' ESCAPE '\\' ORDER BY name";
    let tables: Vec<Line> = diesel::sql_query(tables).load(&mut conn).unwrap();
    assert!(tables.len() >= 13, "{}", tables.len());
    let mut lines = Vec::new();
    for table in tables {
        let columns = format!("SELECT name AS line FROM pragma_table_info('{}')", table.line);
        let columns: Vec<Line> = diesel::sql_query(columns).load(&mut conn).unwrap();
        // PostgreSQL writes JSON with other spaces.
        let cells = columns.iter().map(|column| match column.line.as_str() {
            json @ ("metadata" | "quote" | "plc_snapshot") => format!("quote(json({json}))"),
            other => format!("quote(\"{other}\")"),
        });
        let row = cells.collect::<Vec<_>>().join(" || '|' || ");
        let rows = format!("SELECT '{0}:' || {row} AS line FROM \"{0}\" ORDER BY 1", table.line);
        let rows: Vec<Line> = diesel::sql_query(rows).load(&mut conn).unwrap();
        lines.extend(rows.into_iter().map(|row| row.line));
    }
    lines
}

async fn moved(from: &Location, to: &Location) -> Result<Moved, OpenError> {
    maru_store::transfer(from, to, false, &|_| {}).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_goes_there_and_comes_back() {
    let dir = sqlite_dir();
    let (path, back) = (dir.path().join("maru.db"), dir.path().join("back.db"));
    drop(filled(&path, 3).await);
    let (_database, postgres) = database().await;
    let (copied, rows) = (AtomicU64::new(0), AtomicU64::new(0));
    let told = |step: Step| match step {
        Step::Copied(more) => {
            copied.fetch_add(more, Ordering::Relaxed);
        }
        Step::Rows(all) => rows.store(all, Ordering::Relaxed),
        _ => {}
    };
    let there = maru_store::transfer(&at(&path), &postgres, false, &told).await.unwrap();
    let all: u64 = there.tables.iter().map(|(_, rows, _)| rows).sum();
    assert_eq!((copied.load(Ordering::Relaxed), rows.load(Ordering::Relaxed), there.resumed), (all, all, 0));
    assert!(all > 100, "{there:?}");
    let again = moved(&postgres, &at(&back)).await.unwrap();
    assert_eq!(again.tables, there.tables, "the same checksums");
    assert_eq!(dump(&path), dump(&back));
    // Both are databases like any other, and no number is given twice: that of who is gone neither.
    for location in [postgres, at(&back)] {
        let ports = Store::open(&location, Durability::Full, 2).await.unwrap().ports;
        let bert = user(&ports, "bert").await;
        assert_eq!(bert.number, 3);
        let id = room(&ports).await.id;
        exchange(&ports, id, "on", "and on").await;
        assert_eq!(ports.upkeep.broken().await.unwrap(), []);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_in_use_is_not_moved_into_or_out_of() {
    let dir = sqlite_dir();
    let (path, other) = (dir.path().join("maru.db"), dir.path().join("other.db"));
    drop(filled(&path, 0).await);
    let (_database, postgres) = database().await;
    for (from, to, words) in [
        (at(&path), at(&other), "maru backup"),
        (postgres.clone(), postgres.clone(), "pg_dump"),
        (at(&other), postgres.clone(), "nothing to move"),
        (postgres.clone(), at(&other), "lacks 0001_accounts"),
    ] {
        let refused = moved(&from, &to).await.unwrap_err();
        assert!(refused.to_string().contains(words), "{refused}");
    }
    let lock = maru_store::lock(&at(&path)).unwrap();
    let refused = moved(&at(&path), &postgres).await.unwrap_err();
    assert!(matches!(refused, OpenError::InUse(_)), "{refused}");
    drop(lock);
    // Somebody has used it.
    let store = open(&postgres).await;
    ok(store.ports.users.register(new_user("theirs"), None, None).await);
    let refused = moved(&at(&path), &postgres).await.unwrap_err();
    assert!(refused.to_string().contains("stop every server"), "{refused}");
    drop(store);
    let refused = moved(&at(&path), &postgres).await.unwrap_err();
    assert!(refused.to_string().contains("holds users already"), "{refused}");
    let refused = maru_store::transfer(&at(&path), &postgres, true, &|_| {}).await.unwrap_err();
    assert!(
        refused.to_string().contains("holds users already"),
        "to start over is not to overwrite: {refused}"
    );
    let refused = moved(&postgres, &at(&path)).await.unwrap_err();
    assert!(refused.to_string().contains("already"), "{refused}");
}

/// Parts after which it is cut off: every small table has gone by then, and no large one.
const CUT: u64 = 9;

/// Begins to move and stops in the middle.
async fn cut_off(from: &Location, to: &Location) {
    let (parts, enough) = (AtomicU64::new(0), tokio::sync::Notify::new());
    let told = |step: Step| {
        if matches!(step, Step::Copied(rows) if rows > 0) && parts.fetch_add(1, Ordering::Relaxed) + 1 == CUT
        {
            enough.notify_one();
        }
    };
    tokio::select! {
        biased;
        () = enough.notified() => {}
        done = maru_store::transfer(from, to, false, &told) => panic!("it was done before it was cut off: {done:?}"),
    }
}

/// Moves when those that were cut off have let go.
async fn moved_on(from: &Location, to: &Location, start_over: bool) -> Result<Moved, OpenError> {
    let began = Instant::now();
    loop {
        match maru_store::transfer(from, to, start_over, &|_| {}).await {
            Err(OpenError::InUse(_)) if began.elapsed() < Duration::from_secs(30) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            other => return other,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_is_cut_off_goes_on() {
    let dir = sqlite_dir();
    let (path, back): (PathBuf, PathBuf) = (dir.path().join("maru.db"), dir.path().join("back.db"));
    drop(filled(&path, 600).await);
    let (_database, postgres) = database().await;
    for (from, to) in [(at(&path), postgres.clone()), (postgres.clone(), at(&back))] {
        cut_off(&from, &to).await;
        // Nobody may take a part for the whole.
        let refused = maru_store::pending(&to).await.unwrap_err();
        assert!(refused.to_string().contains("cut off"), "{refused}");
        let refused = maru_store::migrate(&to).await.unwrap_err();
        assert!(refused.to_string().contains("cut off"), "{refused}");
        let done = moved_on(&from, &to, false).await.unwrap();
        let all: u64 = done.tables.iter().map(|(_, rows, _)| rows).sum();
        assert!(done.resumed > 0 && done.resumed < all, "{} of {all}", done.resumed);
        assert_eq!(maru_store::pending(&to).await.unwrap(), [""; 0]);
    }
    assert_eq!(dump(&path), dump(&back));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changed_meanwhile_is_found_out() {
    let dir = sqlite_dir();
    let (path, other) = (dir.path().join("maru.db"), dir.path().join("other.db"));
    drop(filled(&path, 600).await);
    std::fs::copy(&path, &other).unwrap();
    let (_database, postgres) = database().await;
    cut_off(&at(&path), &postgres).await;
    let refused = moved_on(&at(&other), &postgres, false).await.unwrap_err();
    assert!(
        refused.to_string().contains("maru.db") && refused.to_string().contains("--start-over"),
        "{refused}"
    );
    let mut conn = SqliteConnection::establish(&path.to_string_lossy()).unwrap();
    conn.batch_execute("UPDATE users SET email = 'other@example.com'; DELETE FROM plcs").unwrap();
    let refused = moved_on(&at(&path), &postgres, false).await.unwrap_err();
    let told = refused.to_string();
    assert!(told.contains("do not agree") && told.contains("users (other content)"), "{told}");
    assert!(told.contains("--start-over"), "{told}");
    assert!(maru_store::pending(&postgres).await.is_err());
    let done = moved_on(&at(&path), &postgres, true).await.unwrap();
    assert_eq!(done.resumed, 0);
    assert_eq!(maru_store::pending(&postgres).await.unwrap(), [""; 0]);
}
