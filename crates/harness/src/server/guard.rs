//! What ends a server when the test process could not.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Ends the server and removes its directory when the test process ends without having done so, even by `kill -9`: a small `sh` waits
/// for the end of a pipe that only we hold.
#[derive(Debug)]
pub(super) struct Guard(Child);

impl Guard {
    /// A guard over a process and its directory.
    pub(super) fn over(pid: u32, dir: &Path) -> std::io::Result<Self> {
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
