//! The arrows between the layers, from what cargo itself knows; `deny.toml` holds the same ones.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What each of our crates may depend on among our crates, tests aside.
const ARROWS: [(&str, &[&str]); 12] = [
    ("maru-domain", &[]),
    ("maru-store", &["maru-domain"]),
    ("maru-ephemeral", &["maru-domain"]),
    ("maru-llm", &["maru-domain", "maru-local"]),
    ("maru-local", &[]),
    ("maru-auth", &["maru-domain"]),
    ("maru-telemetry", &[]),
    ("maru-app", &["maru-domain", "maru-store", "maru-ephemeral", "maru-llm", "maru-auth", "maru-telemetry"]),
    ("maru-cli", &["maru-app", "maru-domain"]),
    ("maru-testkit", &["maru-domain"]),
    (
        "maru-harness",
        &[
            "maru-domain",
            "maru-app",
            "maru-cli",
            "maru-testkit",
            "maru-store",
            "maru-ephemeral",
            "maru-auth",
            "maru-llm",
        ],
    ),
    ("maru-bench", &["maru-domain", "maru-local", "maru-store", "maru-testkit"]),
];

#[test]
fn the_arrows_point_one_way() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo metadata");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    assert_eq!(packages.len(), ARROWS.len(), "a crate without arrows");
    for package in packages {
        let name = package["name"].as_str().expect("a name");
        let (_, allowed) = ARROWS.iter().find(|(known, _)| *known == name).expect("a crate with arrows");
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let wanted = dependency["name"].as_str().expect("a name");
            if wanted.starts_with("maru-") && dependency["kind"] != "dev" {
                assert!(allowed.contains(&wanted), "{name} must not depend on {wanted}");
            }
        }
    }
}

/// To an operator every room is open. What the network can reach must not even know the word.
#[test]
fn only_the_command_line_makes_an_operator() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the directory of all crates");
    let (mut seen, mut knowing) = (0, Vec::new());
    let mut left: Vec<PathBuf> =
        ARROWS.iter().map(|(name, _)| crates.join(name.trim_start_matches("maru-")).join("src")).collect();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(path.read_dir().expect("a directory").map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            seen += 1;
            let text = std::fs::read_to_string(&path).expect("a source file");
            if text.contains("Operator") {
                knowing.push(path.strip_prefix(crates).expect("a crate").display().to_string());
            }
        }
    }
    knowing.sort();
    assert!(seen > 200, "{seen} files");
    assert_eq!(knowing, ["cli/src/commands/room.rs", "domain/src/access.rs"]);
}
