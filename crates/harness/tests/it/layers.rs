//! The arrows between the layers, from what cargo itself knows; `deny.toml` holds the same ones.

use serde_json::Value;
use std::process::Command;

/// What each of our crates may depend on among our crates, tests aside.
const ARROWS: [(&str, &[&str]); 10] = [
    ("maru-domain", &[]),
    ("maru-store", &["maru-domain"]),
    ("maru-ephemeral", &["maru-domain"]),
    ("maru-llm", &["maru-domain"]),
    ("maru-auth", &["maru-domain"]),
    ("maru-app", &["maru-domain", "maru-store", "maru-ephemeral", "maru-llm", "maru-auth"]),
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
    ("maru-bench", &["maru-domain", "maru-store", "maru-testkit"]),
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
