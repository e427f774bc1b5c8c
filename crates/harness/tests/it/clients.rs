//! The unmodified clients against the running server, each by what an application does with it. They
//! are fetched by `scripts/clients`, whose versions are pinned in `tests/clients`.

mod document;

use crate::support::{Backend, Http, Site, for_both, name};
use maru_testkit::upstream::Script;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tokio::sync::OnceCell;

for_both! {
    openai_for_python
    openai_for_node
    langchain_with_the_servers_memory
    the_ai_sdk
    eventsource
    websockets
}

const SLOW_TEXT: &str = "one two three four five six seven eight";

/// Where the clients are. Fetched, if nobody has done so before.
async fn clients() -> &'static Path {
    static FETCHED: OnceCell<PathBuf> = OnceCell::const_new();
    FETCHED
        .get_or_init(|| async {
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/clients");
            let ran = tokio::task::spawn_blocking(move || Command::new(script).output()).await;
            let ran = ran.expect("a task").expect("scripts/clients runs");
            assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
            PathBuf::from(String::from_utf8_lossy(&ran.stdout).trim())
        })
        .await
}

/// A user's API key, as an SDK is given one.
pub async fn key(user: &Http) -> String {
    user.post("/v1/keys").json(&json!({"name": name("sdk")})).await.has_status(201).string("/key")
}

/// Runs a program of Python or Node, by the ending of its name, with the clients at hand.
pub async fn run(site: &Site, key: &str, file: &str, text: &str) -> String {
    let clients = clients().await;
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join(file);
    std::fs::write(&program, text).expect("a file");
    let mut command = if file.ends_with(".py") {
        Command::new(clients.join("python/bin/python"))
    } else {
        // Modules are looked for beside the program.
        std::os::unix::fs::symlink(clients.join("node/node_modules"), folder.path().join("node_modules"))
            .expect("a link");
        Command::new("node")
    };
    let url = site.http().base;
    command
        .arg(&program)
        .current_dir(folder.path())
        .env("MARU_URL", &url)
        .env("MARU_KEY", key)
        .env("OPENAI_BASE_URL", format!("{url}/v1"))
        .env("OPENAI_API_KEY", key)
        .env("MARU_MODEL", "test/echo")
        .env("MARU_SLOW_MODEL", "test/slow")
        .env("MARU_SLOW_TEXT", SLOW_TEXT)
        .env("LANGSMITH_TRACING", "false");
    let ran = tokio::task::spawn_blocking(move || command.output()).await.expect("a task").expect("it runs");
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{file}\n{out}\n{err}");
    drop(folder);
    out.trim().to_owned()
}

/// A server with a model that takes its time, and the key of a user.
pub async fn ready(backend: Backend) -> (Site, Http, String) {
    let site = Site::start(backend, &[]).await;
    let words = SLOW_TEXT.split_inclusive(' ');
    let pause = Duration::from_millis(200);
    let said = words.fold(Script::stream().role(), |script, word| script.say(word).wait(pause));
    site.upstream.script("slow", said.finish("stop").usage(8, 8).done().end());
    let user = site.user().await;
    let key = key(&user).await;
    (site, user, key)
}

/// A program that checks for itself, and says so.
async fn done(backend: Backend, file: &str, text: &str) -> (Site, Http) {
    let (site, user, key) = ready(backend).await;
    assert_eq!(run(&site, &key, file, text).await, "done");
    (site, user)
}

/// What all rooms of a user hold, by the newest activity, with the kind of each.
async fn rooms(user: &Http) -> Vec<(String, Vec<String>)> {
    let rooms = user.get("/v1/rooms?limit=200").await.has_status(200).json();
    let mut held = Vec::new();
    for room in rooms["data"].as_array().expect("rooms") {
        let path = format!("/v1/rooms/{}", room["id"].as_str().expect("an id"));
        let said = crate::openai::said(user, &path).await.into_iter().map(|(_, text)| text).collect();
        held.push((room["kind"].as_str().unwrap_or_default().to_owned(), said));
    }
    held
}

async fn openai_for_python(backend: Backend) {
    let (_site, user) = done(backend, "openai_sdk.py", include_str!("../clients/openai_sdk.py")).await;
    // What it has written is read natively: two responses of one conversation among it.
    let held = rooms(&user).await;
    assert!(held.iter().all(|(kind, _)| kind == "openai"), "{held:?}");
    let thread = ["hello", "reply to: hello", "two", "reply to: two"].map(str::to_owned).to_vec();
    assert!(held.contains(&("openai".to_owned(), thread)), "{held:?}");
}

async fn openai_for_node(backend: Backend) {
    let (_site, user) = done(backend, "openai_sdk.mjs", include_str!("../clients/openai_sdk.mjs")).await;
    assert!(!rooms(&user).await.is_empty());
}

async fn langchain_with_the_servers_memory(backend: Backend) {
    let (site, user, key) = ready(backend).await;
    let kept = run(&site, &key, "langchain_memory.py", include_str!("../clients/langchain_memory.py")).await;
    // The client has sent each message once; the model was told of those before it all the same.
    let said = ["one", "reply to: one", "two", "reply to: two", "three"];
    assert_eq!(site.prompts_for("three"), [said.map(str::to_owned)]);
    let path = format!("/v1/rooms/{}", kept.trim_start_matches("conv_"));
    let held: Vec<_> = crate::openai::said(&user, &path).await.into_iter().map(|(_, text)| text).collect();
    assert_eq!(held[..5], said);
}

async fn the_ai_sdk(backend: Backend) {
    let (_site, user) = done(backend, "ai_sdk.mjs", include_str!("../clients/ai_sdk.mjs")).await;
    let held = rooms(&user).await;
    let chat = ["uno", "reply to: uno", "three", "reply to: three"].map(str::to_owned).to_vec();
    assert!(held.contains(&("ui".to_owned(), chat)), "{held:?}");
}

async fn eventsource(backend: Backend) {
    done(backend, "eventsource.mjs", include_str!("../clients/eventsource.mjs")).await;
}

async fn websockets(backend: Backend) {
    let (_site, user) =
        done(backend, "websockets_rooms.py", include_str!("../clients/websockets_rooms.py")).await;
    let said = ["hello", "reply to: hello"].map(str::to_owned).to_vec();
    assert_eq!(rooms(&user).await, [("room".to_owned(), said)]);
}
