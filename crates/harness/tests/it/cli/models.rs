//! `maru model`, and `maru serve --model` with a model of the catalogue.

use crate::support::{BINARY, Http, maru_with, name};
use maru_harness::server::Launch;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const SMOLLM: &str = "smollm2-135m";
/// Nobody listens there.
const NO_HUB: (&str, &str) = ("HF_ENDPOINT", "http://127.0.0.1:9");
const FOLDER: &str = "MARU__LLM__LOCAL__FOLDER";

/// The folder with the real model, which `scripts/test` has fetched; else it is fetched here.
fn models() -> PathBuf {
    let named = std::env::var_os("MARU_TEST_MODELS").map(PathBuf::from);
    let cache =
        || std::env::var_os("XDG_CACHE_HOME").map(|cache| PathBuf::from(cache).join("maru-test-models"));
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/maru-test-models"));
    let folder = named.or_else(cache).or_else(home).expect("MARU_TEST_MODELS, XDG_CACHE_HOME or HOME");
    let dir = tempfile::tempdir().expect("a folder");
    let file = folder.join(format!("{SMOLLM}.gguf"));
    for _ in 0..600 {
        let pulled = maru_with(dir.path(), &["model", "pull", SMOLLM], "", &[(FOLDER, folder.as_os_str())]);
        if pulled.code == Some(0) && file.is_file() {
            return folder;
        }
        assert!(pulled.err.contains("another process"), "{pulled}");
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    panic!("somebody fetches {SMOLLM} for ten minutes already")
}

fn listed(dir: &Path, folder: &Path) -> Value {
    let ran = maru_with(dir, &["model", "list", "--json"], "", &[(FOLDER, folder.as_os_str())]);
    let list = ran.ok().json();
    let entry = list.as_array().and_then(|list| list.iter().find(|entry| entry["name"] == SMOLLM));
    entry.cloned().unwrap_or_else(|| panic!("{list}"))
}

#[test]
fn a_model_is_pulled_listed_and_removed() {
    let file = models().join(format!("{SMOLLM}.gguf"));
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().join("models");
    let entry = listed(dir.path(), &folder);
    assert_eq!((&entry["here"], &entry["licence"]), (&json!(false), &json!("Apache-2.0")));
    let env = [(FOLDER, folder.as_os_str())];
    let from = ["model", "pull", SMOLLM, "--from", file.to_str().expect("text")];
    let pulled = maru_with(dir.path(), &from, "", &env);
    assert!(pulled.ok().err.contains("licence Apache-2.0"), "size and licence are told: {pulled}");
    assert!(pulled.out.contains("maru serve --model"), "{pulled}");
    assert_eq!(listed(dir.path(), &folder)["here"], json!(true));
    assert!(maru_with(dir.path(), &from, "", &env).ok().out.contains("here already"));
    assert!(maru_with(dir.path(), &["model", "rm", SMOLLM], "", &env).ok().out.contains("is removed"));
    assert_eq!(listed(dir.path(), &folder)["here"], json!(false));
    maru_with(dir.path(), &["model", "rm", "nonsense"], "", &env).failed(1, "maru model list");
    maru_with(dir.path(), &["model", "pull", "nonsense"], "", &env).failed(1, "maru model list");
    let wrong = dir.path().join("wrong.gguf");
    std::fs::write(&wrong, "GGUF?").expect("a file");
    let wrong = ["model", "pull", SMOLLM, "--from", wrong.to_str().expect("text")];
    maru_with(dir.path(), &wrong, "", &env).failed(1, "SHA-256");
}

#[tokio::test]
async fn a_pulled_model_answers() {
    let folder = models().to_str().expect("text").to_owned();
    let launch = Launch::new(BINARY).env(FOLDER, folder).arg("--model").arg(SMOLLM);
    let server = launch.start().await.unwrap_or_else(|error| panic!("{error}"));
    assert!(server.log().contains("  model   smollm2-135m"), "{}", server.log());
    let registered = Http::to(&server.base_url())
        .post("/v1/auth/register")
        .json(&json!({"username": name("user"), "password": "correct horse battery"}))
        .await;
    let user = Http::to(&server.base_url()).with_token(&registered.string("/token"));
    let room = user.post("/v1/rooms").json(&json!({"name": "France"})).await.has_status(201).json();
    let path = format!("/v1/rooms/{}/messages", room["id"].as_str().expect("an id"));
    let said = json!({"content": "What is the capital of France?"});
    let answer = user.post(&path).header("Prefer", "wait=60").json(&said).await;
    assert!(answer.text().contains("Paris"), "{}", answer.text());
}

#[tokio::test]
async fn without_a_network_the_demo_answers_and_one_line_says_so() {
    let launch =
        Launch::new(BINARY).env(NO_HUB.0, NO_HUB.1).env("PATH", "/nonexistent").arg("--model").arg(SMOLLM);
    let server = launch.start().await.unwrap_or_else(|error| panic!("{error}"));
    let log = server.log();
    assert!(log.contains("  model   demo"), "{log}");
    let line = log.lines().filter(|line| line.contains("the demo model answers instead")).collect::<Vec<_>>();
    assert!(line.len() == 1 && line[0].contains("127.0.0.1:9: cannot be reached"), "{log}");
}
