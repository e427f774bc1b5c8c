//! `messages.send` through the port, as the server calls it, against as many writes of the same rows
//! by something that has no rules to keep.
//!
//! Every send of a round goes to a room of its own, as the turns of a conversation do not overlap;
//! between rounds all turns are ended, so that in the next round the same rooms take their next message.

mod bare;
pub mod pgbench;
mod seed;

use crate::files::Workplace;
use crate::report::{Figure, Target};
use crate::rounds::{Effort, Rounds};
use crate::servers::cpu_seconds;
use bare::Bare;
use maru_domain::clock::Timestamp;
use maru_domain::error::BoxError;
use maru_domain::ids::{InstanceId, MessageId, RoomId, TurnId};
use maru_domain::messages::ports::{MessageStore, NewSend, SendOutcome, SendTarget};
use maru_domain::once::Once;
use maru_domain::turns::TurnOptions;
use maru_domain::turns::ports::Lease;
use maru_store::{Durability, Location, Store};
use maru_testkit::throwaway::Postgres;
use pgbench::Pgbench;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use uuid::Uuid;

/// Senders at once.
const CLIENTS: usize = 64;
/// What each sends in a round, on SQLite.
const EACH_SQLITE: usize = 300;
/// What each sends in a round, on PostgreSQL.
const EACH_POSTGRES: usize = 100;
/// The pool of the server's default settings.
const POOL: usize = 16;
/// What is said.
const SAID: &str = "How many plants are there in the universe, and who has counted them?";
/// What the promise is.
const TARGET: Target = Target::Ratio(0.5);

/// On SQLite, every commit on the disk, against a loop without ports, rules or futures.
pub fn sqlite(place: &Workplace, effort: &Effort) -> Result<Vec<Figure>, BoxError> {
    let runtime = runtime()?;
    let (ours, theirs) =
        (place.directory("sends")?.join("maru.db"), place.directory("bare")?.join("maru.db"));
    for path in [&ours, &theirs] {
        runtime.block_on(maru_store::migrate(&Location::Sqlite(path.clone())))?;
        seed::rooms_of_sqlite(path, CLIENTS * EACH_SQLITE)?;
    }
    let location = Location::Sqlite(ours.clone());
    let store = runtime.block_on(Store::open(&location, Durability::Full, POOL))?;
    let bare = Bare::open(&theirs)?;
    let (mut rounds, mut cheaper) = (Rounds::default(), Rounds::default());
    for number in 0..=effort.rounds {
        let mine = weighed(&runtime, round(&store.ports.messages, EACH_SQLITE))?;
        let bares = weighed(&runtime, bare.round(CLIENTS, EACH_SQLITE))?;
        seed::end_turns_of_sqlite(&ours)?;
        seed::end_turns_of_sqlite(&theirs)?;
        note_round(&mut rounds, number, mine.rate, bares.rate);
        if number > 0 {
            cheaper.push(mine.per_cpu, bares.per_cpu);
        }
    }
    let note = "64 tasks on 2 threads; the yardstick writes the same rows in groups of up to 64, each in a savepoint";
    let told = "what one second of processor time sends, of all threads and the 64 senders; the neighbours are left out";
    Ok(vec![
        Figure {
            name: "sends-sqlite".to_owned(),
            unit: "sends/s",
            rounds,
            target: TARGET,
            note: note.to_owned(),
        },
        Figure {
            name: "sends-sqlite: cpu".to_owned(),
            unit: "sends/cpu-s",
            rounds: cheaper,
            target: Target::None,
            note: told.to_owned(),
        },
    ])
}

/// How quickly, and how cheaply.
struct Weighed {
    rate: f64,
    per_cpu: f64,
}

/// Runs a round of sends on SQLite, all of which happens in this process.
fn weighed(
    runtime: &Runtime,
    round: impl Future<Output = Result<f64, BoxError>>,
) -> Result<Weighed, BoxError> {
    let before = cpu_seconds(std::process::id())?;
    let rate = runtime.block_on(round)?;
    let used = cpu_seconds(std::process::id())? - before;
    Ok(Weighed { rate, per_cpu: (CLIENTS * EACH_SQLITE) as f64 / used.max(0.01) })
}

/// On PostgreSQL, against pgbench with as many connections as our pool has, and with one for each sender.
pub fn postgres(place: &Workplace, effort: &Effort) -> Result<Vec<Figure>, BoxError> {
    let runtime = runtime()?;
    let server = Postgres::durable()?;
    let (ours, theirs) = runtime.block_on(async { (server.database().await, server.database().await) });
    for database in [&ours, &theirs] {
        let location = Location::Postgres(database.url.clone());
        runtime.block_on(maru_store::migrate(&location))?;
        runtime.block_on(database.sql(&seed::rooms_of_postgres(CLIENTS * EACH_POSTGRES)))?;
    }
    let location = Location::Postgres(ours.url.clone());
    let store = runtime.block_on(Store::open(&location, Durability::Full, POOL))?;
    let mut pgbench = Pgbench::new(&place.directory("pgbench")?, &theirs.url, CLIENTS * EACH_POSTGRES)?;
    let (mut pooled, mut each) = (Rounds::default(), Rounds::default());
    for number in 0..=effort.rounds {
        let settle = |database: &maru_testkit::throwaway::Database| {
            seed::END_TURNS_OF_POSTGRES
                .iter()
                .try_for_each(|sql| runtime.block_on(database.sql(sql)).map(drop))
        };
        let mine = runtime.block_on(round(&store.ports.messages, EACH_POSTGRES))?;
        settle(&ours)?;
        let sixteen = pgbench.round(POOL)?;
        settle(&theirs)?;
        let all = pgbench.round(CLIENTS)?;
        settle(&theirs)?;
        note_round(&mut pooled, number, mine, sixteen);
        note_round(&mut each, number, mine, all);
    }
    drop(store);
    let note = "64 tasks over 16 connections; fsync and synchronous_commit on; pgbench 16 prepared connections, no pauses";
    let all = "the same rounds of ours, against pgbench with a connection for each of the 64";
    Ok(vec![
        Figure {
            name: "sends-postgres".to_owned(),
            unit: "sends/s",
            rounds: pooled,
            target: TARGET,
            note: note.to_owned(),
        },
        Figure {
            name: "sends-postgres: 64".to_owned(),
            unit: "sends/s",
            rounds: each,
            target: Target::None,
            note: all.to_owned(),
        },
    ])
}

/// The first round warms up.
fn note_round(rounds: &mut Rounds, number: usize, ours: f64, yardstick: f64) {
    if number > 0 {
        eprintln!("  round {number}: {ours:.0} against {yardstick:.0} sends/s");
        rounds.push(ours, yardstick);
    }
}

fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

/// The id of the n-th room: ids rise with time, as version 7 does.
fn room(number: usize) -> RoomId {
    RoomId(Uuid::from_u128(number as u128 + 1))
}

/// Sends a second: every client sends to its rooms, one after the other.
async fn round(messages: &Arc<dyn MessageStore>, each: usize) -> Result<f64, BoxError> {
    let lease = Lease { owner: InstanceId("bench".to_owned()), lasts: Duration::from_secs(10) };
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let (messages, lease) = (Arc::clone(messages), lease.clone());
        clients.spawn(async move {
            for number in 0..each {
                match messages.send(new_send(room(client * each + number), &lease)).await {
                    Ok(SendOutcome::Stored(Once::Done(sent))) if sent.claimed => {}
                    other => return Err(format!("a send was not stored and claimed: {other:?}")),
                }
            }
            Ok(())
        });
    }
    for done in clients.join_all().await {
        done?;
    }
    Ok((CLIENTS * each) as f64 / begun.elapsed().as_secs_f64())
}

#[expect(clippy::disallowed_methods, reason = "ids and times must only be new")]
fn new_send(room: RoomId, lease: &Lease) -> NewSend {
    NewSend {
        target: SendTarget::Room(room),
        message_id: MessageId(Uuid::now_v7()),
        content: SAID.to_owned(),
        metadata: serde_json::Map::new(),
        plc: None,
        turn_id: TurnId(Uuid::now_v7()),
        reply_id: MessageId(Uuid::now_v7()),
        model: None,
        withdraw_on_failure: true,
        queue_limit: 20,
        lease: lease.clone(),
        told: Vec::new(),
        client_id: None,
        options: TurnOptions::default(),
        once: None,
        now: Timestamp::now(),
    }
}
