//! `maru move`: everything of one database into an empty one of the other kind.
//!
//! What there is to move is asked of PostgreSQL's catalogue, so that a new table needs no line here. Rows go in the
//! order of their primary keys, a part in each transaction together with the mark of how far it has come: a move that
//! is cut off goes on behind the last part. When all is there, both databases are read again in full and compared.

mod copy;
mod plan;
mod postgres;
mod rows;
mod sql;
mod sqlite;

use crate::{Location, OpenError, refused};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use plan::{Plan, Table};
use rows::Tally;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The table that says how far a move into this database has come; there is none in one that is whole.
pub(crate) const MARK: &str = "maru_move";
/// The part of the mark that names the source.
const SOURCE: &str = "";
/// Bytes of rows that go in one transaction, about.
const PART: usize = 4 << 20;

/// How far a move has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// So many rows there are.
    Rows(u64),
    /// So many were there from a move that was cut off.
    Resumed(u64),
    /// So many more are in the new place.
    Copied(u64),
    /// So many rows are to be read again, in both places.
    Checks(u64),
    /// So many more were.
    Checked(u64),
}

/// Hears how far a move has come.
pub type Told<'a> = &'a (dyn Fn(Step) + Send + Sync);

/// A move that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The rows of each table, and the checksum that both databases have of them.
    pub tables: Vec<(String, u64, String)>,
    /// Rows that were there already from a move that was cut off.
    pub resumed: u64,
}

/// Where the rows are and where they go.
enum Way {
    ToPostgres(PathBuf, String),
    ToSqlite(String, PathBuf),
}

impl Way {
    fn of(from: &Location, to: &Location) -> Result<Self, OpenError> {
        match (from, to) {
            (Location::Sqlite(from), Location::Postgres(to)) => {
                Ok(Self::ToPostgres(from.clone(), to.clone()))
            }
            (Location::Postgres(from), Location::Sqlite(to)) => Ok(Self::ToSqlite(from.clone(), to.clone())),
            (Location::Sqlite(_), Location::Sqlite(_)) => Err(refused(
                "both are SQLite files: `maru backup` makes a copy, and `maru restore` puts it where you want it",
            )),
            (Location::Postgres(_), Location::Postgres(_)) => {
                Err(refused("both are PostgreSQL: pg_dump and pg_restore move it"))
            }
        }
    }

    fn sqlite(&self) -> &Path {
        match self {
            Self::ToPostgres(path, _) | Self::ToSqlite(_, path) => path,
        }
    }

    fn postgres(&self) -> &str {
        match self {
            Self::ToPostgres(_, url) | Self::ToSqlite(url, _) => url,
        }
    }
}

/// Moves everything, or goes on with a move that was cut off. The source is only read.
///
/// # Errors
/// When one of them cannot be used, is served, or the new place holds something; when the two do not agree in the end.
pub fn transfer<'a>(
    from: &'a Location,
    to: &'a Location,
    start_over: bool,
    told: Told<'a>,
) -> BoxFuture<'a, Result<Moved, OpenError>> {
    async move {
        let way = Way::of(from, to)?;
        if let Location::Sqlite(path) = from
            && !path.exists()
        {
            return Err(refused(format!("{} is not there; there is nothing to move", from.shown())));
        }
        // No server may be on the file, and none may come.
        let held = Arc::new(crate::sqlite::lock(way.sqlite())?);
        let missing = crate::pending(from).await?;
        if !missing.is_empty() {
            return Err(refused(format!(
                "{} lacks {}; run `maru migrate --store …` on it first",
                from.shown(),
                missing.join(", ")
            )));
        }
        ready(to).await?;
        let postgres = postgres::Client::open(way.postgres()).await?;
        postgres.is_alone().await?;
        let plan = Plan::of(&postgres).await?;
        let sqlite = sqlite::Handle::new(way.sqlite(), plan.clone(), held);
        let source = from.shown();
        let moved = match &way {
            Way::ToPostgres(..) => {
                let marks = postgres.begin(&plan, &source, start_over).await?;
                let rows = sqlite.count().await?;
                told(Step::Rows(rows));
                told(Step::Resumed(marks.rows()));
                for table in &plan.tables {
                    postgres.take_in(table, &marks, sqlite.read_from(table, &marks), told).await?;
                }
                postgres.carry_numbers(&plan, sqlite.numbers().await?).await?;
                marks.rows()
            }
            Way::ToSqlite(..) => {
                let marks = sqlite.begin(&source, start_over).await?;
                postgres.hold_one_instant().await?;
                let rows = postgres.count(&plan).await?;
                told(Step::Rows(rows));
                told(Step::Resumed(marks.rows()));
                for table in &plan.tables {
                    sqlite.take_in(table, &marks, &postgres, told).await?;
                }
                sqlite.carry_numbers(postgres.numbers(&plan).await?).await?;
                postgres.let_go().await?;
                marks.rows()
            }
        };
        let tables = compare(&plan, &sqlite, &postgres, told).await?;
        match &way {
            Way::ToPostgres(..) => postgres.finish().await?,
            Way::ToSqlite(..) => sqlite.finish().await?,
        }
        Ok(Moved { tables, resumed: moved })
    }
    .boxed()
}

/// Makes the tables of the new place, if it has none yet.
async fn ready(to: &Location) -> Result<(), OpenError> {
    let levels = crate::levels(to).await?;
    if !levels.unknown.is_empty() {
        levels.known()?;
    } else if !levels.pending.is_empty() {
        if !levels.applied.is_empty() {
            return Err(refused(format!(
                "{} has older tables than this maru makes; name an empty database",
                to.shown()
            )));
        }
        crate::migrate(to).await?;
    }
    Ok(())
}

/// Reads both in full, side by side, and compares count and checksum of every table.
async fn compare(
    plan: &Plan,
    sqlite: &sqlite::Handle,
    postgres: &postgres::Client,
    told: Told<'_>,
) -> Result<Vec<(String, u64, String)>, OpenError> {
    told(Step::Checks(sqlite.count().await?));
    let (ours, theirs) = futures_util::future::join(sqlite.sums(), postgres.sums(plan, told)).await;
    let (ours, theirs): (Vec<Tally>, Vec<Tally>) = (ours?, theirs?);
    let mut differ = Vec::new();
    let mut tables = Vec::new();
    for ((table, ours), theirs) in plan.tables.iter().zip(ours).zip(theirs) {
        if ours != theirs {
            let (one, other) = (ours.rows, theirs.rows);
            let how = if one == other {
                "other content".to_owned()
            } else {
                format!("{one} rows on SQLite and {other} on PostgreSQL")
            };
            differ.push(format!("{} ({how})", table.name));
        }
        tables.push((table.name.clone(), ours.rows, ours.sum.shown()));
    }
    if differ.is_empty() {
        return Ok(tables);
    }
    Err(refused(format!(
        "the two databases do not agree on {}: something wrote to one of them meanwhile. Stop every server on both \
         and move again with --start-over; the source is as it was",
        differ.join(", ")
    )))
}

/// How far each table has come.
#[derive(Clone, Debug, Default)]
struct Marks(std::collections::BTreeMap<String, Mark>);

#[derive(Clone, Debug, Default)]
struct Mark {
    /// The key of the last row that is there.
    last: Option<Vec<rows::Cell>>,
    rows: u64,
}

impl Marks {
    fn rows(&self) -> u64 {
        self.0.values().map(|mark| mark.rows).sum()
    }

    fn of(&self, table: &Table) -> Mark {
        self.0.get(&table.name).cloned().unwrap_or_default()
    }
}

/// What a database that is to be moved into must be, in words.
fn not_empty(table: &str) -> OpenError {
    refused(format!("the new place holds {table} already; name a database that nobody has used"))
}

fn other_source(known: &str) -> OpenError {
    refused(format!(
        "a move from {known} into this database was cut off; go on with that one, or say --start-over"
    ))
}
