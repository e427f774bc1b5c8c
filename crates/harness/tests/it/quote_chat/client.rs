//! The client class of the seed document, taken from it and run by Node as it stands there. The document
//! writes it in TypeScript, so its types are left out, as a compiler would.

use super::{COMFORT, FELL, demo, first_quote, templates};
use crate::support::{Backend, for_both, name};
use serde_json::{Value, json};
use std::process::Command;

for_both! { the_seeds_own_client_works }

const SEED: &str = include_str!("fixtures/quote-generator-v2.md");
const DRIVER: &str = include_str!("fixtures/drive.mjs");

/// The class from its head to the brace that closes it.
fn class() -> String {
    let (_, rest) = SEED.split_once("class QuoteGeneratorAPI {").expect("the class is in the document");
    let (body, _) = rest.split_once("\n}").expect("the class has an end");
    let typed = format!("export class QuoteGeneratorAPI {{{body}\n}}\n");
    let types = [
        ("  private baseUrl: string;\n", ""),
        ("baseUrl: string", "baseUrl"),
        ("message: Message", "message"),
        ("userId: string", "userId"),
        ("threadNum: string", "threadNum"),
        ("): Promise<Message>", ")"),
        ("): EventSource", ")"),
    ];
    types.iter().fold(typed, |class, (typed, plain)| class.replace(typed, plain))
}

async fn the_seeds_own_client_works(backend: Backend) {
    let Ok(version) = Command::new("node").arg("--version").output() else {
        eprintln!("not run: there is no node on this machine; install it to run the seed's client");
        return;
    };
    assert!(version.status.success(), "{version:?}");
    let site = demo(backend).await;
    let folder = tempfile::tempdir().expect("a folder");
    for (file, text) in [("api.mjs", class().as_str()), ("drive.mjs", DRIVER)] {
        std::fs::write(folder.path().join(file), text).expect("a file");
    }
    let (user, thread) = (name("user"), name("thread"));
    let mut node = Command::new("node");
    let base = format!("{}/api", site.http().base);
    node.arg("drive.mjs")
        .args([base.as_str(), user.as_str(), thread.as_str(), FELL])
        .current_dir(folder.path());
    let ran = tokio::task::spawn_blocking(move || node.output()).await.expect("a task").expect("node runs");
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{out}\n{err}");
    let seen: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}\n{err}"));
    let steps = seen["steps"].as_array().cloned().unwrap_or_default();
    assert_eq!(steps.len(), 4, "{seen}");
    for (n, step) in steps.iter().enumerate() {
        let said = templates().get(n).cloned().unwrap_or_else(|| COMFORT.to_owned());
        let quote = if n == 3 { first_quote() } else { Value::Null };
        assert_eq!(step["sent"]["status"], if n == 3 { "completed" } else { "pending" }, "{step}");
        assert_eq!((&step["status"]["content"], &step["status"]["quote"]), (&json!(said), &quote));
        assert_eq!((&step["streamed"], &step["quote"]), (&json!(said), &quote));
        assert_eq!((&step["sent"]["userId"], &step["sent"]["threadNum"]), (&json!(user), &json!(thread)));
    }
    assert_eq!(seen["unknown"], json!({"error": super::NOT_FOUND}));
    assert_eq!(seen["stopped"], json!([404, 204]), "what stops an EventSource for good");
}
