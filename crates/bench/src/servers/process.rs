//! What the system knows of a process.

use maru_domain::error::BoxError;
use std::collections::HashMap;
use std::fs;

/// Linux counts a process' time in hundredths of a second, for everybody who reads `/proc`.
const TICKS: f64 = 100.0;

/// The processor time that a process and its children that live have used.
pub fn cpu_seconds(pid: u32) -> Result<f64, BoxError> {
    let mut parents: HashMap<u32, (u32, f64)> = HashMap::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // One that has just ended has no file any more.
        if let Some(stat) = fs::read_to_string(entry.path().join("stat")).ok().as_deref().and_then(parse) {
            parents.insert(pid, stat);
        }
    }
    let is_ours = |own: u32, parent: u32| own == pid || parent == pid;
    Ok(parents
        .iter()
        .filter(|(own, (parent, _))| is_ours(**own, *parent))
        .map(|(_, (_, seconds))| seconds)
        .sum())
}

/// Parent and seconds, of a line of `/proc/PID/stat`. The name, in brackets, may hold anything.
fn parse(stat: &str) -> Option<(u32, f64)> {
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let number = |field: usize| fields.get(field)?.parse::<f64>().ok();
    Some((fields.get(1)?.parse().ok()?, (number(11)? + number(12)?) / TICKS))
}

/// Memory in use, in MiB.
pub fn resident_mib(pid: u32) -> Result<f64, BoxError> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_are_found_behind_any_name() {
        let line = "42 (a) b) S 7 42 42 0 -1 4194304 1 0 0 0 150 50 0 0 20 0";
        assert_eq!(parse(line), Some((7, 2.0)));
        assert!(cpu_seconds(std::process::id()).unwrap() >= 0.0);
        assert!(resident_mib(std::process::id()).unwrap() > 0.5);
    }
}
