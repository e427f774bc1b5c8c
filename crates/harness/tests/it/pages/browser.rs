//! The pages in a real browser: Chromium, driven by `fixtures/browser.mjs`.

use super::hostile::texts;
use super::{form, goes_to, room};
use crate::support::{Backend, Site, for_both, name};
use maru_testkit::upstream::{Act, Script};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

for_both! { people_talk_in_a_browser people_log_in_with_a_browser hostile_texts_run_nothing }

const DRIVER: &str = include_str!("fixtures/browser.mjs");

/// Where `scripts/setup tests` puts the packages that drive the browser.
fn packages() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/root".into())).join(".cache");
    let cache =
        std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map_or_else(home, PathBuf::from);
    cache.join("maru-browser/node_modules")
}

/// Runs one part of the driver to its end; what it says is shown when it fails.
async fn drive(part: &str, site: &Site, more: &[&str]) {
    let packages = packages();
    assert!(
        packages.join("playwright-core").is_dir(),
        "no packages in {}; run scripts/setup tests",
        packages.display()
    );
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("browser.mjs"), DRIVER).expect("a file");
    std::os::unix::fs::symlink(&packages, folder.path().join("node_modules")).expect("a link");
    let mut node = Command::new("node");
    node.arg("browser.mjs").args([part, &site.http().base]).args(more).current_dir(folder.path());
    let ran = tokio::task::spawn_blocking(move || node.output()).await.expect("a task");
    let ran = ran.expect("node runs; scripts/setup tests installs it");
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{part}: {out}\n{err}\n{}", site.server.log());
    assert!(out.trim_end().ends_with("done"), "{part}: {out}\n{err}");
}

/// Words one after the other, slowly enough to be watched.
fn slowly(text: &str, every: Duration) -> Script {
    let words = text.split_inclusive(' ');
    let said = words.fold(Script::stream().role(), |script, word| script.say(word).act(Act::Wait(every)));
    said.finish("stop").done().end()
}

/// Two halves, with time to leave and to come back between them.
fn halves(first: &str, second: &str) -> Script {
    let pause = Duration::from_secs(8);
    Script::stream().role().say(first).act(Act::Wait(pause)).say(second).finish("stop").done().end()
}

async fn people_talk_in_a_browser(backend: Backend) {
    let site = Site::start(backend, &[]).await;
    let markdown = "## A title\n\nSome **bold** words, and a [link](https://a.example/).\n\n```rust\nfn main() { let x = 1; }\n```\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\nThe last words.";
    // In the order in which the driver asks.
    site.upstream.script_each(
        "echo",
        vec![
            slowly(markdown, Duration::from_millis(60)),
            Script::stream().role().say("only the beginning ").stall(),
            halves("before the reload, ", "and after it."),
            halves("before the gap, ", "and after it."),
            Script::reply("an answer to the better question"),
            Script::error(400, &[]),
            Script::reply("an answer at last"),
            Script::reply("an answer without scripts"),
        ],
    );
    drive("talk", &site, &[]).await;
}

async fn people_log_in_with_a_browser(backend: Backend) {
    let site = Site::start(backend, &[("MARU__AUTH__ANONYMOUS", "deny")]).await;
    drive("login", &site, &[&name("ann")]).await;
}

async fn hostile_texts_run_nothing(backend: Backend) {
    let site = Site::start(backend, &[]).await;
    let http = site.http();
    let room =
        room(&http, "<script>window.hacked=1</script>", "</textarea><script>window.hacked=1</script>").await;
    for text in texts() {
        goes_to(&form(http.post(&room), &[("content", &text)]).await, &room);
    }
    // Some of them once more, by the page's own way: into the form, and out of a stream.
    let some: Vec<_> = texts().into_iter().step_by(17).collect();
    let some = serde_json::to_string(&some).expect("JSON");
    drive("hostile", &site, &[&room, &some]).await;
}
