//! What must be seen by nobody (S23): canaries in every secret, everything looked through with the log at its loudest.

use crate::support::{Backend, Http, Reply, Site, for_both, maru_with, name};
use maru_testkit::upstream::Script;
use serde_json::{Value, json};

for_both! { secrets_stay_secret }

const SIGNING: &str = "canary-signing-secret-canary-signing-secret";
const PASSWORD: &str = "canary-password-1";
const WRONG: &str = "canary-wrong-password-2";
const NEW: &str = "canary-new-password-3";
const PROVIDER: &str = "sk-canary-provider-4";

struct Seen {
    what: String,
    text: String,
}

async fn secrets_stay_secret(backend: Backend) {
    let settings = [
        ("MARU__LOG__LEVEL", "trace"),
        ("MARU__LOG__FORMAT", "json"),
        ("MARU__AUTH__SECRET", SIGNING),
        ("MARU__LLM__PROVIDERS__TEST__API_KEY", PROVIDER),
    ];
    let site = Site::start(backend, &settings).await;
    let mut seen: Vec<Seen> = Vec::new();
    let mut see = |answer: &Reply| {
        let headers: String =
            answer.headers.iter().map(|(name, value)| format!("{name}: {value:?}\n")).collect();
        seen.push(Seen { what: answer.to_string(), text: format!("{headers}{}", answer.text()) });
    };
    let http = site.http();
    let username = name("canary");
    let registration = json!({"username": username, "email": "canary@example.com", "password": PASSWORD});
    let registered = http.post("/api/register/").key("canary-register").json(&registration).await;
    let token = registered.string("/token");
    let good = json!({"username": username, "password": PASSWORD});
    let login = http.post("/api/login/").key("canary-login").json(&good).await;
    let second = login.string("/token");
    let user = http.with_token(&token);
    // Everything that can go wrong with them in it.
    see(&http.post("/api/register/").json(&registration).await);
    see(&http
        .post("/api/register/")
        .json(&json!({"username": PASSWORD, "email": PASSWORD, "password": format!("{PASSWORD}\u{0}")}))
        .await);
    see(&http
        .post("/api/register/")
        .json(&json!({"username": "x", "email": "", "password": [PASSWORD]}))
        .await);
    see(&http.post("/api/login/").json(&json!({"username": username, "password": WRONG})).await);
    see(&http.post("/api/login/").body("application/json", format!("{{\"password\": \"{PASSWORD}\"")).await);
    see(&http.post("/api/login/").body("application/json", format!("\"{PASSWORD}\"")).await);
    see(&http.post("/api/login/").body("text/plain", PASSWORD).await);
    see(&http
        .post("/api/login/")
        .body(
            "multipart/form-data; boundary=X",
            format!("--X\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n{PASSWORD}"),
        )
        .await);
    see(&http
        .post("/api/login/")
        .key("canary-login")
        .json(&json!({"username": username, "password": WRONG}))
        .await);
    see(&user.with_token(&format!("{token}x")).get("/api/chats/").await);
    see(&http.get(&format!("/api/chats/?token={token}")).await);
    see(&user.say("hello").await);
    see(&user.get("/api/test_token/").await);
    for script in [
        Script::error(401, &[]),
        Script::answer(400, &[], &format!("{{\"error\":{{\"message\":\"bad key {PROVIDER}\"}}}}")),
        Script::stream().role().say("x").close(),
    ] {
        site.upstream.script("echo", script);
        see(&user.say("fails").await);
    }
    site.upstream.script_each("echo", Vec::new());
    see(&user.ask("PUT", "/api/chats/").await);
    see(&user.get("/nowhere").await);
    let provider = site.upstream.base_url();
    let more = [("MARU__LLM__PROVIDERS__TEST__BASE_URL", provider.as_str())];
    let env: Vec<(&str, &str)> = settings.iter().copied().chain(more).collect();
    let mut run = |arguments: &[&str], stdin: &str| {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--store", &site.store]).collect();
        let ran = maru_with(site.server.home(), &arguments, stdin, &env);
        seen.push(Seen {
            what: format!("maru {} (stdout)", ran.line),
            text: if ran.line.starts_with("key create") { String::new() } else { ran.out.clone() },
        });
        seen.push(Seen { what: format!("maru {} (stderr)", ran.line), text: ran.err.clone() });
        ran.ok().out.clone()
    };
    let made: Value = serde_json::from_str(&run(&["key", "create", &username, "--json"], "")).expect("a key");
    let key = made["key"].as_str().expect("a key").to_owned();
    run(&["user", "password", &username], &format!("{NEW}\n"));
    for arguments in
        [&["config"][..], &["config", "--json"], &["doctor"], &["user", "list"], &["key", "list", &username]]
    {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--store", &site.store]).collect();
        let ran = maru_with(site.server.home(), &arguments, "", &env);
        seen.push(Seen { what: format!("maru {}", ran.line), text: format!("{}{}", ran.ok().out, ran.err) });
    }
    with_key(&http, &key, &mut seen).await;
    for path in ["/metrics", "/readyz", "/openapi.json"] {
        seen.push(Seen { what: path.to_owned(), text: http.get(path).await.text() });
    }
    let pid = site.server.pid().expect("a process");
    let arguments = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).expect("its command line");
    // The store's URL is an argument of this test, and holds no password.
    seen.push(Seen { what: "the process list".to_owned(), text: arguments });
    let log = site.server.log();
    assert!(
        log.contains("\"TRACE\"") && log.lines().count() > 100,
        "the log is at its loudest: {} lines",
        log.lines().count()
    );
    for line in log.lines().filter(|line| line.starts_with('{')) {
        assert!(
            serde_json::from_str::<Value>(line).is_ok(),
            "each line of the log is one JSON object: {line}"
        );
    }
    seen.push(Seen { what: "the log".to_owned(), text: log });
    if backend == Backend::Sqlite {
        for file in ["maru.db", "maru.db-wal"] {
            let bytes = std::fs::read(site.server.home().join(file)).unwrap_or_default();
            seen.push(Seen { what: file.to_owned(), text: String::from_utf8_lossy(&bytes).into_owned() });
        }
    }
    let signature = |token: &str| token.rsplit('.').next().expect("a signature").to_owned();
    let secrets = [
        SIGNING.to_owned(),
        PASSWORD.to_owned(),
        WRONG.to_owned(),
        NEW.to_owned(),
        PROVIDER.to_owned(),
        key,
        signature(&token),
        signature(&second),
    ];
    for Seen { what, text } in &seen {
        for secret in &secrets {
            let place = text.find(secret.as_str());
            let around = place.map(|at| {
                text[..at].chars().rev().take(400).collect::<Vec<_>>().into_iter().rev().collect::<String>()
            });
            assert!(place.is_none(), "{secret} is in {what}, after: {}", around.unwrap_or_default());
        }
    }
    // The answers that must hold a token hold it once, and no password.
    for answer in [&registered, &login] {
        // A JWT's head and claims both begin so.
        assert_eq!(answer.text().matches("eyJ").count(), 2, "{answer}");
        assert!(!answer.text().contains(PASSWORD), "{answer}");
    }
}

/// The key in use, and shown where it does not belong.
async fn with_key(http: &Http, key: &str, seen: &mut Vec<Seen>) {
    for answer in [
        http.with_token(key).get("/api/chats/").await,
        http.with_token(&format!("{key}x")).get("/api/chats/").await,
        http.get(&format!("/api/chats/?token={key}")).await,
    ] {
        seen.push(Seen { what: answer.line.replace(key, "…"), text: answer.text() });
    }
}
