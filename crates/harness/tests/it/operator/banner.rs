//! What the person who starts the server sees first.

use crate::support::{BINARY, Backend, Site, for_both};
use maru_testkit::throwaway::sqlite_dir;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

for_both! { the_banner_says_where_and_how }

async fn the_banner_says_where_and_how(backend: Backend) {
    let site = Site::start(backend, &[("MARU__LLM__MODEL", "demo")]).await;
    let log = site.server.log();
    let base = site.server.base_url();
    assert!(log.lines().any(|line| line == format!("listening on {base}")), "{log}");
    for part in [
        "  store   ",
        if backend == Backend::Sqlite { "" } else { "  redis   redis://" },
        "  model   demo",
        &format!("  docs    {base}/docs"),
        &format!("  health  {base}/readyz"),
    ] {
        assert!(log.contains(part), "{part:?} in {log}");
    }
    assert_eq!(log.contains("  redis   "), backend == Backend::Postgres, "{log}");
    assert!(!log.contains("note:"), "nobody else can reach it: {log}");
    // What stands under it can be pasted as it is, more than once.
    let pasted = log
        .split("Try it:\n\n")
        .nth(1)
        .and_then(|rest| rest.split("\n\n").next())
        .unwrap_or_else(|| panic!("{log}"));
    assert!(pasted.starts_with("curl "), "{pasted}");
    let ran = Command::new("bash").args(["-c", pasted]).output().expect("bash");
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{pasted}\n{out}\n{err}");
    let answer: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"));
    assert_eq!(answer["conversation"][0]["You"], "Hello! What can you do?");
    let bot = answer["conversation"][0]["Bot"].as_str().unwrap_or_default();
    assert!(bot.len() > 20, "the demo model answers: {out}");
}

#[test]
fn whoever_listens_to_others_is_told_so() {
    for (anonymous, words) in [
        ("loopback", "nobody may come in without a token"),
        ("allow", "lets everybody who reaches this address"),
        ("deny", ""),
    ] {
        let dir = sqlite_dir();
        let mut command = Command::new(BINARY);
        command.args(["serve", "--bind", "0.0.0.0:0"]).env("MARU__AUTH__ANONYMOUS", anonymous);
        command.current_dir(dir.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut server = command.spawn().expect("maru starts");
        let out = BufReader::new(server.stdout.take().expect("its output"));
        let lines = out.lines().map_while(Result::ok).take_while(|line| line != "Try it:");
        let banner: Vec<String> = lines.collect();
        server.kill().and_then(|()| server.wait()).expect("it is ended");
        let banner = banner.join("\n");
        assert!(
            banner.contains(words) && banner.contains("note:") != words.is_empty(),
            "{anonymous}: {banner}"
        );
        // The address that it prints is one that a client on this machine can use.
        assert!(banner.contains("listening on http://127.0.0.1:"), "{banner}");
    }
}
