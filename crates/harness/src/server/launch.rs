//! How a server is started.

use super::{Address, ServerError, TestServer, failed};
use std::path::PathBuf;

/// How to start a server.
#[derive(Clone, Debug)]
pub struct Launch {
    pub(super) binary: PathBuf,
    pub(super) bind: &'static str,
    pub(super) store: Option<String>,
    pub(super) home: Option<PathBuf>,
    pub(super) env: Vec<(String, String)>,
    pub(super) args: Vec<String>,
    pub(super) address: Address,
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
