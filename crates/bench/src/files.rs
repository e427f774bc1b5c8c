//! Where things are, and a place to work in.

use maru_domain::error::BoxError;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The directories of a run.
pub struct Workplace {
    target: PathBuf,
    programs: PathBuf,
    temporary: tempfile::TempDir,
}

impl Workplace {
    /// A new one, on the disk of the build directory: a database in memory would commit for nothing.
    pub fn new() -> Result<Self, BoxError> {
        let own = std::env::current_exe()?;
        let programs = own.parent().ok_or("this program is nowhere")?.to_owned();
        let target = programs.parent().ok_or("this program is not in a build directory")?.to_owned();
        let temporary = tempfile::Builder::new().prefix("bench-").tempdir_in(&target)?;
        Ok(Self { target, programs, temporary })
    }

    /// The `maru` that was built beside this program.
    pub fn maru(&self) -> Result<PathBuf, BoxError> {
        let beside = self.programs.join("maru");
        let named =
            std::env::var_os("CARGO_TARGET_DIR").map(|target| PathBuf::from(target).join("release/maru"));
        let found = [Some(beside.clone()), named].into_iter().flatten().find(|path| path.is_file());
        found.ok_or_else(|| {
            format!("there is no {}; make it with `cargo build --release`", beside.display()).into()
        })
    }

    /// An empty directory that goes with the run.
    pub fn directory(&self, name: &str) -> Result<PathBuf, BoxError> {
        let directory = self.temporary.path().join(name);
        if directory.exists() {
            std::fs::remove_dir_all(&directory)?;
        }
        std::fs::create_dir_all(&directory)?;
        Ok(directory)
    }

    /// A directory that is kept from run to run.
    pub fn kept(&self, name: &str) -> PathBuf {
        self.target.join(name)
    }
}

/// The yardsticks that are not Rust.
pub fn yardsticks() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/yardsticks"))
}

/// What `find` finds in what a program says.
pub fn told<T>(mut command: Command, find: impl Fn(&str) -> Option<T>) -> Result<T, BoxError> {
    let output = command.stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let found = if output.status.success() { find(&text) } else { None };
    let program = command.get_program().to_string_lossy();
    Ok(found.ok_or_else(|| format!("{program}: {text} {}", String::from_utf8_lossy(&output.stderr)))?)
}

/// A program on the PATH or in one of the directories where Debian hides PostgreSQL's.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    places.extend(versions.map(|version| version.path().join("bin")));
    places.into_iter().map(|place| place.join(name)).find(|path| path.is_file())
}
