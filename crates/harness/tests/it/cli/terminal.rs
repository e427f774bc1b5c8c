//! A password at a terminal: asked for, and not shown while it is typed.

use crate::support::{BINARY, maru};
use maru_testkit::throwaway::sqlite_dir;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use std::fs::File;
use std::io::{Read, Write};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// No command of these tests takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a command at a terminal of its own, types `typed` when the echo is off, and answers how it ended and all that
/// the terminal has shown.
fn at_a_terminal(dir: &std::path::Path, arguments: &[&str], typed: &str) -> (Option<i32>, String) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("a terminal that can be opened");
    let name = ptsname(&ours, Vec::new()).expect("its name");
    let theirs =
        File::options().read(true).write(true).open(name.to_str().expect("a path")).expect("it opens");
    let end = || theirs.try_clone().expect("another end");
    // `setsid --ctty` makes it the terminal that /dev/tty means.
    let mut command = Command::new("setsid");
    command.args(["--ctty", "--wait", BINARY]).args(arguments).current_dir(dir);
    let mut child = command.stdin(end()).stdout(end()).stderr(end()).spawn().expect("maru starts");
    let mut ours = File::from(ours);
    let shown = Arc::new(Mutex::new(Vec::new()));
    let (mut screen, keep) = (ours.try_clone().expect("another end"), Arc::clone(&shown));
    let reader = std::thread::spawn(move || {
        let mut bytes = [0; 1024];
        // Reading fails when nobody has the other end any more.
        while let Ok(count @ 1..) = screen.read(&mut bytes) {
            keep.lock().expect("the screen").extend_from_slice(&bytes[..count]);
        }
    });
    let began = Instant::now();
    let wait = |what: &str| {
        assert!(began.elapsed() < PATIENCE, "{what}; {:?}", shown.lock());
        std::thread::sleep(Duration::from_millis(5));
    };
    while tcgetattr(&theirs).expect("its modes").local_modes.contains(LocalModes::ECHO) {
        wait("the echo stays on");
    }
    ours.write_all(format!("{typed}\r").as_bytes()).expect("it is typed");
    let status = loop {
        match child.try_wait().expect("its end") {
            Some(status) => break status,
            None => wait("it does not end"),
        }
    };
    // What comes after it is shown again.
    assert!(tcgetattr(&theirs).expect("its modes").local_modes.contains(LocalModes::ECHO));
    drop((theirs, command));
    reader.join().expect("the screen is read");
    let shown = shown.lock().expect("the screen");
    (status.code(), String::from_utf8_lossy(&shown).into_owned())
}

#[test]
fn a_typed_password_is_not_shown() {
    let dir = sqlite_dir();
    maru(dir.path(), &["migrate"], "").ok();
    let (code, shown) = at_a_terminal(dir.path(), &["user", "create", "anna"], "canary canary");
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("password: ") && shown.contains("made anna (number 1)"), "{shown}");
    assert!(!shown.contains("canary"), "{shown}");
    // It was read as it was typed: too short is too short, and the next one is a different one.
    let (code, shown) = at_a_terminal(dir.path(), &["user", "password", "anna"], "canary");
    assert!(
        code == Some(1) && shown.contains("at least 8 characters") && !shown.contains("canary"),
        "{shown}"
    );
    let (code, shown) = at_a_terminal(dir.path(), &["user", "password", "anna"], "another canary");
    assert!(code == Some(0) && shown.contains("new password: ") && !shown.contains("canary"), "{shown}");
}
