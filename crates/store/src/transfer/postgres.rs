//! The PostgreSQL side of a move: below diesel, for `COPY`.

use super::copy::EPOCH;
use super::plan::{Plan, SEEDED, Table, quoted};
use super::rows::{Cell, Kind, Row, Tally, from_text, to_text};
use super::sqlite::Parts;
use super::{MARK, Mark, Marks, SOURCE, Step, Told, not_empty, other_source};
use crate::postgres::connect::{client, in_words};
use crate::{OpenError, refused};
use bytes::Bytes;
use futures_util::{SinkExt, Stream, StreamExt};
use std::error::Error;
use std::pin::pin;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::binary_copy::BinaryCopyOutStream;
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{CopyInSink, SimpleQueryMessage};

/// What the connection calls itself: not `maru`, as servers do.
const NAME: &str = "maru move";
/// How often it is looked whether a command of ours that has just ended is gone, and for how long.
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);
/// Nothing hurries a move, and a table may be large.
const SESSION: &str = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '10s'; \
                       SET TIME ZONE 'UTC'; SET client_min_messages = warning; SET standard_conforming_strings = on";

/// A connection of its own.
pub struct Client {
    client: tokio_postgres::Client,
    driver: JoinHandle<()>,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn failed(error: &tokio_postgres::Error) -> OpenError {
    refused(format!("PostgreSQL: {}", in_words(error)))
}

/// Whatever bytes a column has.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl Client {
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let (client, driver) = client(url, NAME).await.map_err(OpenError::store)?;
        let driver = tokio::runtime::Handle::current().spawn(driver);
        let client = Self { client, driver };
        client.run(SESSION).await?;
        Ok(client)
    }

    async fn run(&self, sql: &str) -> Result<(), OpenError> {
        self.client.batch_execute(sql).await.map_err(|error| failed(&error))
    }

    /// Rows as text.
    pub async fn texts(&self, sql: &str) -> Result<Vec<Vec<String>>, OpenError> {
        let messages = self.client.simple_query(sql).await.map_err(|error| failed(&error))?;
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|place| row.get(place).unwrap_or_default().to_owned()).collect())
            }
            _ => None,
        });
        Ok(rows.collect())
    }

    async fn number(&self, sql: &str) -> Result<i64, OpenError> {
        let rows = self.texts(sql).await?;
        let cell = rows.first().and_then(|row| row.first());
        Ok(cell.and_then(|cell| cell.parse().ok()).unwrap_or_default())
    }

    /// Refuses where a server of ours is connected.
    pub async fn is_alone(&self) -> Result<(), OpenError> {
        let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'maru'";
        for _ in 0..LOOKS {
            if self.number(others).await? == 0 {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(refused("a maru is connected to the PostgreSQL database; stop every server on it first"))
    }

    /// How far an earlier move has come, or a clear beginning.
    pub async fn begin(&self, plan: &Plan, source: &str, start_over: bool) -> Result<Marks, OpenError> {
        let marked =
            self.number(&format!("SELECT count(*) FROM pg_class WHERE oid = to_regclass('{MARK}')")).await?
                > 0;
        if marked && !start_over {
            return self.marks(source).await;
        }
        if !marked {
            for table in plan.tables.iter().filter(|table| !SEEDED.contains(&table.name.as_str())) {
                let name = quoted(&table.name);
                if self.number(&format!("SELECT count(*) FROM (SELECT 1 FROM {name} LIMIT 1) t")).await? > 0 {
                    return Err(not_empty(&table.name));
                }
            }
        }
        let all: Vec<String> = plan.tables.iter().map(|table| quoted(&table.name)).collect();
        self.run(&format!(
            "SET client_min_messages = warning; BEGIN; DROP TABLE IF EXISTS {MARK}; TRUNCATE {} RESTART IDENTITY; \
             CREATE TABLE {MARK} (name TEXT PRIMARY KEY, last TEXT NOT NULL, rows BIGINT NOT NULL); \
             INSERT INTO {MARK} VALUES ('{SOURCE}', {}, 0); COMMIT",
            all.join(", "),
            text_literal(source)
        ))
        .await?;
        Ok(Marks::default())
    }

    async fn marks(&self, source: &str) -> Result<Marks, OpenError> {
        let mut marks = Marks::default();
        for row in self.texts(&format!("SELECT name, last, rows FROM {MARK}")).await? {
            let [name, last, rows] = &row[..] else { continue };
            if name == SOURCE {
                if last != source {
                    return Err(other_source(last));
                }
                continue;
            }
            let mark = Mark { last: from_text(last), rows: rows.parse().unwrap_or_default() };
            marks.0.insert(name.clone(), mark);
        }
        Ok(marks)
    }

    /// Takes a table's rows in, part by part.
    pub async fn take_in(
        &self,
        table: &Table,
        marks: &Marks,
        mut parts: Parts,
        told: Told<'_>,
    ) -> Result<(), OpenError> {
        let copy = format!("COPY {} ({}) FROM STDIN (FORMAT binary)", quoted(&table.name), table.list());
        let mut rows = marks.of(table).rows;
        while let Some(part) = parts.recv().await {
            let part = part?;
            rows += part.rows;
            self.run("BEGIN").await?;
            let sink: CopyInSink<Bytes> =
                self.client.copy_in(copy.as_str()).await.map_err(|error| failed(&error))?;
            let mut sink = pin!(sink);
            sink.send(part.bytes).await.map_err(|error| failed(&error))?;
            sink.finish().await.map_err(|error| failed(&error))?;
            self.run(&format!(
                "INSERT INTO {MARK} (name, last, rows) VALUES ({}, {}, {rows}) \
                 ON CONFLICT (name) DO UPDATE SET last = EXCLUDED.last, rows = EXCLUDED.rows; COMMIT",
                text_literal(&table.name),
                text_literal(&to_text(&part.last)),
            ))
            .await?;
            told(Step::Copied(part.rows));
        }
        Ok(())
    }

    /// From here on all reads see one instant.
    pub async fn hold_one_instant(&self) -> Result<(), OpenError> {
        self.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
    }

    pub async fn let_go(&self) -> Result<(), OpenError> {
        self.run("COMMIT").await
    }

    pub async fn count(&self, plan: &Plan) -> Result<u64, OpenError> {
        let mut all = 0;
        for table in &plan.tables {
            let rows = self.number(&format!("SELECT count(*) FROM {}", quoted(&table.name))).await?;
            all += u64::try_from(rows).unwrap_or_default();
        }
        Ok(all)
    }

    /// The last number that each table has given.
    pub async fn numbers(&self, plan: &Plan) -> Result<Vec<(String, i64)>, OpenError> {
        let mut numbers = Vec::new();
        for table in &plan.tables {
            let Some(column) = &table.numbered else { continue };
            let sequence = self
                .texts(&format!(
                    "SELECT pg_get_serial_sequence({}, {})",
                    text_literal(&quoted(&table.name)),
                    text_literal(column)
                ))
                .await?;
            let Some(sequence) = sequence.first().and_then(|row| row.first()) else { continue };
            let last =
                format!("SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM {sequence}");
            numbers.push((table.name.clone(), self.number(&last).await?));
        }
        Ok(numbers)
    }

    /// Goes on counting where the other database was: a number is never given twice.
    pub async fn carry_numbers(&self, plan: &Plan, numbers: Vec<(String, i64)>) -> Result<(), OpenError> {
        for table in &plan.tables {
            let Some(column) = &table.numbered else { continue };
            let given = numbers.iter().find(|(name, _)| *name == table.name).map_or(0, |(_, number)| *number);
            self.run(&format!(
                "SELECT setval(pg_get_serial_sequence({name}, {column}), \
                 GREATEST(1, {given}, (SELECT max({quoted}) FROM {table})), \
                 GREATEST({given}, (SELECT max({quoted}) FROM {table})) >= 1)",
                name = text_literal(&quoted(&table.name)),
                column = text_literal(column),
                quoted = quoted(column),
                table = quoted(&table.name),
            ))
            .await?;
        }
        Ok(())
    }

    /// A table's rows behind a key, in the order of the key.
    pub async fn rows_after(
        &self,
        table: &Table,
        after: Option<&[Cell]>,
    ) -> Result<impl Stream<Item = Result<Row, OpenError>> + use<>, OpenError> {
        let behind = match after {
            None => String::new(),
            Some(key) => {
                let kinds = table.key.iter().filter_map(|place| table.columns.get(*place));
                let key: Vec<String> =
                    key.iter().zip(kinds).map(|(cell, column)| literal(cell, column.kind)).collect();
                format!(" WHERE ({}) > ({})", table.key_list(), key.join(", "))
            }
        };
        let order = table.key_list();
        let sql = format!(
            "COPY (SELECT {} FROM {}{behind} ORDER BY {order}) TO STDOUT (FORMAT binary)",
            table.list(),
            quoted(&table.name)
        );
        self.rows(table, &sql).await
    }

    async fn rows(
        &self,
        table: &Table,
        sql: &str,
    ) -> Result<impl Stream<Item = Result<Row, OpenError>> + use<>, OpenError> {
        let stream = self.client.copy_out(sql).await.map_err(|error| failed(&error))?;
        let kinds = table.kinds();
        let types = vec![Type::BYTEA; kinds.len()];
        Ok(BinaryCopyOutStream::new(stream, &types).map(move |row| {
            let row = row.map_err(|error| failed(&error))?;
            let cells = kinds.iter().enumerate().map(|(place, kind)| {
                let raw: Option<Raw<'_>> = row.try_get(place).map_err(|error| failed(&error))?;
                decoded(raw.map(|raw| raw.0), *kind)
                    .ok_or_else(|| refused("PostgreSQL sent a value that is none"))
            });
            cells.collect()
        }))
    }

    /// Counts and sums every table, all at one instant.
    pub async fn sums(&self, plan: &Plan, told: Told<'_>) -> Result<Vec<Tally>, OpenError> {
        self.hold_one_instant().await?;
        let mut sums = Vec::new();
        for table in &plan.tables {
            let kinds = table.kinds();
            let sql = format!(
                "COPY (SELECT {} FROM {}) TO STDOUT (FORMAT binary)",
                table.list(),
                quoted(&table.name)
            );
            let mut rows = pin!(self.rows(table, &sql).await?);
            let (mut tally, mut untold) = (Tally::default(), 0);
            while let Some(row) = rows.next().await {
                tally.add(&row?, &kinds);
                untold += 1;
                if untold == 1000 {
                    told(Step::Checked(untold));
                    untold = 0;
                }
            }
            told(Step::Checked(untold));
            sums.push(tally);
        }
        self.let_go().await?;
        Ok(sums)
    }

    /// The move is done: nothing marks the database any more, and the server knows what is in it.
    pub async fn finish(&self) -> Result<(), OpenError> {
        self.run(&format!("DROP TABLE {MARK}")).await?;
        self.run("ANALYZE").await
    }
}

fn text_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn literal(cell: &Cell, kind: Kind) -> String {
    match cell {
        Cell::Null => "NULL".to_owned(),
        Cell::Int(micros) if kind == Kind::Moment => {
            format!("('epoch'::timestamptz + interval '1 microsecond' * {micros})")
        }
        Cell::Int(number) if kind == Kind::Flag => (*number != 0).to_string(),
        Cell::Int(number) => number.to_string(),
        Cell::Text(text) => text_literal(text),
        Cell::Bytes(bytes) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            if kind == Kind::Id { format!("'{hex}'::uuid") } else { format!("'\\x{hex}'::bytea") }
        }
    }
}

fn decoded(raw: Option<&[u8]>, kind: Kind) -> Option<Cell> {
    let Some(raw) = raw else { return Some(Cell::Null) };
    Some(match kind {
        Kind::Id | Kind::Bytes => Cell::Bytes(raw.to_vec()),
        Kind::Moment => Cell::Int(i64::from_be_bytes(raw.try_into().ok()?).checked_add(EPOCH)?),
        Kind::Long => Cell::Int(i64::from_be_bytes(raw.try_into().ok()?)),
        Kind::Int => Cell::Int(i32::from_be_bytes(raw.try_into().ok()?).into()),
        Kind::Flag => Cell::Int(i64::from(*raw.first()? != 0)),
        Kind::Text => Cell::Text(String::from_utf8(raw.to_vec()).ok()?),
        // The binary form of jsonb begins with its version.
        Kind::Json => Cell::Text(String::from_utf8(raw.strip_prefix(&[1])?.to_vec()).ok()?),
    })
}
