//! Slashes, verbs, unknown paths (contract §0.2, §0.6, §0.7): every path of the contract, every verb.

use crate::support::{Site, on_both};
use serde_json::json;

on_both! { both_slashes_are_served other_verbs_are_405 head_is_get_without_a_body unknown_paths_have_the_contracts_shape }

const PATHS: [(&str, &[&str]); 6] = [
    ("/api/register", &["POST"]),
    ("/api/login", &["POST"]),
    ("/api/test_token", &["GET"]),
    ("/api/chats", &["GET", "POST"]),
    ("/api/chats/7", &["DELETE"]),
    ("/api/chats/7/messages/01890000-0000-7000-8000-000000000000", &["PATCH"]),
];

async fn both_slashes_are_served(site: &Site) {
    let user = site.user().await;
    for (path, verbs) in PATHS {
        for verb in verbs {
            let answers = [user.ask(verb, path).await, user.ask(verb, &format!("{path}/")).await];
            assert!(answers.iter().all(|answer| !(300..400).contains(&answer.status)), "{}", answers[0]);
            assert_eq!(
                (answers[0].status, answers[0].text()),
                (answers[1].status, answers[1].text()),
                "{verb} {path}"
            );
        }
    }
    // More of the life of a chat without a slash.
    let http = site.http();
    let body = json!({"username": crate::support::name("slash"), "password": "x"});
    let token = http.post("/api/register").json(&body).await.string("/token");
    http.post("/api/login").json(&body).await.has_status(200);
    let user = http.with_token(&token);
    user.get("/api/test_token").await.has_status(200);
    let sent = user.post("/api/chats").json(&json!({"content": "x"})).await;
    sent.has_status(201);
    let chat = format!("/api/chats/{}", sent.json()["chat_id"]);
    let message = format!("{chat}/messages/{}", sent.string("/conversation/0/message_id"));
    user.ask("PATCH", &message).json(&json!({"content": "y"})).await.has_status(200);
    user.get("/api/chats").await.has_status(200);
    user.ask("DELETE", &chat).await.has_status(200);
}

async fn other_verbs_are_405(site: &Site) {
    let user = site.user().await;
    for (path, verbs) in PATHS {
        let allow = format!("{}, OPTIONS", verbs.join(", "));
        for verb in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "BREW"] {
            if verbs.contains(&verb) {
                continue;
            }
            for path in [path.to_owned(), format!("{path}/")] {
                let wrong = json!({"detail": format!("Method \"{verb}\" not allowed.")});
                user.ask(verb, &path).await.is(405, &wrong).has("allow", &allow);
                let stranger = site.http().ask(verb, &path).await;
                if ["/api/register", "/api/login"].contains(&path.trim_end_matches('/')) {
                    stranger.is(405, &wrong).has("allow", &allow);
                } else {
                    // Who is not known is told that, and nothing else (contract §1.1).
                    let words = "Authentication credentials were not provided.";
                    stranger.has("www-authenticate", "Token").is(401, &json!({ "detail": words }));
                }
            }
        }
        // OPTIONS alone is no preflight: it tells what there is.
        let options = user.ask("OPTIONS", path).await;
        assert!((200..=204).contains(&options.status), "{options}");
        options.has("allow", &allow);
        // A body of any kind does not change that.
        user.ask("PUT", path).body("text/plain", "x".repeat(100_000)).await.has_status(405);
    }
    let head = user.ask("HEAD", "/api/register/").await;
    assert_eq!(
        (head.status, head.body.len(), head.header("allow").as_deref()),
        (405, 0, Some("POST, OPTIONS"))
    );
}

async fn head_is_get_without_a_body(site: &Site) {
    let user = site.user().await;
    user.say("x").await.has_status(201);
    for path in
        ["/api/chats/", "/api/test_token/", "/livez", "/readyz", "/openapi.json", "/docs/", "/api/nothing/"]
    {
        let (got, head) = (user.get(path).await, user.ask("HEAD", path).await);
        assert_eq!((head.status, head.body.len()), (got.status, 0), "{path}");
        for name in ["content-type", "content-length"] {
            assert_eq!(head.header(name), got.header(name), "{name} of {path}");
        }
    }
    site.http().ask("HEAD", "/api/chats/").await.has("www-authenticate", "Token").has_status(401);
}

async fn unknown_paths_have_the_contracts_shape(site: &Site) {
    let user = site.user().await;
    let paths = [
        "/api/",
        "/api/x",
        "/api/chats/7/messages",
        "/api/chats/7/messages/",
        "/api/chats/7/x/",
        "/api/chats//",
        "/api//chats/",
        "/api/chats/7/messages/x/y/",
        "/api/register/x",
        "/api/Chats/",
        "/api/chats/7/8",
        "/api/%00",
        "/api/chats.json",
    ];
    for path in paths {
        for verb in ["GET", "POST", "PATCH", "DELETE"] {
            let answer = user.ask(verb, path).await;
            // DELETE /api/chats/<anything>/ is a route, and what is no number is not found there either.
            if answer.status != 405 {
                answer.is(404, &json!({"detail": "Not found."}));
            }
        }
        assert_ne!(user.get(path).await.status, 200, "{path}");
    }
    for path in [
        "/x",
        "/apix",
        "/v1/nothing",
        "/v1/",
        "/livez/x",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/docs/../x",
        "/docsx",
        "/chat.css",
        "/..;/x",
    ] {
        let answer = user.get(path).await;
        answer.has("content-type", "application/problem+json").has_status(404);
        let problem = answer.json();
        assert_eq!((&problem["status"], &problem["code"]), (&json!(404), &json!("not_found")), "{answer}");
    }
    // A query of any kind changes nothing.
    for query in ["?", "?a", "?a=b&a=c", "?%00=%FF", "?session_id=a&session_id=b", "?[]=%", "?%"] {
        user.get(&format!("/api/test_token/{query}")).await.has_status(200);
        let listed = user.get(&format!("/api/chats/{query}")).await;
        listed.is(200, &json!([]));
    }
}
