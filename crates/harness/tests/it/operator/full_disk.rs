//! A disk without room (SQLite): `/readyz` says no until there is some, and nothing needs a restart. The log is on the
//! same disk.

use crate::support::{BINARY, Backend, Site, until};
use maru_harness::server::Launch;
use maru_testkit::throwaway::sqlite_dir;
use serde_json::json;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_not_ready_until_there_is_room() {
    // No file of the server may grow: the nearest to a full disk that needs no disk. The signal that comes with this
    // limit would end the process, so the server is started by a shell that ignores it.
    let dir = sqlite_dir();
    let script = dir.path().join("maru");
    std::fs::write(&script, format!("#!/bin/sh\ntrap '' XFSZ\nexec '{BINARY}' \"$@\"\n")).expect("a script");
    std::fs::set_permissions(&script, Permissions::from_mode(0o700)).expect("a mode");
    let site = Site::launch(Backend::Sqlite, &[], |_| Launch::new(&script)).await;
    let pid = site.server.pid().expect("a process").to_string();
    let room = |limit: &str| {
        let limit = format!("--fsize={limit}:");
        let ran = Command::new("prlimit").args(["--pid", &pid, &limit]).status().expect("prlimit");
        assert!(ran.success(), "{ran}");
    };
    let http = site.http();
    let user = site.user().await;
    user.say("before").await.has_status(201);
    let chats = user.chats().await;

    room("0");
    http.get("/readyz").await.has_status(200);
    let lost = user.say("lost").await;
    assert_eq!(lost.status, 503, "{lost}");
    for _ in 0..3 {
        let answer = http.get("/readyz").await;
        assert_eq!((answer.status, &answer.json()["status"]), (503, &json!("store_unavailable")), "{answer}");
    }
    http.get("/livez").await.has_status(200);

    room("unlimited");
    until("/readyz says yes", || async { http.get("/readyz").await.status == 200 }).await;
    assert_eq!(user.chats().await, chats, "what was refused is not there");
    user.say("after").await.has_status(200);
    assert_eq!(site.server.pid().map(|pid| pid.to_string()), Some(pid), "the same process");
    http.get("/readyz").await.has_status(200);
}
