//! The yardstick of the token API: a plain Django REST Framework server that does the same
//! (`yardsticks/drf`), behind gunicorn with two sync workers.

use super::{Running, Server, wait_for};
use crate::files::{self, Workplace};
use crate::python;
use maru_domain::error::BoxError;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

/// As many as the machine class of the figures has processors.
const WORKERS: &str = "2";

/// A running yardstick.
pub struct Drf {
    running: Running,
    address: SocketAddr,
    tokens: Vec<String>,
}

impl Drf {
    /// Starts one on an empty database, with so many users. The first run installs it into the build directory.
    pub fn start(place: &Workplace, users: usize) -> Result<Self, BoxError> {
        let source = files::yardsticks().join("drf");
        let bin = python::environment(place, "drf")?;
        let directory = place.directory("drf")?;
        let database = directory.join("db.sqlite3");
        let prepared = command(&bin.join("python"), &source, &database)
            .arg("prepare.py")
            .arg(users.to_string())
            .output()?;
        if !prepared.status.success() {
            return Err(format!("prepare.py: {}", String::from_utf8_lossy(&prepared.stderr)).into());
        }
        let tokens = String::from_utf8(prepared.stdout)?.lines().map(str::to_owned).collect();
        let (address, log) = (super::free_address()?, directory.join("log"));
        let mut gunicorn = command(&bin.join("gunicorn"), &source, &database);
        gunicorn.args(["--workers", WORKERS, "--bind", &address.to_string(), "wsgi:application"]);
        let file = File::create(&log)?;
        let mut running = Running(gunicorn.stdout(file.try_clone()?).stderr(file).spawn()?);
        wait_for(address, &mut running.0, &log)?;
        Ok(Self { running, address, tokens })
    }
}

fn command(program: &Path, source: &Path, database: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(source).stdin(Stdio::null());
    command.env("DRF_DATABASE", database).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

impl Server for Drf {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn pid(&self) -> u32 {
        self.running.0.id()
    }

    fn tokens(&self) -> &[String] {
        &self.tokens
    }
}
