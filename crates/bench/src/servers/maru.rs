//! The release `maru`, with its own defaults; on SQLite unless a scenario says otherwise.

use super::{Running, Server, wait_for};
use crate::files::Workplace;
use crate::load;
use maru_domain::error::BoxError;
use serde_json::Value;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

/// A running server of ours.
pub struct Maru {
    running: Running,
    address: SocketAddr,
    tokens: Vec<String>,
}

impl Maru {
    /// Starts one on an empty database, with so many users.
    pub fn start(place: &Workplace, users: usize) -> Result<Self, BoxError> {
        let mut maru = Self::in_directory(place, &place.directory("maru")?)?;
        maru.register(users)?;
        Ok(maru)
    }

    /// Starts one in a directory and waits until it listens.
    pub fn in_directory(place: &Workplace, directory: &Path) -> Result<Self, BoxError> {
        let mut maru = Self::on(place, directory, super::free_address()?)?;
        wait_for(maru.address, &mut maru.running.0, &directory.join("log"))?;
        Ok(maru)
    }

    /// The same where users are already, of whom these are the tokens.
    pub fn again(place: &Workplace, directory: &Path, tokens: Vec<String>) -> Result<Self, BoxError> {
        Ok(Self { tokens, ..Self::in_directory(place, directory)? })
    }

    /// Starts one with these settings, for so many users.
    pub fn with(place: &Workplace, users: usize, settings: &[(&str, String)]) -> Result<Self, BoxError> {
        let directory = place.directory("maru")?;
        let mut maru = Self::spawn(place, &directory, super::free_address()?, None, settings)?;
        wait_for(maru.address, &mut maru.running.0, &directory.join("log"))?;
        maru.register(users)?;
        Ok(maru)
    }

    /// Starts one on the database `maru.db` of a directory, and does not wait for it.
    pub fn on(place: &Workplace, directory: &Path, address: SocketAddr) -> Result<Self, BoxError> {
        Self::spawn(place, directory, address, None, &[])
    }

    /// Starts one of several instances on a PostgreSQL database, with these settings.
    pub fn instance(
        place: &Workplace,
        name: &str,
        store: &str,
        settings: &[(&str, String)],
    ) -> Result<Self, BoxError> {
        let directory = place.directory(name)?;
        let secret = ("MARU__AUTH__SECRET", "a secret that all instances of this run have".to_owned());
        let settings: Vec<_> = settings.iter().cloned().chain([secret]).collect();
        let mut maru = Self::spawn(place, &directory, super::free_address()?, Some(store), &settings)?;
        wait_for(maru.address, &mut maru.running.0, &directory.join("log"))?;
        Ok(maru)
    }

    fn spawn(
        place: &Workplace,
        directory: &Path,
        address: SocketAddr,
        store: Option<&str>,
        settings: &[(&str, String)],
    ) -> Result<Self, BoxError> {
        let mut command = Command::new(place.maru()?);
        command.arg("serve").args(["--bind", &address.to_string()]);
        let own = format!("sqlite:{}", directory.join("maru.db").display());
        command.arg("--store").arg(store.unwrap_or(&own));
        // What this shell has set for maru must not change what is measured.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MARU__"))
        {
            command.env_remove(name);
        }
        command.envs(settings.iter().map(|(name, value)| (name, value)));
        let log = File::create(directory.join("log"))?;
        command.current_dir(directory).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(Self { running: Running(command.spawn()?), address, tokens: Vec::new() })
    }

    /// Registers so many users.
    pub fn register(&mut self, users: usize) -> Result<(), BoxError> {
        for number in self.tokens.len()..users {
            let body = format!(r#"{{"username":"bench-{number}","password":"a-long-password"}}"#);
            let answer =
                load::once(self.address, load::request("POST", "/api/register/", "none", Some(&body)))?;
            let answer: Value = serde_json::from_slice(&answer)?;
            let token = answer["token"].as_str().ok_or("registering gave no token")?;
            self.tokens.push(token.to_owned());
        }
        Ok(())
    }
}

impl Server for Maru {
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
