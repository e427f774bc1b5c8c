//! `maru backup`, `maru restore`, and a database that is older or newer than the binary.

use super::{json, refused, run};
use crate::support::{Backend, Site, maru};
use maru_testkit::throwaway::{Postgres, postgres_path, sqlite_dir};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_beside_a_server_can_be_served() {
    let site = Site::start(Backend::Sqlite, &[]).await;
    let (user, registered) = site.user_named("anna").await;
    user.say("what is kept").await.has_status(201);
    let kept = json(&site, &["backup", "kept.db"], "");
    let value = kept.ok().json();
    let keys: Vec<&String> = value.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["store", "file", "bytes", "sha256", "level", "rows"], "{kept}");
    assert_eq!((&value["rows"]["messages"], &value["rows"]["users"]), (&json!(2), &json!(1)), "{kept}");
    assert!(kept.err.is_empty(), "no bar where nobody looks: {kept}");
    user.say("what is not").await.has_status(200);
    refused(&site, &["backup", "kept.db"], "", "is there already");
    let gone = site.server.home().join("not-mounted");
    refused(&site, &["backup", "not-mounted/kept.db"], "", "there is no directory not-mounted");
    assert!(!gone.exists(), "a disk that is not mounted must not become a folder");
    refused(&site, &["backup", "."], "", "is a directory; name a file in it");
    // Under a running server nothing is put back.
    refused(&site, &["restore", "kept.db", "--overwrite"], "", "stop it first");
    refused(&site, &["restore", "kept.db"], "", "stop it first");
    let text = run(&site, &["backup"], "");
    let name = text.ok().out.split(' ').next().expect("a name").to_owned();
    assert!(name.starts_with("maru-") && text.out.contains("1 user, 1 room and 4 messages"), "{text}");
    assert!(site.server.home().join(&name).exists(), "{name}");
    // Put back under another name, it is served with the same accounts.
    let home = site.server.home();
    std::fs::create_dir(home.join("other")).expect("a folder");
    std::fs::copy(home.join("kept.db"), home.join("other/kept.db")).expect("a copy");
    let restored = maru(&home.join("other"), &["restore", "kept.db", "--json"], "").ok().json();
    assert_eq!((&restored["kept"], &restored["pending"]), (&Value::Null, &json!([])));
    assert_eq!(restored["contents"]["rows"], value["rows"]);
    let listed = maru(&home.join("other"), &["user", "list", "--json"], "").ok().json();
    assert_eq!(listed[0]["number"], registered["user"]["id"]);
    let again = maru(&home.join("other"), &["restore", "kept.db"], "");
    again.failed(1, "--overwrite");
    let over = maru(&home.join("other"), &["restore", "kept.db", "--overwrite"], "");
    assert!(over.ok().out.contains("data/maru.db.replaced"), "{over}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_a_newer_maru_is_left_alone_by_every_command() {
    let dir = sqlite_dir();
    let database = Postgres::shared().await.database().await;
    let run = |arguments: &[&str]| {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--store", &database.url]).collect();
        maru(dir.path(), &arguments, "")
    };
    run(&["migrate"]).ok();
    database.sql("INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')").await.expect("a row");
    for command in
        [&["serve", "--bind", "127.0.0.1:0"][..], &["migrate"], &["user", "list"], &["room", "show", "1"]]
    {
        let refused = run(command);
        refused.failed(1, "does not know (9999)");
        assert!(refused.err.contains("a newer one made them") && refused.out.is_empty(), "{refused}");
    }
    let status = run(&["migrate", "--status", "--json"]);
    assert_eq!((status.code, &status.json()["unknown"]), (Some(1), &json!(["9999"])), "{status}");
    let status = run(&["migrate", "--status"]);
    assert!(status.code == Some(1) && status.out.contains("restore"), "{status}");
    let examined = run(&["doctor"]);
    assert!(examined.code == Some(1) && examined.out.contains("9999"), "{examined}");
}

/// From a laptop to a server and back: what a person does, with what they are told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_moves_to_postgres_and_back() {
    let site = Site::start(Backend::Sqlite, &[]).await;
    site.user_named("anna").await.0.say("what moves").await.has_status(201);
    let dir = site.server.home();
    let database = Postgres::shared().await.database().await;
    run(&site, &["backup", "kept.db"], "").ok();
    let (served, kept, back) = (&site.store, "sqlite:kept.db", "sqlite:back.db");
    let moves = |from: &str, to: &str, more: &[&str]| {
        let arguments: Vec<&str> =
            ["move", "--from", from, "--to", to].into_iter().chain(more.iter().copied()).collect();
        maru(dir, &arguments, "")
    };
    moves(served, &database.url, &[]).failed(1, "stop it first");
    moves("mysql://x", &database.url, &[]).failed(1, "--from");
    moves(kept, back, &[]).failed(1, "maru backup");
    maru(dir, &["move", "--from", kept], "").failed(2, "--to");
    let there = moves(kept, &database.url, &["--json"]);
    let value = there.ok().json();
    assert_eq!((&value["resumed"], &there.err), (&json!(0), &String::new()), "{there}");
    let messages =
        value["tables"].as_array().and_then(|tables| tables.iter().find(|table| table["name"] == "messages"));
    assert_eq!(messages.map(|table| &table["rows"]), Some(&json!(2)), "{there}");
    moves(kept, &database.url, &[]).failed(1, "already");
    let again = moves(&database.url, back, &[]);
    assert!(again.ok().out.contains("both databases hold the same"), "{again}");
    for store in [&database.url, back] {
        let listed = maru(dir, &["user", "list", "--json", "--store", store], "").ok().json();
        assert_eq!(listed[0]["username"], "anna");
        maru(dir, &["check", "--store", store], "").ok();
        let said = maru(dir, &["room", "messages", "1", "--json", "--store", store], "").ok().json();
        assert_eq!(said[0]["content"], "what moves");
    }
    // What is said in place of a backup works when it is pasted.
    let told = maru(dir, &["backup", "it's kept.db", "--store", &database.url], "");
    told.failed(1, "pg_dump");
    let dump = pasted(dir, &told.err);
    assert!(dump.starts_with("pg_dump ") && dir.join("it's kept.dump").is_file(), "{dump}");
    database.sql("DELETE FROM messages").await.expect("deleted");
    let told = maru(dir, &["restore", "it's kept.dump", "--store", &database.url], "");
    told.failed(1, "pg_restore");
    pasted(dir, &told.err);
    let said = maru(dir, &["room", "messages", "1", "--json", "--store", &database.url], "").ok().json();
    assert_eq!(said[0]["content"], "what moves");
}

/// Runs the first command line that is quoted in a message, as a person would who pastes it.
fn pasted(dir: &Path, message: &str) -> String {
    let line = message.split('`').nth(1).expect("a command line").to_owned();
    let done = Command::new("sh").args(["-c", &line]).current_dir(dir).env("PATH", postgres_path()).output();
    let done = done.expect("a shell");
    assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
    line
}
