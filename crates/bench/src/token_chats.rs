//! The token API of maru and of Django REST Framework, on the same content.

mod clients;

use crate::files::Workplace;
use crate::load::{self, Load};
use crate::report::{Figure, Target};
use crate::rounds::{Effort, Rounds, median};
use crate::servers::{Drf, Maru, Server, cpu_seconds};
use clients::{Fill, Getter, Poster, SESSION};
use maru_domain::error::BoxError;
use std::path::PathBuf;
use std::time::Duration;

/// Connections, each a user with a session of its own.
const CLIENTS: usize = 64;
/// What the promise is.
const TARGET: Target = Target::Ratio(50.0);

/// Reading a chat of 50 turns.
pub fn get(place: &Workplace, effort: &Effort) -> Result<Vec<Figure>, BoxError> {
    let wrk = load::wrk().filter(|_| !effort.own_load);
    let (maru, drf) = (Maru::start(place, CLIENTS)?, Drf::start(place, CLIENTS)?);
    let ours = Reading::new(place, &maru, wrk.clone())?;
    let theirs = Reading::new(place, &drf, wrk.clone())?;
    let client = if wrk.is_some() { "wrk, one thread" } else { "the bench's own, one thread" };
    let sides = (Side::new(&maru, |time| ours.read(time)), Side::new(&drf, |time| theirs.read(time)));
    compare("token-chats-get", effort, sides, client)
}

/// Sending messages, and ending the session after every 50 turns.
pub fn post(place: &Workplace, effort: &Effort) -> Result<Vec<Figure>, BoxError> {
    let (maru, drf) = (Maru::start(place, CLIENTS)?, Drf::start(place, CLIENTS)?);
    let (mut ours, mut theirs) = (staggered(&maru)?, staggered(&drf)?);
    let sides = (
        Side::new(&maru, |time| write(&maru, &mut ours, time)),
        Side::new(&drf, |time| write(&drf, &mut theirs, time)),
    );
    compare("token-chats-post", effort, sides, "the bench's own, one thread")
}

/// Chats to be read on one server.
struct Reading {
    server: std::net::SocketAddr,
    targets: Vec<(String, String)>,
    wrk: Option<(PathBuf, PathBuf)>,
}

impl Reading {
    /// Gives each user a chat of 50 turns.
    fn new(place: &Workplace, server: &impl Server, wrk: Option<PathBuf>) -> Result<Self, BoxError> {
        let fill = server.tokens().iter().map(|token| Fill::new(Poster::new(token), SESSION)).collect();
        let (_, filled) = load::run(server.address(), fill, None)?;
        let targets = filled.iter().zip(server.tokens()).map(|(filled, token)| {
            Ok((format!("/api/chats/?session_id={}", filled.session()?), token.clone()))
        });
        let wrk = wrk.map(|wrk| Ok::<_, BoxError>((wrk, place.directory("wrk")?))).transpose()?;
        Ok(Self { server: server.address(), targets: targets.collect::<Result<_, BoxError>>()?, wrk })
    }

    fn read(&self, time: Duration) -> Result<Load, BoxError> {
        if let Some((wrk, place)) = &self.wrk {
            return load::with_wrk(wrk, place, self.server, &self.targets, CLIENTS, time);
        }
        let getters =
            self.targets.iter().map(|(path, token)| Getter(load::request("GET", path, token, None)));
        Ok(load::run(self.server, getters.collect(), Some(time))?.0)
    }
}

/// Clients in the middle of sessions of every length, so that at any time all lengths are there.
fn staggered(server: &impl Server) -> Result<Vec<Poster>, BoxError> {
    let tokens = server.tokens().iter().enumerate();
    let fill = tokens.map(|(number, token)| Fill::new(Poster::new(token), number * SESSION / CLIENTS));
    let (_, filled) = load::run(server.address(), fill.collect(), None)?;
    Ok(filled.into_iter().map(Fill::into_poster).collect())
}

fn write(server: &impl Server, posters: &mut Vec<Poster>, time: Duration) -> Result<Load, BoxError> {
    let (load, back) = load::run(server.address(), std::mem::take(posters), Some(time))?;
    *posters = back;
    Ok(load)
}

/// A server and how to load it for a while.
struct Side<'s> {
    pid: u32,
    load: Box<dyn FnMut(Duration) -> Result<Load, BoxError> + 's>,
    loads: Vec<Load>,
    /// Processor time of the server for one request, in microseconds, round by round.
    micros: Vec<f64>,
}

impl<'s> Side<'s> {
    fn new(server: &impl Server, load: impl FnMut(Duration) -> Result<Load, BoxError> + 's) -> Self {
        Self { pid: server.pid(), load: Box::new(load), loads: Vec::new(), micros: Vec::new() }
    }

    fn round(&mut self, time: Duration) -> Result<f64, BoxError> {
        let before = cpu_seconds(self.pid)?;
        let load = (self.load)(time)?;
        self.micros.push((cpu_seconds(self.pid)? - before) * 1e6 / (load.requests as f64).max(1.0));
        let rate = load.rate();
        self.loads.push(load);
        Ok(rate)
    }

    fn median(&self, what: impl Fn(&Load) -> f64) -> f64 {
        median(&self.loads.iter().map(what).collect::<Vec<_>>()).unwrap_or(0.0)
    }
}

fn compare(
    name: &str,
    effort: &Effort,
    (mut ours, mut theirs): (Side<'_>, Side<'_>),
    client: &str,
) -> Result<Vec<Figure>, BoxError> {
    (ours.load)(effort.warm_up())?;
    (theirs.load)(effort.warm_up())?;
    let mut rounds = Rounds::default();
    for number in 1..=effort.rounds {
        rounds.push(ours.round(effort.round)?, theirs.round(effort.round)?);
        let (ours, theirs) = (rounds.ours.last(), rounds.yardstick.last());
        eprintln!(
            "  round {number}: {:.0} against {:.0} requests/s",
            ours.unwrap_or(&0.0),
            theirs.unwrap_or(&0.0)
        );
    }
    let note = format!(
        "64 connections; client: {client}. p50 {:.1} against {:.0} ms, p99 {:.1} against {:.0} ms; mean answer {:.0} against {:.0} bytes.",
        ours.median(|load| load.p50),
        theirs.median(|load| load.p50),
        ours.median(|load| load.p99),
        theirs.median(|load| load.p99),
        ours.median(|load| load.body),
        theirs.median(|load| load.body),
    );
    // The other way round, so that more is better here, too.
    let cheaper = Rounds { ours: inverse(&ours.micros), yardstick: inverse(&theirs.micros) };
    let told = "what one second of the server's own processor time answers: without the client, which shares the machine, \
                and without the neighbours";
    Ok(vec![
        Figure { name: name.to_owned(), unit: "requests/s", rounds, target: TARGET, note },
        Figure {
            name: format!("{name}: cpu"),
            unit: "requests/cpu-s",
            rounds: cheaper,
            target: Target::None,
            note: told.to_owned(),
        },
    ])
}

fn inverse(micros: &[f64]) -> Vec<f64> {
    micros.iter().map(|micros| 1e6 / micros.max(0.001)).collect()
}
