//! One Redis of our own, to be killed, frozen, filled and emptied.

use super::cluster::{alive, failed, free_port, tail};
use super::watchdog::{Held, Watchdog};
use super::{ThrowawayError, installed, temporary};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The longest we wait for it to come up.
const START_TIME: Duration = Duration::from_secs(60);
/// What it says when it takes connections.
const READY: &str = "Ready to accept connections";

/// A running Redis that keeps nothing. Ends when dropped.
#[derive(Debug)]
pub struct Redis {
    watchdog: Watchdog,
    pid: u32,
    log: PathBuf,
    cli: PathBuf,
    port: u16,
}

impl Redis {
    /// Starts one. Takes a moment; in async code call it from `spawn_blocking`.
    ///
    /// # Errors
    /// Without Redis, or when it does not come up.
    pub fn start() -> Result<Self, ThrowawayError> {
        let missing =
            || ThrowawayError::Failed("Redis is not installed; run: scripts/setup tests".to_owned());
        let server = installed::program("redis-server").ok_or_else(missing)?;
        let cli = installed::program("redis-cli").ok_or_else(missing)?;
        let mut tried = 0;
        loop {
            match Self::start_once(&server, &cli) {
                // Somebody took the port between our look and the server's.
                Err(ThrowawayError::Failed(log)) if log.contains("Address already in use") && tried < 5 => {
                    tried += 1;
                }
                done => return done,
            }
        }
    }

    fn start_once(server: &Path, cli: &Path) -> Result<Self, ThrowawayError> {
        let place = temporary("maru-redis-").map_err(failed("temporary directory"))?;
        let port = free_port().map_err(failed("free port"))?;
        let (dir, log) = (place.path(), place.path().join("log"));
        let (home, text) = (dir.display().to_string(), port.to_string());
        let args: Vec<String> = ["--bind", "127.0.0.1", "--port", &text, "--dir", &home, "--save", ""]
            .into_iter()
            .chain(["--appendonly", "no", "--daemonize", "no"])
            .map(str::to_owned)
            .collect();
        let held = Held { program: server, args: &args, dir, log: &log, signal: "KILL", user: None };
        let mut watchdog = Watchdog::spawn(&held).map_err(failed("watchdog"))?;
        // From here on the watchdog removes it.
        let _ = place.keep();
        let pid = watchdog.start().map_err(failed("start"))?;
        let redis = Self { watchdog, pid, log, cli: cli.to_owned(), port };
        redis.wait_ready(0)?;
        Ok(redis)
    }

    /// `redis://127.0.0.1:PORT`
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill9(&mut self) -> Result<(), ThrowawayError> {
        self.watchdog.kill9().map_err(failed("kill"))
    }

    /// Starts the killed one again on the same port, empty.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn restart(&mut self) -> Result<(), ThrowawayError> {
        let before = self.times_ready();
        self.pid = self.watchdog.start().map_err(failed("start"))?;
        self.wait_ready(before)
    }

    /// A signal by its name: `STOP` freezes it, `CONT` wakes it up.
    ///
    /// # Errors
    /// When it is gone.
    pub fn signal(&self, name: &str) -> Result<(), ThrowawayError> {
        let mut kill = Command::new("kill");
        kill.arg(format!("-{name}")).arg(self.pid.to_string()).stderr(Stdio::null());
        match kill.status().map_err(failed("kill"))?.success() {
            true => Ok(()),
            false => Err(ThrowawayError::Failed(format!("kill -{name} {}", self.pid))),
        }
    }

    /// A command; its answer as `redis-cli` prints it, errors too.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn command(&self, words: &[&str]) -> Result<String, ThrowawayError> {
        let mut command = Command::new(&self.cli);
        command.args(["-p", &self.port.to_string()]).args(words).stdin(Stdio::null());
        let output = command.output().map_err(failed("redis-cli"))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    fn times_ready(&self) -> usize {
        fs::read_to_string(&self.log).unwrap_or_default().matches(READY).count()
    }

    fn wait_ready(&self, before: usize) -> Result<(), ThrowawayError> {
        let deadline = Instant::now() + START_TIME;
        while self.times_ready() <= before {
            if !alive(self.pid) || Instant::now() > deadline {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                return Err(ThrowawayError::Failed(format!("Redis did not come up:\n{}", tail(&log))));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}
