//! Keys and sessions that stop working (contract §0.3): within seconds, while the server runs.

use crate::support::{Backend, Http, Ran, Site, maru, name, on_both, until};
use serde_json::{Value, json};

const INACTIVE: &str = "User inactive or deleted.";
const INVALID: &str = "Invalid token.";

fn run(site: &Site, arguments: &[&str], stdin: &str) -> Ran {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--json", "--store", &site.store]).collect();
    maru(site.server.home(), &arguments, stdin)
}

fn make_key(site: &Site, username: &str, more: &[&str]) -> Value {
    let arguments: Vec<&str> = ["key", "create", username].iter().chain(more).copied().collect();
    run(site, &arguments, "").ok().json()
}

/// Waits for the refusal: another process has changed what this server believes for a few seconds.
async fn until_refused(http: &Http, detail: &str) {
    until(&format!("401 {detail}"), || async {
        let answer = http.get("/api/test_token/").await;
        if answer.status == 401 {
            answer.is(401, &json!({"detail": detail})).has("www-authenticate", "Token");
        }
        answer.status == 401
    })
    .await;
}

on_both! { what_is_revoked_stops_working_within_seconds }

/// Side by side: most of the time is waiting for those seconds.
async fn what_is_revoked_stops_working_within_seconds(site: &Site) {
    let keys = keys_work_like_tokens_until_revoked(site);
    let accounts = an_account_can_be_disabled_and_deleted(site);
    let passwords = a_new_password_ends_the_sessions(site);
    let times = tokens_and_keys_end_with_their_time(site.backend);
    futures_util::future::join4(keys, accounts, passwords, times).await;
}

async fn keys_work_like_tokens_until_revoked(site: &Site) {
    let username = name("keyed");
    let (user, registered) = site.user_named(&username).await;
    let made = make_key(site, &username, &["--name", "robot"]);
    let key = made["key"].as_str().expect("a key").to_owned();
    assert!(key.starts_with("maru_sk_") && key.len() == 51, "{key}");
    let sent = user.say("with the token").await.json();
    for scheme in ["Token", "Bearer", "bearer"] {
        let ask = |verb: &str, path: &str| {
            site.http().ask(verb, path).header("Authorization", format!("{scheme} {key}"))
        };
        ask("GET", "/api/test_token/").await.is(200, &json!([format!("Passed for {username}@example.com")]));
        ask("GET", "/api/chats/").await.has_status(200);
        let more = ask("POST", "/api/chats/").json(&json!({"content": "with the key"})).await;
        assert_eq!(
            (more.status, &more.json()["chat_id"], &more.json()["user_id"]),
            (200, &sent["chat_id"], &registered["user"]["id"])
        );
        let path = format!(
            "/api/chats/{}/messages/{}/",
            sent["chat_id"],
            sent["conversation"][0]["message_id"].as_str().expect("an id")
        );
        ask("PATCH", &path).json(&json!({"content": "edited"})).await.has_status(200);
    }
    let robot = site.http().with_token(&key);
    for almost in [
        key[..50].to_owned(),
        format!("{key}x"),
        key.to_uppercase(),
        key.to_lowercase(),
        format!("{}{}", &key[..50], if key.ends_with('a') { 'b' } else { 'a' }),
    ] {
        if almost != key {
            robot.with_token(&almost).get("/api/test_token/").await.is(401, &json!({"detail": INVALID}));
        }
    }
    let id = made["id"].as_str().expect("an id");
    run(site, &["key", "revoke", &username, id], "").ok();
    until_refused(&robot, INVALID).await;
    user.get("/api/test_token/").await.has_status(200);
}

async fn an_account_can_be_disabled_and_deleted(site: &Site) {
    let username = name("leaving");
    let (user, _) = site.user_named(&username).await;
    let robot = site.http().with_token(make_key(site, &username, &[])["key"].as_str().expect("a key"));
    user.say("mine").await.has_status(201);
    robot.get("/api/test_token/").await.has_status(200);
    let login = |password: &str| {
        site.http().post("/api/login/").json(&json!({"username": username, "password": password}))
    };
    run(site, &["user", "disable", &username], "").ok();
    until_refused(&user, INACTIVE).await;
    until_refused(&robot, INACTIVE).await;
    user.say("x").await.is(401, &json!({"detail": INACTIVE}));
    // Only who knows the password is told.
    login("correct horse battery").await.is(401, &json!({"detail": INACTIVE}));
    login("wrong").await.is(400, &json!({"detail": "Not found"}));
    run(site, &["user", "enable", &username], "").ok();
    until("it works again", || async { user.get("/api/test_token/").await.status == 200 }).await;
    login("correct horse battery").await.has_status(200);
    robot.get("/api/chats/").await.has_status(200);
    run(site, &["user", "delete", &username, "--yes"], "").ok();
    until_refused(&user, INVALID).await;
    until_refused(&robot, INVALID).await;
    login("correct horse battery").await.is(400, &json!({"detail": "Not found"}));
    // The name is free, and whoever takes it has nothing of the one before.
    let (heir, _) = site.user_named(&username).await;
    heir.get("/api/chats/").await.is(200, &json!([]));
}

async fn a_new_password_ends_the_sessions(site: &Site) {
    let username = name("changed");
    let (user, _) = site.user_named(&username).await;
    let robot = site
        .http()
        .with_token(make_key(site, &username, &["--expires-in", "1h"])["key"].as_str().expect("a key"));
    user.get("/api/chats/").await.has_status(200);
    run(site, &["user", "password", &username], "a brand new one\n").ok();
    until_refused(&user, INVALID).await;
    robot.get("/api/chats/").await.has_status(200);
    let login = |password: &str| {
        site.http().post("/api/login/").json(&json!({"username": username, "password": password}))
    };
    login("correct horse battery").await.is(400, &json!({"detail": "Not found"}));
    let token = login("a brand new one").await.string("/token");
    site.http().with_token(&token).get("/api/chats/").await.has_status(200);
}

async fn tokens_and_keys_end_with_their_time(backend: Backend) {
    let site = Site::start(backend, &[("MARU__AUTH__TOKEN_TTL", "4s")]).await;
    let username = name("brief");
    let (user, _) = site.user_named(&username).await;
    user.get("/api/test_token/").await.has_status(200);
    let key = make_key(&site, &username, &["--expires-in", "4s"]);
    assert!(key["expires_at"].is_string(), "{key}");
    let robot = site.http().with_token(key["key"].as_str().expect("a key"));
    robot.get("/api/test_token/").await.has_status(200);
    until_refused(&user, INVALID).await;
    until_refused(&robot, INVALID).await;
    let login = site
        .http()
        .post("/api/login/")
        .json(&json!({"username": username, "password": "correct horse battery"}))
        .await;
    site.http().with_token(&login.string("/token")).get("/api/test_token/").await.has_status(200);
}
