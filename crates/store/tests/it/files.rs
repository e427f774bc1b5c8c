//! Backups, restores and what is kept before a migration.

use crate::open::open;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use maru_domain::ids::RoomId;
use maru_domain::services::StorePorts;
use maru_store::{Durability, Location, OpenError, Store};
use maru_testkit::contracts::durable::{exchange, new_user, ok, room, sound};
use maru_testkit::throwaway::{Postgres, sqlite_dir};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task::JoinSet;

fn at(path: &Path) -> Location {
    Location::Sqlite(path.to_owned())
}

fn sql(path: &Path, sql: &str) {
    let mut conn = SqliteConnection::establish(&path.to_string_lossy()).unwrap();
    conn.batch_execute(sql).unwrap();
}

/// A store with something said in each of its rooms.
async fn talked(path: &Path, rooms: usize) -> (StorePorts, Vec<RoomId>) {
    let ports = open(&at(path)).await.ports;
    let mut ids = Vec::new();
    for _ in 0..rooms {
        let id = room(&ports).await.id;
        exchange(&ports, id, "안녕", "hello").await;
        ids.push(id);
    }
    (ports, ids)
}

/// While others write, only what is read at one instant fits together.
async fn said(ports: &StorePorts, room: RoomId) -> usize {
    ok(ports.rooms.conversation(room).await).expect("the room").messages.len()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_is_made_while_others_write_is_one_instant_of_them() {
    let dir = sqlite_dir();
    let path = dir.path().join("maru.db");
    let (ports, rooms) = talked(&path, 4).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for room in rooms.clone() {
        let (ports, stop) = (ports.clone(), Arc::clone(&stop));
        writers.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                exchange(&ports, room, "again", "and again").await;
            }
        });
    }
    std::fs::create_dir(dir.path().join("kept")).unwrap();
    let mut before = 0;
    for number in 0..3 {
        // What was acknowledged before the backup began is in it.
        let mut acknowledged = 0;
        while acknowledged <= before {
            acknowledged = 0;
            for room in &rooms {
                acknowledged += said(&ports, *room).await;
            }
        }
        before = acknowledged;
        let file = dir.path().join(format!("kept/backup-{number}.db"));
        let kept = maru_store::backup(&at(&path), &file).await.unwrap();
        assert!(usize::try_from(kept.contents.rows["messages"]).unwrap() >= acknowledged, "{kept:?}");
        assert_eq!(kept.bytes, std::fs::metadata(&file).unwrap().len());
        let back = at(&dir.path().join(format!("back-{number}.db")));
        let restored = maru_store::restore(&file, &back, false).await.unwrap();
        assert_eq!(restored.contents, kept.contents);
        let theirs = Store::open(&back, Durability::Full, 2).await.unwrap().ports;
        let mut messages = 0;
        for room in &rooms {
            messages += sound(&theirs, *room).await.messages.len();
        }
        assert_eq!(i64::try_from(messages).unwrap(), kept.contents.rows["messages"]);
        // It is a database like any other.
        exchange(&theirs, rooms[0], "new", "life").await;
    }
    stop.store(true, Ordering::Relaxed);
    writers.join_all().await;
    assert_eq!(names(&dir.path().join("kept")), ["backup-0.db", "backup-1.db", "backup-2.db"]);
}

#[tokio::test]
async fn a_backup_takes_nobodys_file_and_a_restore_nobodys_database() {
    let dir = sqlite_dir();
    let (path, file) = (dir.path().join("maru.db"), dir.path().join("backup.db"));
    let told = maru_store::backup(&at(&path), &file).await.unwrap_err().to_string();
    assert!(told.contains("nothing to back up") && !path.exists() && !file.exists(), "{told}");
    let (ports, rooms) = talked(&path, 1).await;
    maru_store::backup(&at(&path), &file).await.unwrap();
    let before = std::fs::read(&file).unwrap();
    let told = maru_store::backup(&at(&path), &file).await.unwrap_err().to_string();
    assert!(told.contains("is there already"), "{told}");
    exchange(&ports, rooms[0], "later", "than the backup").await;
    let told = maru_store::restore(&file, &at(&path), false).await.unwrap_err().to_string();
    assert!(told.contains("--overwrite"), "{told}");
    assert_eq!(sound(&ports, rooms[0]).await.messages.len(), 4);
    // Not under a server.
    let lock = maru_store::lock(&at(&path)).unwrap();
    let refused = maru_store::restore(&file, &at(&path), true).await.unwrap_err();
    assert!(matches!(refused, OpenError::InUse(_)), "{refused}");
    drop((lock, ports));
    let restored = maru_store::restore(&file, &at(&path), true).await.unwrap();
    let ports = Store::open(&at(&path), Durability::Full, 2).await.unwrap().ports;
    assert_eq!(sound(&ports, rooms[0]).await.messages.len(), 2);
    // What was replaced is all there, with what was only in its log.
    let replaced = restored.kept.unwrap();
    let ports = Store::open(&at(&replaced), Durability::Full, 2).await.unwrap().ports;
    assert_eq!(sound(&ports, rooms[0]).await.messages.len(), 4);
    assert_eq!(std::fs::read(&file).unwrap(), before, "a backup is only read");
}

#[tokio::test]
async fn a_damaged_or_foreign_backup_is_refused_and_changes_nothing() {
    let dir = sqlite_dir();
    let (path, file) = (dir.path().join("maru.db"), dir.path().join("backup.db"));
    let (ports, rooms) = talked(&path, 3).await;
    drop(ports);
    maru_store::backup(&at(&path), &file).await.unwrap();
    let whole = std::fs::read(&file).unwrap();
    let refused = |name: &str, content: Option<Vec<u8>>, change: &str| {
        let bad: PathBuf = dir.path().join(name);
        std::fs::write(&bad, content.unwrap_or_else(|| whole.clone())).unwrap();
        if !change.is_empty() {
            sql(&bad, change);
        }
        let (bad, target) = (bad.clone(), at(&path));
        async move { maru_store::restore(&bad, &target, true).await.unwrap_err().to_string() }
    };
    let mut torn = whole.clone();
    let middle = torn.len() / 8192 * 4096;
    torn[middle..middle + 4096].fill(0x5a);
    let told = refused("torn.db", Some(torn), "").await;
    assert!(told.contains("torn.db") && told.contains("damaged"), "{told}");
    let told = refused("short.db", Some(whole[..whole.len() / 2].to_vec()), "").await;
    assert!(told.contains("short.db"), "{told}");
    let told = refused("text.db", Some(b"no database ".repeat(500)), "").await;
    assert!(told.contains("text.db") && told.contains("not a database"), "{told}");
    let told = refused("empty.db", Some(Vec::new()), "").await;
    assert!(told.contains("no database of maru's"), "{told}");
    let told = refused("fewer.db", None, "DELETE FROM room_events").await;
    assert!(told.contains("rows of room_events") && told.contains("changed after it was made"), "{told}");
    let orphan = "PRAGMA foreign_keys = OFF; DELETE FROM rooms WHERE number = 1";
    let told = refused("orphan.db", None, orphan).await;
    assert!(told.contains("names a row of rooms that is not there"), "{told}");
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')";
    let told = refused("newer.db", None, newer).await;
    assert!(told.contains("9999") && told.contains("newer"), "{told}");
    let told = maru_store::restore(&dir.path().join("nothing.db"), &at(&path), true).await.unwrap_err();
    assert!(told.to_string().contains("there is no file"), "{told}");
    let ports = Store::open(&at(&path), Durability::Full, 2).await.unwrap().ports;
    for room in rooms {
        assert_eq!(sound(&ports, room).await.messages.len(), 2);
    }
    assert!(names(dir.path()).iter().all(|name| !name.contains("restoring")), "{:?}", names(dir.path()));
}

/// What somebody else keeps in a file stays as it is, byte by byte; what is no database is told as that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_somebody_elses_is_left_as_it_is() {
    let dir = sqlite_dir();
    let theirs = dir.path().join("theirs.db");
    sql(&theirs, "CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('keep me')");
    let csv = dir.path().join("notes.csv");
    std::fs::write(&csv, "text\nkeep me, too\n".repeat(100)).unwrap();
    for (path, why) in [(&theirs, "none of maru's"), (&csv, "no SQLite database")] {
        let before = std::fs::read(path).unwrap();
        let looked = maru_store::pending(&at(path)).await.unwrap_err();
        let migrated = maru_store::migrate(&at(path)).await.unwrap_err();
        for told in [looked.to_string(), migrated.to_string()] {
            assert!(told.contains(why) && told.contains("name another file"), "{told}");
        }
        assert_eq!(std::fs::read(path).unwrap(), before);
    }
    // A restore that is refused leaves no database behind, and the next one finds the place free.
    let place = dir.path().join("maru.db");
    maru_store::restore(&csv, &at(&place), false).await.unwrap_err();
    assert!(!place.exists());
    let file = dir.path().join("backup.db");
    let source = dir.path().join("source.db");
    talked(&source, 1).await;
    maru_store::backup(&at(&source), &file).await.unwrap();
    maru_store::restore(&file, &at(&place), false).await.unwrap();
}

/// Takes the last migration back.
fn downgrade(path: &Path) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/sqlite");
    let last = names(&folder).pop().unwrap();
    sql(path, &std::fs::read_to_string(folder.join(&last).join("down.sql")).unwrap());
    let number = last.split('_').next().unwrap();
    sql(path, &format!("DELETE FROM __diesel_schema_migrations WHERE version = '{number}'"));
    last
}

#[tokio::test]
async fn a_file_that_holds_something_is_kept_before_it_is_migrated() {
    let dir = sqlite_dir();
    let path = dir.path().join("maru.db");
    assert_eq!(maru_store::keep_before_migrating(&at(&path)).await.unwrap(), None, "there is nothing");
    assert!(!path.exists());
    drop(open(&at(&path)).await);
    assert_eq!(maru_store::keep_before_migrating(&at(&path)).await.unwrap(), None, "it is up to date");
    let last = downgrade(&path);
    assert_eq!(maru_store::keep_before_migrating(&at(&path)).await.unwrap(), None, "nobody has used it");
    maru_store::migrate(&at(&path)).await.unwrap();
    let ports = Store::open(&at(&path), Durability::Full, 2).await.unwrap().ports;
    ok(ports.users.register(new_user("anna"), None, None).await);
    drop(ports);
    downgrade(&path);
    let kept = maru_store::keep_before_migrating(&at(&path)).await.unwrap().expect("it holds a user");
    let again = maru_store::keep_before_migrating(&at(&path)).await.unwrap().expect("it holds a user");
    assert_ne!(kept, again, "no copy is overwritten");
    let number = last.split('_').next().unwrap();
    assert!(kept.to_string_lossy().ends_with(&format!("maru.db.before-{number}")), "{kept:?}");
    assert_eq!(
        maru_store::pending(&at(&kept)).await.unwrap(),
        std::slice::from_ref(&last),
        "it is as it was before"
    );
    assert_eq!(maru_store::migrate(&at(&path)).await.unwrap(), [last]);
}

#[tokio::test]
async fn what_a_newer_maru_has_made_is_left_alone() {
    let insert = "INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')";
    let dir = sqlite_dir();
    let path = dir.path().join("maru.db");
    drop(open(&at(&path)).await);
    sql(&path, insert);
    let database = Postgres::shared().await.database().await;
    let postgres = Location::Postgres(database.url.clone());
    drop(open(&postgres).await);
    database.sql(insert).await.unwrap();
    for location in [at(&path), postgres] {
        for refused in [
            maru_store::migrate(&location).await.unwrap_err(),
            maru_store::pending(&location).await.unwrap_err(),
        ] {
            assert!(matches!(refused, OpenError::Newer(_)), "{refused}");
            assert!(
                refused.to_string().contains("9999") && refused.to_string().contains("newer"),
                "{refused}"
            );
        }
        let levels = maru_store::levels(&location).await.unwrap();
        assert_eq!((levels.pending.len(), levels.unknown), (0, vec!["9999".to_owned()]));
    }
}
