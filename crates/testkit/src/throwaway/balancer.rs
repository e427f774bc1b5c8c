//! HAProxy with a configuration of ours.

use super::cluster::{alive, failed, free_port as any_port, tail};
use super::watchdog::{Held, Watchdog};
use super::{ThrowawayError, installed, temporary};
use std::fs;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const START_TIME: Duration = Duration::from_secs(30);

/// A running balancer. Ends when dropped.
#[derive(Debug)]
pub struct Balancer {
    _watchdog: Watchdog,
    port: u16,
}

impl Balancer {
    /// Starts one with this configuration, in which `bind` is replaced by an address of the loopback
    /// interface. Takes a moment; in async code call it from `spawn_blocking`.
    ///
    /// # Errors
    /// Without HAProxy, or when it does not come up.
    pub fn start(configuration: &str, bind: &str) -> Result<Self, ThrowawayError> {
        let program = program()?;
        let place = temporary("maru-haproxy-").map_err(failed("temporary directory"))?;
        let port = any_port().map_err(failed("free port"))?;
        let (file, log) = (place.path().join("haproxy.cfg"), place.path().join("log"));
        let configuration = configuration.replace(bind, &format!("bind 127.0.0.1:{port}"));
        fs::write(&file, configuration).map_err(failed("configuration"))?;
        let args = ["-db".to_owned(), "-f".to_owned(), file.display().to_string()];
        let dir = place.path();
        let held = Held { program: &program, args: &args, dir, log: &log, signal: "TERM", user: None };
        let mut watchdog = Watchdog::spawn(&held).map_err(failed("watchdog"))?;
        // From here on the watchdog removes it.
        let _ = place.keep();
        let pid = watchdog.start().map_err(failed("start"))?;
        let deadline = Instant::now() + START_TIME;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if !alive(pid) || Instant::now() > deadline {
                let log = fs::read_to_string(&log).unwrap_or_default();
                return Err(ThrowawayError::Failed(format!("HAProxy did not come up:\n{}", tail(&log))));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Self { _watchdog: watchdog, port })
    }

    /// What HAProxy has to say against a configuration; nothing against a good one.
    ///
    /// # Errors
    /// Without HAProxy.
    pub fn objections(configuration: &str) -> Result<Option<String>, ThrowawayError> {
        let place = temporary("maru-haproxy-").map_err(failed("temporary directory"))?;
        let file = place.path().join("haproxy.cfg");
        fs::write(&file, configuration).map_err(failed("configuration"))?;
        let mut check = Command::new(program()?);
        let output = check.arg("-c").arg("-f").arg(&file).stdin(Stdio::null()).output();
        let output = output.map_err(failed("haproxy"))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let is_good = output.status.success() && !said.contains("[WARNING]");
        Ok((!is_good).then_some(said))
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

fn program() -> Result<std::path::PathBuf, ThrowawayError> {
    let missing = "HAProxy is not installed; run: scripts/setup tests";
    installed::program("haproxy").ok_or_else(|| ThrowawayError::Failed(missing.to_owned()))
}

/// A port that nobody listens on, below the range that the kernel hands out by itself: nobody is given
/// it while a server that is to have it restarts.
///
/// # Panics
/// When all are taken.
#[must_use]
pub fn free_port() -> u16 {
    let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let free = (0..1000).map(|_| fastrand::u16(20_000..32_000)).find(is_free);
    free.unwrap_or_else(|| panic!("no free port from 20000 to 32000"))
}
