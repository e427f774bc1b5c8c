//! The load of `wrk`, where it is installed: an independent client, and a cheaper one for plain GETs.
//! Its script cannot know which connection asks, so it is of no use where each client has a state.

use super::Load;
use crate::files;
use maru_domain::error::BoxError;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const SCRIPT: &str = include_str!("wrk.lua");

/// Where `wrk` is, if it is.
pub fn wrk() -> Option<PathBuf> {
    files::program("wrk")
}

/// GETs of `targets`, each a path and a token, in turn.
pub fn measure(
    wrk: &Path,
    place: &Path,
    address: SocketAddr,
    targets: &[(String, String)],
    connections: usize,
    time: Duration,
) -> Result<Load, BoxError> {
    let (script, list) = (place.join("wrk.lua"), place.join("targets"));
    std::fs::write(&script, SCRIPT)?;
    std::fs::write(
        &list,
        targets.iter().map(|(path, token)| format!("{path} {token}\n")).collect::<String>(),
    )?;
    let mut command = Command::new(wrk);
    command.args([
        "-t",
        "1",
        "-c",
        &connections.to_string(),
        "-d",
        &format!("{}s", time.as_secs().max(1)),
        "-s",
    ]);
    command.arg(&script).arg(format!("http://{address}/")).arg("--").arg(&list);
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().rev().find(|line| line.starts_with('{'));
    let line = line.ok_or_else(|| format!("wrk said {text} {}", String::from_utf8_lossy(&output.stderr)))?;
    let said: Value = serde_json::from_str(line)?;
    let number = |name: &str| said[name].as_f64().ok_or_else(|| format!("wrk told no {name}"));
    if number("bad")? > 0.0 || number("broken")? > 0.0 {
        return Err(format!("wrk met errors: {line}").into());
    }
    let requests = number("requests")?;
    Ok(Load {
        requests: requests as u64,
        seconds: number("micros")? / 1e6,
        body: number("bytes")? / requests.max(1.0),
        p50: number("p50")? / 1000.0,
        p99: number("p99")? / 1000.0,
    })
}
