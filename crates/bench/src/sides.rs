//! Ours and a yardstick under the same load, in turn.

use crate::files::Workplace;
use crate::load::{self, Client, Load};
use crate::report::{Figure, Target};
use crate::rounds::{Effort, Rounds, median};
use crate::servers::{Server, cpu_seconds};
use maru_domain::error::BoxError;
use std::path::PathBuf;
use std::time::Duration;

/// Connections of a reading.
pub const CLIENTS: usize = 64;

/// GETs of one server.
pub struct Reading {
    server: std::net::SocketAddr,
    targets: Vec<(String, String)>,
    wrk: Option<(PathBuf, PathBuf)>,
}

impl Reading {
    /// Reads `targets`, each a path and a token, in turn: by `wrk` where there is one.
    pub fn new(
        place: &Workplace,
        server: &impl Server,
        targets: Vec<(String, String)>,
        wrk: Option<PathBuf>,
    ) -> Result<Self, BoxError> {
        let wrk = wrk.map(|wrk| Ok::<_, BoxError>((wrk, place.directory("wrk")?))).transpose()?;
        Ok(Self { server: server.address(), targets, wrk })
    }

    /// Reads for so long.
    pub fn read(&self, time: Duration) -> Result<Load, BoxError> {
        if let Some((wrk, place)) = &self.wrk {
            return load::with_wrk(wrk, place, self.server, &self.targets, CLIENTS, time);
        }
        let mut getters = Vec::new();
        for client in 0..CLIENTS {
            if let Some((path, token)) = self.targets.get(client % self.targets.len().max(1)) {
                getters.push(Getter(load::request("GET", path, token, None)));
            }
        }
        Ok(load::run(self.server, getters, Some(time))?.0)
    }
}

/// Reads one thing again and again.
pub struct Getter(pub Vec<u8>);

impl Client for Getter {
    fn next(&mut self) -> Option<&[u8]> {
        Some(&self.0)
    }
}

/// A server and how to load it for a while.
pub struct Side<'s> {
    pid: u32,
    load: Box<dyn FnMut(Duration) -> Result<Load, BoxError> + 's>,
    loads: Vec<Load>,
    /// Processor time of the server for one request, in microseconds, round by round.
    micros: Vec<f64>,
}

impl<'s> Side<'s> {
    /// Loads `server` by `load`.
    pub fn new(server: &impl Server, load: impl FnMut(Duration) -> Result<Load, BoxError> + 's) -> Self {
        Self { pid: server.pid(), load: Box::new(load), loads: Vec::new(), micros: Vec::new() }
    }

    /// Loads it for so long; answers the requests a second.
    pub fn round(&mut self, time: Duration) -> Result<f64, BoxError> {
        let before = cpu_seconds(self.pid)?;
        let load = (self.load)(time)?;
        self.micros.push((cpu_seconds(self.pid)? - before) * 1e6 / (load.requests as f64).max(1.0));
        let rate = load.rate();
        self.loads.push(load);
        Ok(rate)
    }

    /// What one second of the server's own processor time answers, round by round: the other way round, so that more is
    /// better here, too.
    pub fn a_cpu_second(&self) -> Vec<f64> {
        self.micros.iter().map(|micros| 1e6 / micros.max(0.001)).collect()
    }

    fn median(&self, what: impl Fn(&Load) -> f64) -> f64 {
        median(&self.loads.iter().map(what).collect::<Vec<_>>()).unwrap_or(0.0)
    }
}

/// Measures both sides in turn: requests a second, and for each second of the servers' own time.
pub fn compare(
    name: &str,
    target: Target,
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
        "64 connections; client: {client}. p50 {:.1} against {:.1} ms, p99 {:.1} against {:.1} ms; mean answer {:.0} against {:.0} bytes.",
        ours.median(|load| load.p50),
        theirs.median(|load| load.p50),
        ours.median(|load| load.p99),
        theirs.median(|load| load.p99),
        ours.median(|load| load.body),
        theirs.median(|load| load.body),
    );
    let cheaper = Rounds { ours: ours.a_cpu_second(), yardstick: theirs.a_cpu_second() };
    let told = "what one second of the server's own processor time answers: without the client, which shares the machine, \
                and without the neighbours";
    Ok(vec![
        Figure { name: name.to_owned(), unit: "requests/s", rounds, target, note },
        Figure {
            name: format!("{name}: cpu"),
            unit: "requests/cpu-s",
            rounds: cheaper,
            target: Target::None,
            note: told.to_owned(),
        },
    ])
}
