//! The real server as a child process: the same binary and the same way in as a user's.

#![expect(
    clippy::print_stderr,
    reason = "the log of a server whose test failed belongs into the test's output"
)]

mod address;
mod guard;
mod launch;

pub use address::{Address, http_client};
pub use launch::Launch;

use guard::Guard;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// The line of the start-up banner that names the port.
const BANNER: &str = "listening on ";
/// The longest we wait for a server to be ready: a debug build on a machine that also compiles, recovering.
const READY_TIME: Duration = Duration::from_secs(60);
/// How many lines of its log a failing test shows.
const LOG_SHOWN: usize = 80;

/// Why the server is not there.
#[derive(Debug)]
pub struct ServerError(String);

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ServerError {}

fn failed(what: &'static str) -> impl Fn(std::io::Error) -> ServerError {
    move |error| ServerError(format!("{what}: {error}"))
}

/// A running server. Dropped, it is killed; its directory goes with it, and a failing test shows the end of its log.
#[derive(Debug)]
pub struct TestServer {
    launch: Launch,
    own: tempfile::TempDir,
    home: PathBuf,
    store: String,
    log: PathBuf,
    child: Option<Child>,
    guard: Option<Guard>,
}

impl TestServer {
    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn base_url(&self) -> String {
        self.launch.address.url()
    }

    /// The address, for clients that outlive a restart.
    #[must_use]
    pub fn address(&self) -> Address {
        self.launch.address.clone()
    }

    /// The directory the server works in.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The server's process id, while it has not been seen to end.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Everything the server has written to stdout and stderr, over all restarts.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read(&self.log).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default()
    }

    /// `kill -9`, and waits until the process is gone.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill9(&mut self) -> Result<(), ServerError> {
        self.guard = None;
        if let Some(mut child) = self.child.take() {
            child.kill().and_then(|()| child.wait()).map_err(failed("kill -9"))?;
        }
        Ok(())
    }

    /// SIGTERM: the server drains and ends; see [`Self::wait`].
    ///
    /// # Errors
    /// When it is gone already.
    pub fn terminate(&self) -> Result<(), ServerError> {
        self.signal("TERM")
    }

    /// Any other signal, by its name without `SIG`: `STOP` and `CONT` make a zombie.
    ///
    /// # Errors
    /// When the server is gone already.
    pub fn signal(&self, name: &str) -> Result<(), ServerError> {
        let pid = self.pid().ok_or_else(|| ServerError("the server has ended already".into()))?;
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(pid.to_string())
            .status()
            .map_err(failed("kill"))?;
        if status.success() { Ok(()) } else { Err(ServerError(format!("kill -{name} {pid}: {status}"))) }
    }

    /// Waits until the server has ended by itself.
    ///
    /// # Errors
    /// When it still runs after `within`.
    pub async fn wait(&mut self, within: Duration) -> Result<ExitStatus, ServerError> {
        let deadline = Instant::now() + within;
        loop {
            let child =
                self.child.as_mut().ok_or_else(|| ServerError("the server has ended already".into()))?;
            if let Some(status) = child.try_wait().map_err(failed("wait"))? {
                (self.child, self.guard) = (None, None);
                return Ok(status);
            }
            if Instant::now() > deadline {
                return Err(ServerError(format!(
                    "the server still runs after {within:?}\n{}",
                    self.end_of_log()
                )));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Starts the server again on the same data, killed before if it still runs, and waits until it is ready. Its port is another.
    ///
    /// # Errors
    /// As [`Launch::start`].
    pub async fn restart(&mut self) -> Result<(), ServerError> {
        self.kill9()?;
        self.start().await
    }

    async fn start(&mut self) -> Result<(), ServerError> {
        let deadline = Instant::now() + READY_TIME;
        let log = || OpenOptions::new().create(true).append(true).open(&self.log).map_err(failed("log file"));
        let mut command = Command::new(&self.launch.binary);
        command.args(["serve", "--bind", self.launch.bind, "--store", &self.store]).args(&self.launch.args);
        command.current_dir(&self.home).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log()?);
        // Only the test says how the server is set; a developer's own settings and keys stay out.
        for (name, _) in std::env::vars_os() {
            if name
                .to_str()
                .is_some_and(|name| ["MARU", "OPENAI_", "OTEL_"].iter().any(|ours| name.starts_with(ours)))
            {
                command.env_remove(name);
            }
        }
        command.envs(self.launch.env.iter().map(|(name, value)| (name, value)));
        let mut child = command.spawn().map_err(failed("the server cannot be started"))?;
        let stdout = child.stdout.take();
        let log = log()?;
        let pid = child.id();
        self.child = Some(child);
        self.guard = Some(Guard::over(pid, self.own.path()).map_err(failed("guard"))?);
        let (found, banner) = mpsc::channel();
        let copied = std::thread::Builder::new().name("server-stdout".into());
        copied.spawn(move || stdout.map(|stdout| copy(stdout, log, &found))).map_err(failed("thread"))?;
        loop {
            if let Ok(url) = banner.try_recv() {
                self.launch.address.set(&url);
                break;
            }
            self.still_starting(deadline, "has not said where it listens")?;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let client = http_client(Duration::from_secs(5));
        let ready = format!("{}/readyz", self.base_url());
        while !client.get(&ready).send().await.is_ok_and(|answer| answer.status() == 200) {
            self.still_starting(deadline, "does not answer GET /readyz with 200")?;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    fn still_starting(&mut self, deadline: Instant, problem: &str) -> Result<(), ServerError> {
        let ended = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
        match ended {
            Some(status) => {
                Err(ServerError(format!("the server ended ({status}) while starting\n{}", self.end_of_log())))
            }
            None if Instant::now() > deadline => {
                Err(ServerError(format!("the server {problem} after {READY_TIME:?}\n{}", self.end_of_log())))
            }
            None => Ok(()),
        }
    }

    fn end_of_log(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_SHOWN)..].join("\n")
    }
}

/// Copies the server's stdout into its log, as long as it writes, and hands on where it says that it listens.
fn copy(stdout: std::process::ChildStdout, mut log: File, found: &mpsc::Sender<String>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        if let Some(url) = line.split_once(BANNER).and_then(|(_, rest)| rest.split_whitespace().next()) {
            // The receiver is gone when the server says it again later.
            let _ = found.send(url.trim_end_matches('/').to_owned());
        }
        let _ = writeln!(log, "{line}");
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let _ = self.kill9();
        if std::thread::panicking() {
            eprintln!(
                "--- the end of the server's log ({}) ---\n{}",
                self.own.path().display(),
                self.end_of_log()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_ends_while_starting_is_an_error_that_says_so() {
        let started = Launch::new("/bin/false").start().await;
        assert!(
            started.is_err_and(|error| error.to_string().contains("ended (exit status: 1) while starting"))
        );
    }
}
