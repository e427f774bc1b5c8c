//! What an operator does with a million messages: moving them, and backing them up while others write.

use crate::files::{Workplace, program};
use crate::report::{Figure, Target};
use crate::rounds::{Effort, Rounds};
use crate::start::history;
use maru_domain::error::BoxError;
use maru_domain::messages::ports::{NewSend, SendOutcome};
use maru_domain::once::Once;
use maru_domain::turns::TurnStatus;
use maru_store::{Durability, Location, Store};
use maru_testkit::contracts::durable::{ending, room, send_to};
use maru_testkit::throwaway::{Database, Postgres};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// Each round takes minutes.
const ROUNDS: usize = 3;
/// Who writes meanwhile.
const WRITERS: usize = 16;
/// The server's default, and the promise: at least so much of what `COPY` does.
const POOL: usize = 16;
const MOVE: Target = Target::Ratio(0.3);
/// The slowest write while a backup is made, in milliseconds.
const BACKUP: Target = Target::AtMost(250.0);
/// The tables in an order in which `COPY` may fill them.
const TABLES: [&str; 4] = ["users", "rooms", "messages", "turns"];

fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

/// `maru move`, with all that it checks, against `COPY` of the same rows out of files.
pub fn moving(place: &Workplace, effort: &Effort) -> Result<Vec<Figure>, BoxError> {
    let runtime = runtime()?;
    let path = place.directory("move")?.join("maru.db");
    history::write(&path, effort.messages)?;
    let server = Postgres::durable()?;
    let mut rounds = Rounds::default();
    let files = place.directory("copy")?;
    let mut written = false;
    for number in 0..effort.rounds.min(ROUNDS) {
        let (ours, theirs) = runtime.block_on(async { (server.database().await, server.database().await) });
        let (from, to) = (Location::Sqlite(path.clone()), Location::Postgres(ours.url.clone()));
        let begun = Instant::now();
        let moved = runtime.block_on(maru_store::transfer(&from, &to, false, &|_| {}))?;
        let mine = begun.elapsed().as_secs_f64();
        let rows: u64 = moved.tables.iter().map(|(_, rows, _)| rows).sum();
        if !written {
            for table in tables() {
                copy(&ours, table, "TO", &files)?;
            }
            written = true;
        }
        runtime.block_on(maru_store::migrate(&Location::Postgres(theirs.url.clone())))?;
        let begun = Instant::now();
        for table in tables() {
            copy(&theirs, table, "FROM", &files)?;
        }
        let bare = begun.elapsed().as_secs_f64();
        eprintln!("  round {}: {mine:.1} s against {bare:.1} s for {rows} rows", number + 1);
        rounds.push(rows as f64 / mine, rows as f64 / bare);
    }
    let note = "rows of users, rooms, messages, turns and events; ours reads both databases again and compares them; \
                the yardstick is psql's COPY in binary out of files into the same empty tables";
    Ok(vec![Figure { name: "move".to_owned(), unit: "rows/s", rounds, target: MOVE, note: note.to_owned() }])
}

fn tables() -> impl Iterator<Item = &'static str> {
    TABLES.into_iter().chain(["room_events"])
}

fn copy(database: &Database, table: &str, way: &str, files: &Path) -> Result<(), BoxError> {
    let psql = program("psql").ok_or("there is no psql")?;
    let file = files.join(table);
    let order = format!("\\copy {table} {way} '{}' WITH (FORMAT binary)", file.display());
    let done = Command::new(psql).args(["-X", "-q", "-d", &database.url, "-c", &order]).status()?;
    if done.success() { Ok(()) } else { Err(format!("psql could not copy {table}").into()) }
}

/// The slowest write of 16 writers while a backup is made, against the slowest while none is.
pub fn backup(place: &Workplace, effort: &Effort) -> Result<Vec<Figure>, BoxError> {
    let runtime = runtime()?;
    let directory = place.directory("backup")?;
    let path = directory.join("maru.db");
    history::write(&path, effort.messages)?;
    let location = Location::Sqlite(path);
    let store = runtime.block_on(Store::open(&location, Durability::Full, POOL))?;
    let (mut rounds, mut takes) = (Rounds::default(), Rounds::default());
    for number in 0..effort.rounds.min(ROUNDS) {
        let file = directory.join(format!("backup-{number}.db"));
        let measured = runtime.block_on(async {
            let begun = Instant::now();
            let during = slowest(&store, maru_store::backup(&location, &file)).await?;
            let took = begun.elapsed();
            let without = slowest(&store, async {
                tokio::time::sleep(took).await;
                Ok(())
            })
            .await?;
            Ok::<_, BoxError>((during, without, took))
        });
        let (during, without, took) = measured?;
        std::fs::remove_file(&file)?;
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        eprintln!(
            "  round {}: slowest write {:.0} ms ({} writes) against {:.0} ms without ({} writes); the backup took {:.1} s",
            number + 1,
            ms(during.0),
            during.1,
            ms(without.0),
            without.1,
            took.as_secs_f64()
        );
        rounds.push(ms(during.0), ms(without.0));
        takes.ours.push(took.as_secs_f64());
    }
    let note = "each writer sends a message and ends its turn, on the disk each; the yardstick is as long without a backup";
    Ok(vec![
        Figure {
            name: "backup: slowest write".to_owned(),
            unit: "ms",
            rounds,
            target: BACKUP,
            note: note.to_owned(),
        },
        Figure {
            name: "backup: in all".to_owned(),
            unit: "s",
            rounds: takes,
            target: Target::None,
            note: "with the look through what was written".to_owned(),
        },
    ])
}

/// The slowest write, and how many there were, while something is done.
async fn slowest<T>(
    store: &Store,
    work: impl Future<Output = Result<T, maru_store::OpenError>>,
) -> Result<(Duration, usize), BoxError> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let (ports, stop) = (store.ports.clone(), Arc::clone(&stop));
        let room = room(&ports).await.id;
        writers.spawn(async move {
            let (mut slowest, mut writes) = (Duration::ZERO, 0);
            while !stop.load(Ordering::Relaxed) {
                let begun = Instant::now();
                let send: NewSend = send_to(room, "while a backup is made");
                let SendOutcome::Stored(Once::Done(sent)) = ports.messages.send(send).await? else {
                    return Err("a send was not stored".into());
                };
                slowest = slowest.max(begun.elapsed());
                let begun = Instant::now();
                let end = ending(&sent.turn, TurnStatus::Completed, "and this is what is said to it");
                ports.turns.finish(end).await?;
                slowest = slowest.max(begun.elapsed());
                writes += 2;
            }
            Ok::<_, BoxError>((slowest, writes))
        });
    }
    let done = work.await;
    stop.store(true, Ordering::Relaxed);
    let (mut slowest, mut writes) = (Duration::ZERO, 0);
    for writer in writers.join_all().await {
        let (time, count) = writer?;
        slowest = slowest.max(time);
        writes += count;
    }
    done?;
    Ok((slowest, writes))
}
