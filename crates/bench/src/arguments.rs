//! The command line.

use crate::rounds::Effort;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// What is told to whoever got it wrong.
pub const USAGE: &str =
    "usage: bench [scenario…] [--out FILE] [--rounds N] [--seconds N] [--own-load] [--messages N] [--list]
  --out FILE    also write the figures as JSON
  --rounds N    rounds of ours and yardstick in turn (5)
  --seconds N   length of a timed round (4)
  --own-load    never use wrk, even when it is installed
  --messages N  how many messages `move` and `backup` have to do with (1000000)";

/// The argument by which the `start` scenario runs this program as its own yardstick.
pub const OPEN_AND_COUNT: &str = "--open-and-count";

/// The argument by which other scenarios run this program as a bare actix server.
pub const BARE: &str = "--bare";

/// What to measure, and how.
#[derive(Debug, Default)]
pub struct Arguments {
    scenarios: Vec<String>,
    /// Where the JSON goes.
    pub out: Option<PathBuf>,
    /// How thoroughly.
    pub effort: Effort,
}

impl Arguments {
    /// True when a scenario was asked for, or none was.
    pub fn wants(&self, scenario: &str) -> bool {
        self.scenarios.is_empty() || self.scenarios.iter().any(|asked| asked == scenario)
    }
}

/// What the program is asked to do.
#[derive(Debug)]
pub enum Ask {
    /// Measure.
    Run(Arguments),
    /// Name the scenarios.
    List,
    /// Be the yardstick of a start.
    OpenAndCount(PathBuf),
    /// Be a bare actix server of this page, at this address.
    Bare(PathBuf, SocketAddr),
}

/// Reads the command line; `known` are the names of the scenarios.
pub fn read(arguments: impl Iterator<Item = String>, known: &[&str]) -> Result<Ask, String> {
    let mut read = Arguments::default();
    let mut left = arguments;
    while let Some(argument) = left.next() {
        match argument.as_str() {
            "--list" => return Ok(Ask::List),
            OPEN_AND_COUNT => return Ok(Ask::OpenAndCount(value(&mut left, OPEN_AND_COUNT)?)),
            BARE => return Ok(Ask::Bare(value(&mut left, BARE)?, value(&mut left, BARE)?)),
            "--out" => read.out = Some(value(&mut left, "--out")?),
            "--rounds" => read.effort.rounds = value::<usize>(&mut left, "--rounds")?.max(1),
            "--seconds" => {
                read.effort.round = Duration::from_secs(value::<u64>(&mut left, "--seconds")?.max(1))
            }
            "--own-load" => read.effort.own_load = true,
            "--messages" => read.effort.messages = value::<usize>(&mut left, "--messages")?.max(1),
            name if known.contains(&name) => read.scenarios.push(argument),
            other => {
                return Err(format!("there is no scenario or flag {other}; scenarios: {}", known.join(", ")));
            }
        }
    }
    Ok(Ask::Run(read))
}

fn value<T: FromStr>(left: &mut impl Iterator<Item = String>, flag: &str) -> Result<T, String> {
    let text = left.next().ok_or_else(|| format!("{flag} needs a value"))?;
    text.parse().map_err(|_| format!("{flag} cannot be {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(line: &str) -> Result<Ask, String> {
        read(line.split_whitespace().map(str::to_owned), &["get", "post"])
    }

    #[test]
    fn without_names_everything_is_wanted() {
        let Ok(Ask::Run(all)) = ask("--rounds 3") else { panic!("refused") };
        assert!(all.wants("get") && all.wants("post") && all.effort.rounds == 3);
        let Ok(Ask::Run(one)) = ask("post --out x.json") else { panic!("refused") };
        assert!(one.wants("post") && !one.wants("get") && one.out == Some("x.json".into()));
    }

    #[test]
    fn what_is_unknown_is_refused() {
        assert!(ask("put").is_err() && ask("--rounds").is_err() && ask("--rounds many").is_err());
    }
}
