//! The command line beside a running server (design §6), for people and, with `--json`, for scripts.

mod backups;
mod database;
mod keys;
mod models;
mod rooms;
mod settings;
mod terminal;
mod upkeep;
mod users;

use crate::support::{Ran, Site, maru};

/// `maru …` on the database of a running server.
fn run(site: &Site, arguments: &[&str], stdin: &str) -> Ran {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--store", &site.store]).collect();
    maru(site.server.home(), &arguments, stdin)
}

/// The same, answered in JSON.
fn json(site: &Site, arguments: &[&str], stdin: &str) -> Ran {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
    run(site, &arguments, stdin)
}

/// Refused in words for a person, and the same words in JSON for a script; stdout stays empty.
#[track_caller]
fn refused(site: &Site, arguments: &[&str], stdin: &str, words: &str) {
    let person = run(site, arguments, stdin);
    person.failed(1, words);
    let one_line = person.err.starts_with("error: ") && person.err.lines().count() == 1;
    assert!(person.out.is_empty() && one_line, "{person}");
    let script = json(site, arguments, stdin);
    script.failed(1, words);
    let error =
        script.err.lines().last().and_then(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let told = error.and_then(|error| error["error"].as_str().map(str::to_owned));
    assert!(script.out.is_empty() && told.is_some_and(|told| told.contains(words)), "{script}");
}
