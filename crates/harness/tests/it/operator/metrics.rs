//! The figures that are documented are those that there are, and the dashboard knows no others.

use crate::support::{Backend, shared};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace").to_owned()
}

/// The names in the first column of the table of metrics.
fn documented() -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("docs/OPERATIONS.md")).expect("docs/OPERATIONS.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `maru_"));
    rows.filter_map(|row| row.split('`').next()).map(|name| format!("maru_{name}")).collect()
}

/// The names that the source counts under, tests left out.
fn counted() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut left: Vec<PathBuf> = std::fs::read_dir(root().join("crates"))
        .expect("the crates")
        .map(|entry| entry.expect("an entry").path().join("src"))
        .collect();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(path.read_dir().expect("a directory").map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source file");
            for kind in ["counter!(", "gauge!(", "histogram!("] {
                let calls =
                    text.split(kind).skip(1).filter_map(|call| call.trim_start().strip_prefix("\"maru_"));
                names.extend(
                    calls.filter_map(|call| call.split('"').next()).map(|name| format!("maru_{name}")),
                );
            }
        }
    }
    names
}

/// A name as Prometheus shows it, without what a histogram adds.
fn bare(name: &str) -> String {
    ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name).to_owned()
}

#[test]
fn every_metric_is_documented_and_every_documented_one_is_counted() {
    let (documented, counted) = (documented(), counted());
    assert!(documented.len() >= 6, "{documented:?}");
    assert_eq!(documented, counted, "docs/OPERATIONS.md against the source");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_shows_is_documented() {
    let site = shared(Backend::Sqlite).await;
    site.user().await.say("counted").await.has_status(201);
    let text = site.http().get("/metrics").await.has_status(200).text();
    let shown: BTreeSet<String> = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .map(bare)
        .collect();
    let documented = documented();
    let strange: Vec<_> = shown.iter().filter(|name| !documented.contains(*name)).collect();
    assert!(shown.len() >= 3 && strange.is_empty(), "{strange:?} of {shown:?}");
}

#[test]
fn the_dashboard_asks_for_what_is_documented() {
    let text = std::fs::read_to_string(root().join("deploy/grafana.json")).expect("deploy/grafana.json");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut asked = BTreeSet::new();
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let title = panel["title"].as_str().expect("a title");
        let targets = panel["targets"].as_array().unwrap_or_else(|| panic!("{title} asks nothing"));
        for target in targets {
            let query = target["expr"].as_str().unwrap_or_else(|| panic!("{title} has no query"));
            let names = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let names: Vec<String> = names.filter(|word| word.starts_with("maru_")).map(bare).collect();
            assert!(!names.is_empty(), "{title}: {query}");
            asked.extend(names);
        }
    }
    let documented = documented();
    let strange: Vec<_> = asked.iter().filter(|name| !documented.contains(*name)).collect();
    assert!(asked.len() >= 6 && strange.is_empty(), "{strange:?} of {asked:?}");
}
