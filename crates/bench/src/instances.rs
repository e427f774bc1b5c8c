//! Instances on one PostgreSQL and one Redis: what a page costs that no instance has in its memory, and what a second
//! instance brings.

mod yardsticks;

use crate::files::Workplace;
use crate::load::{self, Client, Load};
use crate::pages;
use crate::report::{Figure, Target};
use crate::rounds::{Effort, Rounds};
use crate::servers::{Maru, Server};
use crate::sides::{CLIENTS, Getter, Reading, Side};
use crate::token_chats::{Talker, talkers};
use maru_domain::error::BoxError;
use maru_testkit::throwaway::{Database, Postgres, Redis};
use std::time::Duration;
use yardsticks::{PageSelect, RedisGet};

/// The promises.
const OF_REDIS: Target = Target::Ratio(0.6);
const OF_POSTGRES: Target = Target::Ratio(0.6);
const OF_ONE: Target = Target::Ratio(1.0);
/// The pool of the server's default settings.
const POOL: usize = 16;

/// A PostgreSQL that keeps what it acknowledges, and an empty database in it.
fn postgres() -> Result<(Postgres, Database), BoxError> {
    let server = Postgres::durable()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let database = runtime.block_on(server.database());
    Ok((server, database))
}

/// An instance with a room of 50 messages for each user, and what to read.
fn with_pages(
    place: &Workplace,
    store: &str,
    redis: Option<&str>,
) -> Result<(Maru, Vec<(String, String)>), BoxError> {
    let mut settings = vec![("MARU__SERVER__PAGE_CACHE_MIB", "0".to_owned())];
    settings.extend(redis.map(|url| ("MARU__REDIS__URL", url.to_owned())));
    let mut maru = Maru::instance(place, "maru", store, &settings)?;
    maru.register(CLIENTS)?;
    let pages = pages::filled(&maru)?;
    Ok((maru, pages))
}

fn client(wrk: bool) -> &'static str {
    if wrk { "wrk, one thread" } else { "the bench's own, one thread" }
}

/// Pages that only Redis has: every instance but one reads a page so the first time.
pub fn page_redis(place: &Workplace, effort: &Effort) -> Result<Vec<Figure>, BoxError> {
    let wrk = load::wrk().filter(|_| !effort.own_load);
    let (_server, database) = postgres()?;
    let redis = Redis::start()?;
    let (maru, pages) = with_pages(place, &database.url, Some(&redis.url()))?;
    let (path, token) = pages.first().ok_or("no rooms")?;
    let bytes = load::once(maru.address(), load::request("GET", path, token, None))?.len();
    let reading = Reading::new(place, &maru, pages.clone(), wrk.clone())?;
    let yardstick = RedisGet::of(&redis, bytes)?;
    reading.read(effort.warm_up())?;
    let mut side = Side::new(&maru, |time| reading.read(time));
    let mut rounds = Rounds::default();
    for number in 1..=effort.rounds {
        let (ours, theirs) = (side.round(effort.round)?, yardstick.round(CLIENTS, effort.round)?);
        eprintln!("  round {number}: {ours:.0} against {theirs:.0} pages/s");
        rounds.push(ours, theirs);
    }
    let note = format!(
        "64 connections to the instance, which also asks PostgreSQL for the room's version each time; client: {}. \
         The yardstick is redis-benchmark with 64 connections and a value of {bytes} bytes.",
        client(wrk.is_some())
    );
    Ok(vec![
        Figure { name: "page-redis".to_owned(), unit: "pages/s", rounds, target: OF_REDIS, note },
        cpu("page-redis", &side),
    ])
}

/// What one second of the instance's own processor time answers.
fn cpu(name: &str, side: &Side<'_>) -> Figure {
    Figure {
        name: format!("{name}: cpu"),
        unit: "pages/cpu-s",
        rounds: Rounds { ours: side.a_cpu_second(), yardstick: Vec::new() },
        target: Target::None,
        note: String::new(),
    }
}

/// Pages that nobody keeps.
pub fn page_postgres(place: &Workplace, effort: &Effort) -> Result<Vec<Figure>, BoxError> {
    let wrk = load::wrk().filter(|_| !effort.own_load);
    let (_server, database) = postgres()?;
    let (maru, pages) = with_pages(place, &database.url, None)?;
    let reading = Reading::new(place, &maru, pages, wrk.clone())?;
    let directory = place.directory("pgbench")?;
    let page = PageSelect::page(&directory, &database)?;
    let whole = PageSelect::room_and_page(&directory, &database)?;
    reading.read(effort.warm_up())?;
    let mut side = Side::new(&maru, |time| reading.read(time));
    let (mut rounds, mut both) = (Rounds::default(), Rounds::default());
    for number in 1..=effort.rounds {
        let ours = side.round(effort.round)?;
        let (theirs, two) = (page.round(POOL, effort.round)?, whole.round(POOL, effort.round)?);
        eprintln!("  round {number}: {ours:.0} against {theirs:.0} pages/s, {two:.0} with the room's row");
        rounds.push(ours, theirs);
        both.push(ours, two);
    }
    let note = format!(
        "64 connections to the instance, 16 of its own to PostgreSQL, as many as pgbench has; client: {}. pgbench does \
         the select of the page alone",
        client(wrk.is_some())
    );
    let told = "pgbench does both selects of ours: the room's row with its version, and the page";
    Ok(vec![
        Figure { name: "page-postgres".to_owned(), unit: "pages/s", rounds, target: OF_POSTGRES, note },
        Figure {
            name: "page-postgres: both".to_owned(),
            unit: "pages/s",
            rounds: both,
            target: Target::None,
            note: told.to_owned(),
        },
        cpu("page-postgres", &side),
    ])
}

/// The same load on two instances and on one of them: what sharing costs, where there are no further cores to win.
pub fn two(place: &Workplace, effort: &Effort) -> Result<Vec<Figure>, BoxError> {
    let (_server, database) = postgres()?;
    let redis = Redis::start()?;
    let settings = [("MARU__REDIS__URL", redis.url())];
    let mut one = Maru::instance(place, "maru-1", &database.url, &settings)?;
    let other = Maru::instance(place, "maru-2", &database.url, &settings)?;
    one.register(CLIENTS)?;
    let pages = pages::filled(&one)?;
    let pages: Vec<_> = pages.iter().map(|(path, token)| load::request("GET", path, token, None)).collect();
    let mut talking = talkers(one.tokens());
    let mut read = |over: [&Maru; 2], time| {
        let getters = pages.iter().cloned().map(Getter).collect();
        Ok(split(over, getters, time)?.0)
    };
    let pages = pair(effort, "pages", (&one, &other), &mut read)?;
    let mut say = |over: [&Maru; 2], time| {
        let (load, back) = split(over, std::mem::take::<Vec<Talker>>(&mut talking), time)?;
        talking = back;
        Ok(load)
    };
    let sends = pair(effort, "turns", (&one, &other), &mut say)?;
    let figure = |name: &str, unit, rounds, note: &str| Figure {
        name: format!("two-instances: {name}"),
        unit,
        rounds,
        target: OF_ONE,
        note: note.to_owned(),
    };
    let note = "64 connections, 32 to each instance against all to one; two threads of the bench's own client each time";
    Ok(vec![
        figure("pages", "pages/s", pages, note),
        figure("turns", "turns/s", sends, "POST /api/chats/ with the demo model, the same way"),
    ])
}

/// Rounds of two instances and of one, in turn.
fn pair(
    effort: &Effort,
    what: &str,
    (one, other): (&Maru, &Maru),
    mut load: impl FnMut([&Maru; 2], Duration) -> Result<Load, BoxError>,
) -> Result<Rounds, BoxError> {
    load([one, other], effort.warm_up())?;
    load([one, one], effort.warm_up())?;
    let mut rounds = Rounds::default();
    for number in 1..=effort.rounds {
        let both = load([one, other], effort.round)?.rate();
        let alone = load([one, one], effort.round)?.rate();
        eprintln!("  round {number}: {both:.0} against {alone:.0} {what}/s");
        rounds.push(both, alone);
    }
    Ok(rounds)
}

/// Half of the clients at each place, on a thread of their own; what they did together.
fn split<C: Client>(
    [one, other]: [&Maru; 2],
    mut clients: Vec<C>,
    time: Duration,
) -> Result<(Load, Vec<C>), BoxError> {
    let rest = clients.split_off(clients.len() / 2);
    let there = other.address();
    let (mut first, second) = std::thread::scope(|scope| {
        let second = scope.spawn(move || load::run(there, rest, Some(time)));
        let first = load::run(one.address(), clients, Some(time))?;
        let second = second.join().map_err(|_| "the clients have panicked")??;
        Ok::<_, BoxError>((first, second))
    })?;
    first.0.requests += second.0.requests;
    first.1.extend(second.1);
    Ok(first)
}
