//! The documents name what is there: a path that moved must move in them too.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("crates/harness lies in the workspace")
        .to_owned()
}

/// The words in backticks that look like a path of this repository.
fn paths(text: &str) -> Vec<String> {
    let words = text.split('`').skip(1).step_by(2);
    let tops = ["crates/", "docs/", "migrations/", "scripts/", "deploy/", ".ci/", ".config/"];
    let wanted = words.filter(|word| tops.iter().any(|top| word.starts_with(top)));
    wanted.filter(|word| !word.contains(['<', '{', '*', ' ', '…'])).map(str::to_owned).collect()
}

#[test]
fn the_paths_in_the_documents_exist() {
    for document in [
        "README.md",
        "docs/ADDING-A-FEATURE.md",
        "docs/ARCHITECTURE.md",
        "docs/API-DESIGN.md",
        "docs/CLIENTS.md",
    ] {
        let text = std::fs::read_to_string(root().join(document)).expect(document);
        let named = paths(&text);
        assert!(document != "docs/ADDING-A-FEATURE.md" || named.len() > 10, "{document} names {named:?}");
        for path in named {
            let file = path.split_once(':').map_or(path.as_str(), |(file, _)| file);
            assert!(root().join(file).exists(), "{document} names {path}, which is not there");
        }
    }
}

#[test]
fn the_links_of_the_readme_lead_somewhere() {
    let text = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        let file = link.split('#').next().unwrap_or_default();
        if !file.is_empty() && !file.contains("://") {
            assert!(root().join(file).exists(), "README.md links to {link}, which is not there");
        }
    }
}
