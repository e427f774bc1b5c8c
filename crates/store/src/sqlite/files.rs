//! A SQLite file as a thing to keep: copied while a server writes to it, looked through, put back.

use super::{connect, private_file, refused};
use crate::{Contents, Durability, Kept, OpenError, Restored};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

/// What a backup says of itself; taken out again when it is put back.
const LABEL: &str = "maru_backup";
/// How often what was written of a copy is sent to the disk. All of it at the end would make every commit
/// of a running server wait behind it.
const FLUSH: Duration = Duration::from_millis(50);
/// How many faults of a file are told.
const TOLD: usize = 5;

#[derive(QueryableByName)]
struct Word {
    #[diesel(sql_type = Text)]
    word: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct Orphan {
    #[diesel(sql_type = Text)]
    table: String,
    #[diesel(sql_type = Nullable<Text>)]
    parent: Option<String>,
}

/// The path with something after its name, as SQLite does for its own files.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn words(conn: &mut SqliteConnection, sql: &str) -> QueryResult<Vec<String>> {
    let found: Vec<Word> = diesel::sql_query(sql).load(conn)?;
    Ok(found.into_iter().map(|row| row.word).collect())
}

/// The tables that hold something of maru's.
pub fn tables(conn: &mut SqliteConnection) -> QueryResult<Vec<String>> {
    words(
        conn,
        "SELECT name AS word FROM pragma_table_list WHERE schema = 'main' AND type = 'table' \
         AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_\\_diesel\\_%' ESCAPE '\\' \
         AND name NOT LIKE 'maru\\_%' ESCAPE '\\' ORDER BY name",
    )
}

fn rows(conn: &mut SqliteConnection) -> QueryResult<BTreeMap<String, i64>> {
    let mut rows = BTreeMap::new();
    for table in tables(conn)? {
        let counted: Count =
            diesel::sql_query(format!("SELECT count(*) AS count FROM \"{table}\"")).get_result(conn)?;
        rows.insert(table, counted.count);
    }
    Ok(rows)
}

/// What is broken in a file: SQLite's own look at every page and index, and at every reference.
pub fn faults(conn: &mut SqliteConnection) -> QueryResult<Vec<String>> {
    let mut faults = words(conn, "SELECT integrity_check AS word FROM pragma_integrity_check")?;
    faults.retain(|line| line != "ok");
    let orphans: Vec<Orphan> =
        diesel::sql_query("SELECT \"table\", parent FROM pragma_foreign_key_check").load(conn)?;
    faults.extend(orphans.into_iter().map(|orphan| {
        format!(
            "a row of {} names a row of {} that is not there",
            orphan.table,
            orphan.parent.unwrap_or_default()
        )
    }));
    Ok(faults)
}

/// Opens a copy that nobody else uses and looks through all of it.
fn examine(path: &Path) -> Result<(SqliteConnection, Contents), OpenError> {
    let broken = |what: &dyn std::fmt::Display| refused(format!("{} cannot be used: {what}", path.display()));
    let mut conn = SqliteConnection::establish(&path.to_string_lossy()).map_err(|error| broken(&error))?;
    // Which page is damaged decides whether a look through it tells of the fault or fails itself.
    let fails = |error: diesel::result::Error| match error.to_string() {
        error if error.contains("malformed") => broken(&format!("it is damaged: {error}")),
        error => broken(&error),
    };
    let mut found = faults(&mut conn).map_err(fails)?;
    if !found.is_empty() {
        let more = found.len().saturating_sub(TOLD);
        found.truncate(TOLD);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        return Err(broken(&format!("it is damaged: {}{more}", found.join("; "))));
    }
    let rows = rows(&mut conn).map_err(|error| broken(&error))?;
    if !rows.contains_key("rooms") || !rows.contains_key("messages") {
        return Err(broken(&"it is no database of maru's"));
    }
    let levels = super::levels_of(&mut conn)?.known()?;
    Ok((conn, Contents { rows, level: levels.applied.last().cloned().unwrap_or_default() }))
}

/// Copies the database as it is at one instant into a file that is not there yet. Writers go on: SQLite
/// reads a snapshot. Answers what the copy holds, after it was read again in full.
pub fn backup(path: &Path, to: &Path) -> Result<Kept, OpenError> {
    if !path.exists() {
        return Err(refused(format!("{} is not there; there is nothing to back up", path.display())));
    }
    if to.is_dir() {
        return Err(refused(format!("{} is a directory; name a file in it", to.display())));
    }
    if to.exists() {
        return Err(refused(format!("{} is there already; name another file", to.display())));
    }
    // None is made: a disk that is not mounted must not become a folder on this one.
    if let Some(folder) = to.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        return Err(refused(format!(
            "there is no directory {}; make it, or name another place for the backup",
            folder.display()
        )));
    }
    let part = beside(to, ".part");
    discard(&part);
    let made = copy(path, &part).and_then(|()| label(&part));
    let kept = made.and_then(|contents| {
        let file = File::open(&part).map_err(OpenError::store)?;
        file.sync_all().map_err(OpenError::store)?;
        let (bytes, sha256) = digest(file).map_err(OpenError::store)?;
        // A link is refused where a file is: whoever made one meanwhile keeps it.
        fs::hard_link(&part, to)
            .or_else(|error| match error.kind() {
                ErrorKind::AlreadyExists => Err(error),
                _ => fs::rename(&part, to),
            })
            .map_err(OpenError::store)?;
        sync_folder(to);
        Ok(Kept { path: to.to_owned(), contents, bytes, sha256 })
    });
    discard(&part);
    kept
}

/// Takes away an unfinished copy.
pub fn abandon(to: &Path) {
    discard(&beside(to, ".part"));
}

/// `VACUUM INTO`: a snapshot, whole and without the room that deleted rows have left.
fn copy(path: &Path, part: &Path) -> Result<(), OpenError> {
    let mut conn = connect(path, Durability::Full).map_err(OpenError::store)?;
    // Its folder says who may read it only when SQLite makes it: so it is made here.
    private_file(part).map_err(OpenError::store)?;
    let (done, over) = mpsc::channel::<()>();
    let flushed = part.to_owned();
    let flusher = std::thread::spawn(move || {
        let Ok(file) = File::open(flushed) else { return };
        while over.recv_timeout(FLUSH) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = file.sync_data();
        }
    });
    let into = format!("VACUUM INTO '{}'", part.to_string_lossy().replace('\'', "''"));
    let copied = conn.batch_execute(&into);
    drop(done);
    let _ = flusher.join();
    copied.map_err(|error| refused(format!("the backup could not be written: {error}")))
}

/// Looks the copy through and writes into it what it holds.
fn label(part: &Path) -> Result<Contents, OpenError> {
    let (mut conn, contents) = examine(part)?;
    // What the source had when it was itself a backup that somebody serves.
    let table = format!(
        "DROP TABLE IF EXISTS {LABEL}; CREATE TABLE {LABEL} (name TEXT PRIMARY KEY NOT NULL, rows INTEGER NOT NULL)"
    );
    conn.batch_execute(&table).map_err(OpenError::store)?;
    for (name, rows) in &contents.rows {
        diesel::sql_query(format!("INSERT INTO {LABEL} (name, rows) VALUES (?, ?)"))
            .bind::<Text, _>(name)
            .bind::<BigInt, _>(rows)
            .execute(&mut conn)
            .map_err(OpenError::store)?;
    }
    Ok(contents)
}

fn digest(mut file: File) -> std::io::Result<(u64, String)> {
    let (mut hash, mut bytes, mut block) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        let read = file.read(&mut block)?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        hash.update(&block[..read]);
    }
    let mut text = String::new();
    for byte in hash.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    Ok((bytes, text))
}

/// Puts a backup in the database's place. The caller holds the lock. What was there is kept beside it.
pub fn restore(from: &Path, path: &Path, overwrite: bool) -> Result<Restored, OpenError> {
    let holds = fs::metadata(path).is_ok_and(|file| file.len() > 0);
    if holds && !overwrite {
        return Err(refused(format!(
            "{} holds a database; say --overwrite to put the backup in its place (the old one is kept beside it)",
            path.display()
        )));
    }
    let coming = beside(path, ".restoring");
    discard(&coming);
    let checked = bring(from, &coming);
    let restored = checked.and_then(|contents| {
        let kept = if holds { Some(set_aside(path).map_err(OpenError::store)?) } else { None };
        fs::rename(&coming, path).map_err(OpenError::store)?;
        sync_folder(path);
        Ok(Restored { contents, kept })
    });
    discard(&coming);
    restored
}

/// Copies a backup beside its place and looks the copy through. The file itself is only read.
fn bring(from: &Path, coming: &Path) -> Result<Contents, OpenError> {
    let unread = |error: std::io::Error| refused(format!("{} could not be copied: {error}", from.display()));
    // A copy that was made by hand may have its latest writes beside it.
    for suffix in ["", "-wal"] {
        let source = beside(from, suffix);
        if suffix.is_empty() || source.exists() {
            let target = beside(coming, suffix);
            private_file(&target).map_err(unread)?;
            let mut to = File::options().write(true).truncate(true).open(&target).map_err(unread)?;
            std::io::copy(&mut File::open(&source).map_err(unread)?, &mut to).map_err(unread)?;
        }
    }
    let (mut conn, contents) = examine(coming).map_err(|error| match error {
        OpenError::Refused(words) => {
            refused(words.replace(&coming.display().to_string(), &from.display().to_string()))
        }
        other => other,
    })?;
    let labelled =
        words(&mut conn, &format!("SELECT name AS word FROM pragma_table_list WHERE name = '{LABEL}'"));
    if labelled.is_ok_and(|found| !found.is_empty()) {
        let off = format!("SELECT name AS word FROM {LABEL}");
        for name in words(&mut conn, &off).map_err(OpenError::store)? {
            let sql = format!("SELECT rows AS count FROM {LABEL} WHERE name = ?");
            let said: Count = diesel::sql_query(sql)
                .bind::<Text, _>(&name)
                .get_result(&mut conn)
                .map_err(OpenError::store)?;
            let found = contents.rows.get(&name).copied().unwrap_or_default();
            if said.count != found {
                let count = said.count;
                return Err(refused(format!(
                    "{} says that it holds {count} rows of {name} and holds {found}; it was changed after it was made",
                    from.display()
                )));
            }
        }
        conn.batch_execute(&format!("DROP TABLE {LABEL}")).map_err(OpenError::store)?;
    }
    let whole = "PRAGMA journal_mode = DELETE";
    conn.batch_execute(whole).map_err(OpenError::store)?;
    drop(conn);
    File::open(coming).and_then(|file| file.sync_all()).map_err(OpenError::store)?;
    Ok(contents)
}

/// Gives the present database another name, with the log that belongs to it. At every instant there is a
/// database at `path`: a server that started without one would make a new one.
fn set_aside(path: &Path) -> std::io::Result<PathBuf> {
    let kept = free_name(path, ".replaced");
    // First, or the log would be taken for the new file's.
    for suffix in ["-wal", "-shm"] {
        match fs::rename(beside(path, suffix), beside(&kept, suffix)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::hard_link(path, &kept)?;
    Ok(kept)
}

/// `maru.db.replaced`, or the first of `maru.db.replaced-2` and so on that is free.
pub fn free_name(path: &Path, suffix: &str) -> PathBuf {
    let first = beside(path, suffix);
    let numbered = (2..).map(|number| beside(path, &format!("{suffix}-{number}")));
    std::iter::once(first.clone()).chain(numbered).find(|name| !name.exists()).unwrap_or(first)
}

/// Removes a copy that is not wanted, with what SQLite has put beside it.
fn discard(path: &Path) {
    for suffix in ["", "-journal", "-wal", "-shm"] {
        let _ = fs::remove_file(beside(path, suffix));
    }
}

/// A new name is on the disk when its folder is.
fn sync_folder(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}
