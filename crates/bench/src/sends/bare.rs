//! The yardstick on SQLite: one thread that groups what is queued into one commit and does nothing
//! but the statements that the rows need.

use super::{SAID, room};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;
use maru_domain::clock::Timestamp;
use maru_domain::error::BoxError;
use maru_store::schema::{messages, room_events, turns};
use maru_store::types::{DbId, DbJson, DbTime, sql};
use serde_json::Map;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use uuid::Uuid;

/// The largest group, as the store's.
const GROUP: usize = 64;
/// The store's settings of durability and of whatever else costs or saves time.
const SETTINGS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                        PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8000; \
                        PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = 1000;";

/// A send: the rows to write, and who waits for them.
struct Job {
    room: DbId,
    message: DbId,
    reply: DbId,
    turn: DbId,
    now: DbTime,
    done: oneshot::Sender<()>,
}

/// The thread's queue.
pub struct Bare(mpsc::Sender<Job>);

impl Bare {
    /// Starts the thread on a file.
    pub fn open(path: &Path) -> Result<Self, BoxError> {
        let mut conn = SqliteConnection::establish(&path.to_string_lossy())?;
        conn.batch_execute(SETTINGS)?;
        let (sender, mut jobs) = mpsc::channel(1024);
        std::thread::spawn(move || {
            let mut group = Vec::with_capacity(GROUP);
            while jobs.blocking_recv_many(&mut group, GROUP) > 0 {
                if let Err(error) = commit(&mut conn, &group) {
                    // Those who wait are told by their dropped senders.
                    eprintln!("bench: the bare loop failed: {error}");
                    return;
                }
                for job in group.drain(..) {
                    let _ = job.done.send(());
                }
            }
        });
        Ok(Self(sender))
    }

    /// Sends a second.
    pub async fn round(&self, clients: usize, each: usize) -> Result<f64, BoxError> {
        let begun = Instant::now();
        let mut senders = JoinSet::new();
        for client in 0..clients {
            let queue = self.0.clone();
            senders.spawn(async move {
                for number in 0..each {
                    let (done, written) = oneshot::channel();
                    let sent = queue.send(job(client * each + number, done)).await.is_ok();
                    if !sent || written.await.is_err() {
                        return Err("the bare loop has stopped");
                    }
                }
                Ok(())
            });
        }
        for done in senders.join_all().await {
            done?;
        }
        Ok((clients * each) as f64 / begun.elapsed().as_secs_f64())
    }
}

#[expect(clippy::disallowed_methods, reason = "ids and times must only be new")]
fn job(number: usize, done: oneshot::Sender<()>) -> Job {
    let new = || DbId(Uuid::now_v7());
    Job {
        room: DbId(room(number).0),
        message: new(),
        reply: new(),
        turn: new(),
        now: DbTime(Timestamp::now()),
        done,
    }
}

fn commit(conn: &mut SqliteConnection, group: &[Job]) -> QueryResult<()> {
    conn.batch_execute("BEGIN IMMEDIATE")?;
    for job in group {
        conn.batch_execute("SAVEPOINT job")?;
        send(conn, job)?;
        conn.batch_execute("RELEASE job")?;
    }
    conn.batch_execute("COMMIT")
}

/// Raises a room's counters. diesel prepares an update of its own making anew at every use, which a yardstick should
/// not; one of fixed text is prepared once.
#[derive(QueryId)]
struct TakeNumbers {
    room: DbId,
    now: DbTime,
}

impl QueryFragment<Sqlite> for TakeNumbers {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(
            "UPDATE rooms SET last_seq = last_seq + 3, last_message_seq = last_message_seq + 2, \
             message_count = message_count + 2, version = version + 1, updated_at = ",
        );
        out.push_bind_param::<sql::Moment, _>(&self.now)?;
        out.push_sql(", last_message_at = ");
        out.push_bind_param::<sql::Moment, _>(&self.now)?;
        out.push_sql(" WHERE ended_at IS NULL AND id = ");
        out.push_bind_param::<sql::Id, _>(&self.room)?;
        out.push_sql(" RETURNING last_seq, last_message_seq");
        Ok(())
    }
}

impl Query for TakeNumbers {
    type SqlType = (BigInt, BigInt);
}

impl RunQueryDsl<SqliteConnection> for TakeNumbers {}

fn send(conn: &mut SqliteConnection, job: &Job) -> QueryResult<()> {
    let (last_seq, last_message): (i64, i64) =
        TakeNumbers { room: job.room, now: job.now }.get_result(conn)?;
    message(conn, job, job.message, last_message - 1, ("user", SAID, "completed"))?;
    message(conn, job, job.reply, last_message, ("assistant", "", "pending"))?;
    turn(conn, job, last_message - 1)?;
    let events =
        [("message_created", job.message), ("message_created", job.reply), ("turn_started", job.turn)];
    for (seq, (kind, subject)) in (last_seq - 2..).zip(events) {
        diesel::insert_into(room_events::table)
            .values((
                room_events::room_id.eq(job.room),
                room_events::seq.eq(seq),
                room_events::kind.eq(kind),
                room_events::subject.eq(subject),
                room_events::at.eq(job.now),
            ))
            .execute(conn)?;
    }
    Ok(())
}

fn message(
    conn: &mut SqliteConnection,
    job: &Job,
    id: DbId,
    seq: i64,
    (role, content, status): (&str, &str, &str),
) -> QueryResult<usize> {
    diesel::insert_into(messages::table)
        .values((
            messages::id.eq(id),
            messages::room_id.eq(job.room),
            messages::seq.eq(seq),
            messages::turn_id.eq(Some(job.turn)),
            messages::role.eq(role),
            messages::content.eq(content),
            messages::status.eq(status),
            messages::metadata.eq(DbJson(Map::new())),
            messages::created_at.eq(job.now),
            messages::updated_at.eq(job.now),
        ))
        .execute(conn)
}

fn turn(conn: &mut SqliteConnection, job: &Job, position: i64) -> QueryResult<usize> {
    let until = job.now.0 + Duration::from_secs(10);
    diesel::insert_into(turns::table)
        .values((
            (
                turns::id.eq(job.turn),
                turns::room_id.eq(job.room),
                turns::status.eq("pending"),
                turns::message_id.eq(job.message),
                turns::reply_id.eq(job.reply),
                turns::position.eq(position),
                turns::model.eq(None::<String>),
                turns::attempt.eq(1),
                turns::fence.eq(1_i64),
                turns::cancel_requested.eq(false),
                turns::withdraw_on_failure.eq(true),
                turns::created_at.eq(job.now),
            ),
            (turns::lease_owner.eq(Some("bench")), turns::lease_until.eq(Some(DbTime(until)))),
        ))
        .execute(conn)
}
