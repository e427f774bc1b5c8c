//! The SQLite side of a move: statements whose columns are known when it runs.

use super::copy::{begun, encode, ended};
use super::plan::{Plan, SEEDED, Table, quoted};
use super::postgres::Client;
use super::rows::{Cell, Row, Tally, from_text, to_text};
use super::sql::{Cells, Sql};
use super::{MARK, Mark, Marks, PART, SOURCE, Step, Told, not_empty, other_source};
use crate::sqlite::{connect, tidy};
use crate::{Durability, OpenError, refused};
use bytes::{Bytes, BytesMut};
use diesel::connection::{DefaultLoadingMode, SimpleConnection};
use diesel::prelude::*;
use futures_util::StreamExt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Rows on their way to PostgreSQL.
pub struct Part {
    pub bytes: Bytes,
    pub rows: u64,
    pub last: Vec<Cell>,
}

/// A table's parts, as they are read.
pub type Parts = mpsc::Receiver<Result<Part, OpenError>>;

/// Rows that go into one transaction on SQLite, at most.
const ROWS: usize = 5_000;

/// The file, and what there is in it.
pub struct Handle {
    path: PathBuf,
    plan: Plan,
    /// Held until the last thread that works on the file has ended.
    held: Arc<File>,
}

/// About how much room a row takes.
fn size(row: &[Cell]) -> usize {
    let cells = row.iter().map(|cell| match cell {
        Cell::Null | Cell::Int(_) => 8,
        Cell::Text(text) => text.len(),
        Cell::Bytes(bytes) => bytes.len(),
    });
    cells.sum()
}

fn open(path: &Path) -> Result<SqliteConnection, OpenError> {
    connect(path, Durability::Normal).map_err(|error| match error {
        maru_domain::error::StoreError::Unavailable { source, .. } => OpenError::Store(source),
        other => OpenError::store(other),
    })
}

fn failed(error: impl std::fmt::Display) -> OpenError {
    refused(format!("SQLite: {error}"))
}

fn load(conn: &mut SqliteConnection, sql: String) -> Result<Vec<Row>, OpenError> {
    let cells: Vec<Cells> = Sql::plain(sql).load(conn).map_err(failed)?;
    Ok(cells.into_iter().map(|cells| cells.0).collect())
}

fn number(conn: &mut SqliteConnection, sql: String) -> Result<i64, OpenError> {
    match load(conn, sql)?.first().and_then(|row| row.first()) {
        Some(Cell::Int(number)) => Ok(*number),
        _ => Ok(0),
    }
}

/// A key out of a row.
fn key_of(table: &Table, row: &[Cell]) -> Vec<Cell> {
    table.key.iter().filter_map(|place| row.get(*place).cloned()).collect()
}

impl Handle {
    /// `held` is the lock on the file.
    pub fn new(path: &Path, plan: Plan, held: Arc<File>) -> Self {
        Self { path: path.to_owned(), plan, held }
    }

    /// Works away from the runtime's threads, which it would block.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection, &Plan) -> Result<T, OpenError> + Send + 'static,
    ) -> Result<T, OpenError> {
        let (path, plan, held) = (self.path.clone(), self.plan.clone(), Arc::clone(&self.held));
        crate::blocking(move || {
            let done = open(&path).and_then(|mut conn| work(&mut conn, &plan));
            drop(held);
            done
        })
        .await
    }

    pub async fn count(&self) -> Result<u64, OpenError> {
        self.run(|conn, plan| {
            let mut all = 0;
            for table in &plan.tables {
                let rows = number(conn, format!("SELECT count(*) FROM {}", quoted(&table.name)))?;
                all += u64::try_from(rows).unwrap_or_default();
            }
            Ok(all)
        })
        .await
    }

    /// How far an earlier move has come, or a clear beginning.
    pub async fn begin(&self, source: &str, start_over: bool) -> Result<Marks, OpenError> {
        let source = source.to_owned();
        self.run(move |conn, plan| {
            let marked = format!("SELECT count(*) FROM sqlite_schema WHERE name = '{MARK}'");
            let marked = number(conn, marked)? > 0;
            if marked && !start_over {
                return marks(conn, &source);
            }
            if !marked {
                for table in plan.tables.iter().filter(|table| !SEEDED.contains(&table.name.as_str())) {
                    if number(conn, format!("SELECT EXISTS (SELECT 1 FROM {})", quoted(&table.name)))? > 0 {
                        return Err(not_empty(&table.name));
                    }
                }
            }
            let mut sql = format!("PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE; DROP TABLE IF EXISTS {MARK};");
            for table in &plan.tables {
                sql += &format!("DELETE FROM {};", quoted(&table.name));
            }
            sql += &format!(
                "DELETE FROM sqlite_sequence;
                 CREATE TABLE {MARK} (name TEXT PRIMARY KEY NOT NULL, last TEXT NOT NULL, rows INTEGER NOT NULL) STRICT;
                 INSERT INTO {MARK} VALUES ('{SOURCE}', '{}', 0); COMMIT",
                source.replace('\'', "''")
            );
            conn.batch_execute(&sql).map_err(failed)?;
            Ok(Marks::default())
        })
        .await
    }

    /// Reads a table behind its mark, in the order of its key, as PostgreSQL takes it in.
    pub fn read_from(&self, table: &Table, marks: &Marks) -> Parts {
        // One part is read while another is written.
        let (sender, parts) = mpsc::channel(1);
        let (path, table, after) = (self.path.clone(), table.clone(), marks.of(table).last);
        let (failed_start, held) = (sender.clone(), Arc::clone(&self.held));
        let read = move || {
            let _held = held;
            if let Err(error) = read_parts(&path, &table, after, &sender) {
                let _ = sender.blocking_send(Err(error));
            }
        };
        if let Err(error) = std::thread::Builder::new().name("maru-move".to_owned()).spawn(read) {
            let _ = failed_start.try_send(Err(OpenError::store(error)));
        }
        parts
    }

    /// Takes a table's rows in, part by part.
    pub async fn take_in(
        &self,
        table: &Table,
        marks: &Marks,
        postgres: &Client,
        told: Told<'_>,
    ) -> Result<(), OpenError> {
        let mark = marks.of(table);
        let mut rows = pin!(postgres.rows_after(table, mark.last.as_deref()).await?);
        let (sender, receiver) = mpsc::channel::<Vec<Row>>(1);
        let before = mark.rows;
        let written = {
            let table = table.clone();
            self.run(move |conn, _| write_parts(conn, &table, before, receiver))
        };
        let read = async move {
            let (mut part, mut bytes) = (Vec::new(), 0);
            while let Some(row) = rows.next().await {
                let row = row?;
                bytes += size(&row);
                part.push(row);
                if part.len() == ROWS || bytes >= PART {
                    bytes = 0;
                    let full = std::mem::take(&mut part);
                    let count = full.len() as u64;
                    if sender.send(full).await.is_err() {
                        break;
                    }
                    told(Step::Copied(count));
                }
            }
            let count = part.len() as u64;
            if count > 0 && sender.send(part).await.is_ok() {
                told(Step::Copied(count));
            }
            Ok::<(), OpenError>(())
        };
        let (written, read) = futures_util::future::join(written, read).await;
        written.and(read)
    }

    /// The last number that each table has given.
    pub async fn numbers(&self) -> Result<Vec<(String, i64)>, OpenError> {
        self.run(|conn, _| {
            let rows = load(conn, "SELECT name, seq FROM sqlite_sequence".to_owned())?;
            let pairs = rows.into_iter().filter_map(|row| match &row[..] {
                [Cell::Text(name), Cell::Int(number)] => Some((name.clone(), *number)),
                _ => None,
            });
            Ok(pairs.collect())
        })
        .await
    }

    /// Goes on counting where the other database was: a number is never given twice.
    pub async fn carry_numbers(&self, numbers: Vec<(String, i64)>) -> Result<(), OpenError> {
        self.run(move |conn, _| {
            for (table, given) in numbers {
                let name = table.replace('\'', "''");
                conn.batch_execute(&format!(
                    "INSERT INTO sqlite_sequence (name, seq) SELECT '{name}', 0 \
                     WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = '{name}'); \
                     UPDATE sqlite_sequence SET seq = max(seq, {given}) WHERE name = '{name}'"
                ))
                .map_err(failed)?;
            }
            Ok(())
        })
        .await
    }

    /// Counts and sums every table.
    pub async fn sums(&self) -> Result<Vec<Tally>, OpenError> {
        self.run(|conn, plan| {
            let mut sums = Vec::new();
            for table in &plan.tables {
                let kinds = table.kinds();
                let mut tally = Tally::default();
                let sql = Sql::plain(format!("SELECT {} FROM {}", table.list(), quoted(&table.name)));
                for cells in sql.load_iter::<Cells, DefaultLoadingMode>(conn).map_err(failed)? {
                    tally.add(&cells.map_err(failed)?.0, &kinds);
                }
                sums.push(tally);
            }
            Ok(sums)
        })
        .await
    }

    /// The move is done: nothing marks the file any more, and it is whole by itself.
    pub async fn finish(&self) -> Result<(), OpenError> {
        self.run(|conn, _| {
            let orphans = number(conn, "SELECT count(*) FROM pragma_foreign_key_check".to_owned())?;
            if orphans > 0 {
                return Err(refused(format!(
                    "{orphans} rows name rows that are not there; move again with --start-over"
                )));
            }
            conn.batch_execute(&format!("DROP TABLE {MARK}")).map_err(failed)
        })
        .await?;
        let path = self.path.clone();
        crate::blocking(move || tidy(&path)).await
    }
}

fn marks(conn: &mut SqliteConnection, source: &str) -> Result<Marks, OpenError> {
    let mut marks = Marks::default();
    for row in load(conn, format!("SELECT name, last, rows FROM {MARK}"))? {
        let [Cell::Text(name), Cell::Text(last), Cell::Int(rows)] = &row[..] else { continue };
        if name == SOURCE {
            if last != source {
                return Err(other_source(last));
            }
            continue;
        }
        let mark = Mark { last: from_text(last), rows: u64::try_from(*rows).unwrap_or_default() };
        marks.0.insert(name.clone(), mark);
    }
    Ok(marks)
}

fn read_parts(
    path: &Path,
    table: &Table,
    after: Option<Vec<Cell>>,
    sender: &mpsc::Sender<Result<Part, OpenError>>,
) -> Result<(), OpenError> {
    let mut conn = open(path)?;
    let select = format!("SELECT {} FROM {}", table.list(), quoted(&table.name));
    let order = format!(" ORDER BY {}", table.key_list());
    let sql = match after {
        None => Sql { head: select, values: Vec::new(), tail: order },
        Some(key) => {
            Sql { head: format!("{select} WHERE ({}) > ", table.key_list()), values: key, tail: order }
        }
    };
    let kinds = table.kinds();
    let new = || {
        let mut bytes = BytesMut::with_capacity(PART + PART / 4);
        begun(&mut bytes);
        bytes
    };
    let (mut bytes, mut rows, mut last) = (new(), 0, Vec::new());
    for cells in sql.load_iter::<Cells, DefaultLoadingMode>(&mut conn).map_err(failed)? {
        let row = cells.map_err(failed)?.0;
        encode(&mut bytes, &row, &kinds)?;
        rows += 1;
        last.clear();
        last.extend(key_of(table, &row));
        if bytes.len() >= PART {
            ended(&mut bytes);
            let full = std::mem::replace(&mut bytes, new());
            let part = Part { bytes: full.freeze(), rows, last: std::mem::take(&mut last) };
            // Whoever takes them in has failed and says why.
            if sender.blocking_send(Ok(part)).is_err() {
                return Ok(());
            }
            rows = 0;
        }
    }
    if rows > 0 {
        ended(&mut bytes);
        let _ = sender.blocking_send(Ok(Part { bytes: bytes.freeze(), rows, last }));
    }
    Ok(())
}

fn write_parts(
    conn: &mut SqliteConnection,
    table: &Table,
    before: u64,
    mut parts: mpsc::Receiver<Vec<Row>>,
) -> Result<(), OpenError> {
    conn.batch_execute("PRAGMA foreign_keys = OFF").map_err(failed)?;
    let head = format!("INSERT INTO {} ({}) VALUES ", quoted(&table.name), table.list());
    let mut rows = before;
    while let Some(part) = parts.blocking_recv() {
        rows += part.len() as u64;
        let last = part.last().map(|row| key_of(table, row)).unwrap_or_default();
        conn.batch_execute("BEGIN IMMEDIATE").map_err(failed)?;
        for row in part {
            let sql = Sql { head: head.clone(), values: row, tail: String::new() };
            sql.execute(conn).map_err(failed)?;
        }
        let mark = vec![
            Cell::Text(table.name.clone()),
            Cell::Text(to_text(&last)),
            Cell::Int(i64::try_from(rows).unwrap_or(i64::MAX)),
        ];
        let head = format!("INSERT OR REPLACE INTO {MARK} (name, last, rows) VALUES ");
        Sql { head, values: mark, tail: String::new() }.execute(conn).map_err(failed)?;
        conn.batch_execute("COMMIT").map_err(failed)?;
    }
    Ok(())
}
