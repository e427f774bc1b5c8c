//! The real server as a child process: the same binary and the same way in as a user's.

#![expect(
    clippy::print_stderr,
    reason = "the log of a server whose test failed belongs into the test's output"
)]

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Once, PoisonError, RwLock, mpsc};
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

/// Where the server listens. Clones share it, so clients find the server again after a restart on another port.
#[derive(Clone, Debug, Default)]
pub struct Address(Arc<RwLock<String>>);

impl Address {
    /// `http://127.0.0.1:PORT`, empty before the first start.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, url: &str) {
        url.clone_into(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl From<&str> for Address {
    fn from(url: &str) -> Self {
        let address = Self::default();
        address.set(url);
        address
    }
}

/// A client for plain HTTP on this machine: no proxy, no redirects, no endless waiting.
///
/// # Panics
/// Never: nothing in these settings can be refused.
#[must_use]
#[expect(clippy::expect_used, reason = "a client with these constant settings is always built")]
pub fn http_client(timeout: Duration) -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    // reqwest asks for a TLS provider even when it will never speak TLS.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let builder =
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(timeout);
    builder.build().expect("an HTTP client")
}

/// How to start a server.
#[derive(Clone, Debug)]
pub struct Launch {
    binary: PathBuf,
    bind: &'static str,
    store: Option<String>,
    home: Option<PathBuf>,
    env: Vec<(String, String)>,
    args: Vec<String>,
    address: Address,
}

impl Launch {
    /// The binary under test: `env!("CARGO_BIN_EXE_maru-under-test")`. Without more it runs on SQLite in a directory of its own.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        Self {
            binary: binary.into(),
            bind: "127.0.0.1:0",
            store: None,
            home: None,
            env: Vec::new(),
            args: Vec::new(),
            address: Address::default(),
        }
    }

    /// `--bind`, with port 0; clients come over the loopback interface all the same.
    #[must_use]
    pub const fn bind(mut self, address: &'static str) -> Self {
        self.bind = address;
        self
    }

    /// `--store`: `sqlite:…` or `postgres://…`.
    #[must_use]
    pub fn store(mut self, url: impl Into<String>) -> Self {
        self.store = Some(url.into());
        self
    }

    /// The directory the server works in, instead of a throwaway one.
    #[must_use]
    pub fn home(mut self, dir: impl Into<PathBuf>) -> Self {
        self.home = Some(dir.into());
        self
    }

    /// A setting, as `MARU__SECTION__KEY`, or any other environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// A further argument after `serve`.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Publishes where the server listens in `address`, which clients may have already.
    #[must_use]
    pub fn address(mut self, address: &Address) -> Self {
        self.address = address.clone();
        self
    }

    /// Starts the server and waits until it is ready.
    ///
    /// # Errors
    /// When it ends, or is not ready within a minute; the message holds the end of its log.
    pub async fn start(self) -> Result<TestServer, ServerError> {
        let own = temporary().map_err(failed("temporary directory"))?;
        let home = self.home.clone().unwrap_or_else(|| own.path().join("home"));
        std::fs::create_dir_all(&home).map_err(failed("home directory"))?;
        let store =
            self.store.clone().unwrap_or_else(|| format!("sqlite:{}", home.join("maru.db").display()));
        let log = own.path().join("log");
        let mut server = TestServer { launch: self, own, home, store, log, child: None, guard: None };
        server.start().await?;
        Ok(server)
    }
}

fn temporary() -> std::io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("maru-server-");
    builder.tempdir_in("/dev/shm").or_else(|_| builder.tempdir())
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

/// Ends the server and removes its directory when the test process ends without having done so, even by `kill -9`: a small `sh` waits
/// for the end of a pipe that only we hold.
#[derive(Debug)]
struct Guard(Child);

impl Guard {
    fn over(pid: u32, dir: &Path) -> std::io::Result<Self> {
        let script = "while read -r line; do :; done; kill -9 \"$1\" 2>/dev/null; rm -rf -- \"$2\"";
        let mut sh = Command::new("/bin/sh");
        sh.args(["-c", script, "maru-guard"]).arg(pid.to_string()).arg(dir);
        // Its own process group: Ctrl-C at the terminal must not end the guard first.
        sh.process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map(Self)
    }
}

impl Drop for Guard {
    /// Before the server is gone, or its process id might be somebody else's already.
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
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
