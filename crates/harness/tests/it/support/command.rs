//! The command line, run as a user would.

use super::BINARY;
use serde_json::Value;
use std::ffi::OsStr;
use std::fmt;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// No command of these tests takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    pub line: String,
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`maru {}` → {:?}\nstdout: {}\nstderr: {}", self.line, self.code, self.out, self.err)
    }
}

impl Ran {
    #[track_caller]
    pub fn ok(&self) -> &Self {
        assert_eq!(self.code, Some(0), "{self}");
        self
    }

    /// Failed with this code, and said so on stderr without a trace of a panic.
    #[track_caller]
    pub fn failed(&self, code: i32, says: &str) -> &Self {
        assert_eq!(self.code, Some(code), "{self}");
        assert!(self.err.contains(says), "stderr should say {says:?}: {self}");
        assert!(!self.err.contains("panicked") && !self.err.contains("RUST_BACKTRACE"), "{self}");
        self
    }

    /// The one JSON value on stdout.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

/// `maru …` in a directory, with nothing of the developer's environment.
pub fn maru<A: AsRef<OsStr>>(dir: &Path, arguments: &[A], stdin: &str) -> Ran {
    maru_with(dir, arguments, stdin, &[] as &[(&str, &str)])
}

/// The same with environment variables.
pub fn maru_with<A: AsRef<OsStr>, V: AsRef<OsStr>>(
    dir: &Path,
    arguments: &[A],
    stdin: &str,
    env: &[(&str, V)],
) -> Ran {
    let mut command = Command::new(BINARY);
    command.args(arguments).current_dir(dir);
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| ["MARU", "OPENAI_", "OTEL_"].iter().any(|ours| name.starts_with(ours)))
        {
            command.env_remove(name);
        }
    }
    command.envs(env.iter().map(|(name, value)| (name, value.as_ref())));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("maru starts");
    // A command that reads nothing may be gone already.
    let _ = child.stdin.take().map(|mut to| to.write_all(stdin.as_bytes()));
    // A command that should have refused and serves instead must not hang the test.
    let pid = child.id().to_string();
    let (ended, over) = mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        if over.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-9", &pid]).status();
        }
    });
    let output = child.wait_with_output().expect("maru ends");
    drop(ended);
    watchdog.join().expect("the watchdog ends");
    let line: Vec<_> = arguments.iter().map(|a| a.as_ref().to_string_lossy().into_owned()).collect();
    Ran {
        line: line.join(" "),
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
