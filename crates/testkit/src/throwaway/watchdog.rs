//! A server that cannot outlive the test process: a small `sh` holds it, reads our verbs from a pipe, and when the pipe closes, for
//! whatever reason, ends the server and removes its directory. (`PR_SET_PDEATHSIG` would need unsafe code.)

use std::io::{BufRead as _, BufReader, Error, Result, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// `$1` directory to remove, `$2` signal that ends the server, `$3` its log; the rest is the server's command line.
const SCRIPT: &str = r#"
dir=$1 signal=$2 log=$3; shift 3
pid=
while read -r verb; do
  case $verb in
    start) "$@" >>"$log" 2>&1 </dev/null & pid=$!; echo "$pid" ;;
    kill) kill -9 "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; pid=; echo killed ;;
    end) kill -"$signal" "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; pid=; echo ended ;;
  esac
done
if [ -n "$pid" ]; then kill -"$signal" "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; fi
rm -rf -- "$dir"
"#;

/// What to hold.
pub(super) struct Held<'a> {
    pub(super) program: &'a Path,
    pub(super) args: &'a [String],
    /// Removed at the end. The log lies in it.
    pub(super) dir: &'a Path,
    pub(super) log: &'a Path,
    /// The signal that ends the server, without `SIG`.
    pub(super) signal: &'a str,
    /// The user and group to run as, when we are root.
    pub(super) user: Option<(u32, u32)>,
}

/// The `sh` that holds one server.
#[derive(Debug)]
pub(super) struct Watchdog {
    sh: Child,
    verbs: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Watchdog {
    /// Starts the `sh`, not yet the server.
    pub(super) fn spawn(held: &Held<'_>) -> Result<Self> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "maru-watchdog"]).arg(held.dir).arg(held.signal).arg(held.log);
        command.arg(held.program).args(held.args);
        // Its own process group, or Ctrl-C at the terminal would end the watchdog before it has tidied up.
        command.current_dir("/").process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        if let Some((uid, gid)) = held.user {
            command.uid(uid).gid(gid);
        }
        let mut sh = command.spawn()?;
        let (Some(verbs), Some(answers)) = (sh.stdin.take(), sh.stdout.take()) else {
            return Err(Error::other("the watchdog has no pipes"));
        };
        Ok(Self { sh, verbs: Some(verbs), answers: BufReader::new(answers) })
    }

    /// Starts the server and returns its process id.
    pub(super) fn start(&mut self) -> Result<u32> {
        let answer = self.ask("start")?;
        answer
            .trim()
            .parse()
            .map_err(|_| Error::other(format!("the watchdog answered {answer:?} instead of a process id")))
    }

    /// `kill -9`, and waits until the process is gone.
    pub(super) fn kill9(&mut self) -> Result<()> {
        self.ask("kill").map(|_| ())
    }

    /// Ends the server with its own signal, and waits until the process is gone.
    pub(super) fn end(&mut self) -> Result<()> {
        self.ask("end").map(|_| ())
    }

    fn ask(&mut self, verb: &str) -> Result<String> {
        let verbs = self.verbs.as_mut().ok_or_else(|| Error::other("the watchdog has ended"))?;
        writeln!(verbs, "{verb}")?;
        verbs.flush()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.verbs.take());
        // Until the server is gone and its directory with it.
        let _ = self.sh.wait();
    }
}
