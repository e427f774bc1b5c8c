//! Where the machine keeps PostgreSQL, and whom to run it as.

use super::ThrowawayError;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Where Debian puts the server's programs, one directory a major version; they are not on the PATH.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The directory with `initdb`, `postgres` and `psql`: the newest of Debian's, else the first on the PATH.
pub(super) fn postgres_bin() -> Result<PathBuf, ThrowawayError> {
    let complete =
        |dir: &Path| ["initdb", "postgres", "psql"].iter().all(|program| dir.join(program).is_file());
    let newest = fs::read_dir(DEBIAN)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin")))
        })
        .filter(|(_, bin)| complete(bin))
        .max();
    if let Some((_, bin)) = newest {
        return Ok(bin);
    }
    on_path(complete).ok_or(ThrowawayError::Missing)
}

/// A `PATH` on which PostgreSQL's own programs come first.
pub(super) fn path() -> std::ffi::OsString {
    let bin = postgres_bin().ok().into_iter();
    let usual = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(bin.chain(std::env::split_paths(&usual))).unwrap_or(usual)
}

/// `psql` alone, enough for a server that runs elsewhere.
pub(super) fn psql() -> Result<PathBuf, ThrowawayError> {
    postgres_bin()
        .or_else(|_| on_path(|dir| dir.join("psql").is_file()).ok_or(ThrowawayError::Missing))
        .map(|bin| bin.join("psql"))
}

/// A program of the PATH or of `/usr/sbin`, where Debian keeps servers.
pub(super) fn program(name: &str) -> Option<PathBuf> {
    let there = |dir: &Path| dir.join(name).is_file();
    let found = on_path(there).or_else(|| Some(PathBuf::from("/usr/sbin")).filter(|dir| there(dir)));
    found.map(|dir| dir.join(name))
}

fn on_path(complete: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).find(|dir| complete(dir))
}

/// The user and group of `postgres` when we are root: `initdb` and `postgres` refuse root.
pub(super) fn unprivileged() -> Result<Option<(u32, u32)>, ThrowawayError> {
    let we_are_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    if !we_are_root {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let (uid, gid) = (fields.nth(1)?, fields.next()?);
        (name == "postgres").then_some((uid.parse().ok()?, gid.parse().ok()?))
    });
    user.map(Some).ok_or(ThrowawayError::Missing)
}
