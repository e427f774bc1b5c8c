//! The yardstick on PostgreSQL: pgbench with the statements that the rows need.

use crate::files;
use maru_domain::error::BoxError;
use std::path::{Path, PathBuf};
use std::process::Command;

const SCRIPT: &str = include_str!("send.pgbench");
/// Ids of one run do not meet those of the next.
const RUN: u64 = 1_000_000_000;

/// pgbench on one database.
pub struct Pgbench {
    program: PathBuf,
    script: PathBuf,
    url: String,
    rooms: usize,
    runs: u64,
}

impl Pgbench {
    /// One that sends to rooms 1 to `rooms`, once to each in a round.
    pub fn new(place: &Path, url: &str, rooms: usize) -> Result<Self, BoxError> {
        let program = program()?;
        let script = place.join("send.pgbench");
        std::fs::write(&script, SCRIPT)?;
        Ok(Self { program, script, url: url.to_owned(), rooms, runs: 0 })
    }

    /// Sends a second, with so many connections.
    pub fn round(&mut self, connections: usize) -> Result<f64, BoxError> {
        self.runs += 1;
        let each = self.rooms / connections;
        let mut command = command(&self.program, connections);
        command.arg(format!("--transactions={each}"));
        command.args([
            "-D",
            "n=0",
            "-D",
            &format!("each={each}"),
            "-D",
            &format!("base={}", self.runs * RUN),
        ]);
        command.arg("--file").arg(&self.script).arg(&self.url);
        files::told(command, rate)
    }
}

/// Where pgbench is.
pub fn program() -> Result<PathBuf, BoxError> {
    let missing = "pgbench is not installed; install it with `apt-get install postgresql`";
    Ok(files::program("pgbench").ok_or(missing)?)
}

/// pgbench over so many connections.
pub fn command(program: &Path, connections: usize) -> Command {
    let mut command = Command::new(program);
    command.args(["--no-vacuum", "--protocol=prepared", "--jobs=2"]).arg(format!("--client={connections}"));
    command
}

/// The rate, unless some transactions were left out.
pub fn rate(said: &str) -> Option<f64> {
    let after = |label: &str| said.lines().find_map(|line| line.strip_prefix(label));
    let failed = after("number of failed transactions: ").is_some_and(|rest| !rest.starts_with("0 "));
    let rate = after("tps = ")?.split(' ').next()?.parse().ok()?;
    (!failed).then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn the_rate_is_found() {
        let good = "scaling factor: 1\nnumber of failed transactions: 0 (0.000%)\n\
                    tps = 1234.500000 (without initial connection time)\n";
        assert_eq!(rate(good), Some(1234.5));
        assert_eq!(rate(&good.replace(": 0 (", ": 7 (")), None);
        assert_eq!(rate("pgbench: error"), None);
    }
}
