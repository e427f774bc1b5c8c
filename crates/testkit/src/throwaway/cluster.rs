//! One PostgreSQL server of our own: made, started, killed, removed.

use super::watchdog::{Held, Watchdog};
use super::{ThrowawayError, installed, temporary};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The longest we wait for a server to come up, on a machine that also compiles.
const START_TIME: Duration = Duration::from_secs(60);
/// How often we look for another port when somebody took ours between our look and the server's.
const PORTS_TRIED: usize = 5;

/// Whether the server keeps what it acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// In memory, no fsync: quick.
    None,
    /// On disk, as in production.
    Full,
}

impl Durability {
    fn settings(self) -> &'static [&'static str] {
        match self {
            Self::None => &["fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off"],
            Self::Full => &["fsync=on", "synchronous_commit=on"],
        }
    }

    fn place(self) -> std::io::Result<tempfile::TempDir> {
        match self {
            Self::None => temporary("maru-pg-"),
            Self::Full => tempfile::Builder::new().prefix("maru-pg-").tempdir(),
        }
    }
}

/// A running server and the watchdog that holds it.
#[derive(Debug)]
pub(super) struct Cluster {
    watchdog: Watchdog,
    pid: u32,
    dir: PathBuf,
    pub(super) port: u16,
}

impl Cluster {
    pub(super) fn start(durability: Durability) -> Result<Self, ThrowawayError> {
        let mut result = Self::start_once(durability);
        for _ in 1..PORTS_TRIED {
            match &result {
                Err(ThrowawayError::Failed(log)) if log.contains("Address already in use") => {
                    result = Self::start_once(durability)
                }
                _ => break,
            }
        }
        result
    }

    fn start_once(durability: Durability) -> Result<Self, ThrowawayError> {
        Self::made(durability, initdb)
    }

    /// A standby of a server of ours, which follows it until it is promoted.
    pub(super) fn standby_of(port: u16) -> Result<Self, ThrowawayError> {
        Self::made(Durability::Full, |bin, data, user| base_backup(bin, data, user, port))
    }

    fn made(
        durability: Durability,
        data_made: impl FnOnce(&Path, &Path, Option<(u32, u32)>) -> Result<(), ThrowawayError>,
    ) -> Result<Self, ThrowawayError> {
        let bin = installed::postgres_bin()?;
        let user = installed::unprivileged()?;
        let place = durability.place().map_err(failed("temporary directory"))?;
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(place.path(), Some(uid), Some(gid)).map_err(failed("chown"))?;
        }
        let dir = place.path();
        let (data, log) = (dir.join("data"), dir.join("log"));
        let port = free_port().map_err(failed("free port"))?;
        let mut args = vec!["-D".to_owned(), data.display().to_string()];
        for setting in durability.settings() {
            args.extend(["-c".to_owned(), (*setting).to_owned()]);
        }
        for (name, value) in [
            ("max_connections", "300".to_owned()),
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("port", port.to_string()),
            ("unix_socket_directories", dir.display().to_string()),
        ] {
            args.extend(["-c".to_owned(), format!("{name}={value}")]);
        }
        // The watchdog is there first: from here on nothing stays behind, however this process ends.
        let held = Held { program: &bin.join("postgres"), args: &args, dir, log: &log, signal: "QUIT", user };
        let mut watchdog = Watchdog::spawn(&held).map_err(failed("watchdog"))?;
        let dir = place.keep();
        data_made(&bin, &data, user)?;
        let pid = watchdog.start().map_err(failed("start"))?;
        let cluster = Self { watchdog, pid, dir, port };
        cluster.wait_ready(Instant::now() + START_TIME)?;
        Ok(cluster)
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn kill9(&mut self) -> Result<(), ThrowawayError> {
        self.watchdog.kill9().map_err(failed("kill"))
    }

    /// `pg_ctl stop -m immediate`: SIGQUIT.
    pub(super) fn stop_immediately(&mut self) -> Result<(), ThrowawayError> {
        self.watchdog.end().map_err(failed("stop"))
    }

    pub(super) fn restart(&mut self) -> Result<(), ThrowawayError> {
        let deadline = Instant::now() + START_TIME;
        loop {
            self.pid = self.watchdog.start().map_err(failed("start"))?;
            match self.wait_ready(deadline) {
                // The killed server's children may hold its shared memory for a moment longer.
                Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(100)),
                result => return result,
            }
        }
    }

    /// The server writes into `postmaster.pid` who it is and, in the eighth line, when it takes connections.
    fn wait_ready(&self, deadline: Instant) -> Result<(), ThrowawayError> {
        loop {
            let state = fs::read_to_string(self.dir.join("data/postmaster.pid")).unwrap_or_default();
            let mut lines = state.lines();
            let own = lines.next().is_some_and(|pid| pid.trim() == self.pid.to_string());
            // A standby says so, too.
            if own && lines.nth(6).is_some_and(|status| matches!(status.trim(), "ready" | "standby")) {
                return Ok(());
            }
            if !alive(self.pid) || Instant::now() > deadline {
                let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
                return Err(ThrowawayError::Failed(format!(
                    "it did not come up; the end of its log:\n{}",
                    tail(&log)
                )));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn initdb(bin: &Path, data: &Path, user: Option<(u32, u32)>) -> Result<(), ThrowawayError> {
    let mut command = Command::new(bin.join("initdb"));
    command.arg("-D").arg(data).args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]);
    command.args(["--no-sync", "--no-instructions"]);
    done(command, user, "initdb")
}

/// A copy of a running server's data, set to follow it.
fn base_backup(bin: &Path, data: &Path, user: Option<(u32, u32)>, of: u16) -> Result<(), ThrowawayError> {
    let mut command = Command::new(bin.join("pg_basebackup"));
    command.arg("-D").arg(data).args(["-U", "postgres", "-h", "127.0.0.1", "-p", &of.to_string()]);
    command.args(["-R", "-X", "stream", "-c", "fast", "--no-sync"]);
    done(command, user, "pg_basebackup")
}

fn done(mut command: Command, user: Option<(u32, u32)>, what: &str) -> Result<(), ThrowawayError> {
    use std::os::unix::process::CommandExt as _;
    command.current_dir("/").stdin(Stdio::null());
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    let output = command.output().map_err(|error| ThrowawayError::Failed(format!("{what}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(ThrowawayError::Failed(format!("{what}: {}", tail(&String::from_utf8_lossy(&output.stderr)))))
}

/// A process that has ended and waits for its parent is not alive.
pub(super) fn alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

pub(super) fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

pub(super) fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

pub(super) fn failed(what: &'static str) -> impl Fn(std::io::Error) -> ThrowawayError {
    move |error| ThrowawayError::Failed(format!("{what}: {error}"))
}
