//! The two servers: ours and its yardstick.

pub mod bare;
mod drf;
mod maru;
mod process;

pub use bare::Bare;
pub use drf::Drf;
pub use maru::Maru;
pub use process::{cpu_seconds, resident_mib};

use maru_domain::error::BoxError;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Child;
use std::time::{Duration, Instant};

/// Where a server listens and which processes it is.
pub trait Server {
    /// Where it listens.
    fn address(&self) -> SocketAddr;
    /// Its first process.
    fn pid(&self) -> u32;
    /// One token for each user.
    fn tokens(&self) -> &[String];
}

/// A server process, ended in order when this goes.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // SIGTERM, so that gunicorn takes its workers along; `Child::kill` would leave them.
        let told = std::process::Command::new("kill").arg(self.0.id().to_string()).status();
        if !told.is_ok_and(|status| status.success()) {
            let _ = self.0.kill();
        }
        let _ = self.0.wait();
    }
}

/// An address that nobody listens on.
pub fn free_address() -> Result<SocketAddr, BoxError> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// Waits until somebody listens, or the process has ended.
fn wait_for(address: SocketAddr, child: &mut Child, log: &std::path::Path) -> Result<(), BoxError> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(address).is_err() {
        if child.try_wait()?.is_some() || Instant::now() > deadline {
            let log = std::fs::read_to_string(log).unwrap_or_default();
            return Err(format!("a server did not come up; its log:\n{log}").into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
