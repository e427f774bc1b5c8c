//! How the native API says no, wherever it says it.

use super::{broken, refused};
use crate::support::{Backend, Reply, Site, for_both, name, on_both};
use serde_json::json;

on_both! { unknown_paths_and_verbs_are_problems failed_logins_wait }

async fn unknown_paths_and_verbs_are_problems(site: &Site) {
    let user = site.user().await;
    for path in ["/v1/nothing", "/v1", "/v1/rooms/1/nothing", "/nothing"] {
        refused(&user.get(path).await, 404, "not_found");
    }
    for (verb, path, allow) in [
        ("PUT", "/v1/rooms/1", "DELETE, GET, OPTIONS, PATCH"),
        ("DELETE", "/v1/rooms", "GET, OPTIONS, POST"),
        ("GET", "/v1/auth/login", "OPTIONS, POST"),
    ] {
        let answer = user.ask(verb, path).await;
        let mut allowed: Vec<_> =
            answer.header("allow").unwrap_or_default().split(", ").map(str::to_owned).collect();
        allowed.sort();
        assert_eq!(allowed.join(", "), allow, "{answer}");
        refused(&answer, 405, "method_not_allowed");
    }
    let long = user.get(&format!("/v1/rooms?x={}", "x".repeat(9_000))).await;
    assert_eq!((long.status, long.string("/code").as_str()), (414, "address_too_long"));
    // HEAD is answered where GET is, without a body.
    let head = user.ask("HEAD", "/v1/rooms").await;
    assert_eq!((head.has_status(200).body.len(), head.header("etag").is_some()), (0, true));
}

async fn failed_logins_wait(site: &Site) {
    let username = name("guessed");
    let login =
        || site.http().post("/v1/auth/login").json(&json!({"username": username, "password": "wrong one"}));
    let mut answer: Option<Reply> = None;
    for _ in 0..40 {
        let next = login().await;
        if next.status == 429 {
            answer = Some(next);
            break;
        }
        refused(&next, 400, "wrong_credentials");
    }
    let answer = answer.expect("a wait");
    assert!(
        answer
            .header("retry-after")
            .is_some_and(|seconds| seconds.parse::<u64>().is_ok_and(|seconds| seconds > 0))
    );
    refused(&answer, 429, "too_many_attempts");
}

mod registrations {
    use super::*;
    for_both! { registrations_are_counted }

    async fn registrations_are_counted(backend: Backend) {
        let site = Site::start(backend, &[("MARU__LIMITS__REGISTRATIONS_PER_HOUR", "2")]).await;
        let register = |password: &str| {
            let body = json!({"username": name("counted"), "password": password});
            site.http().post("/v1/auth/register").json(&body)
        };
        for _ in 0..3 {
            broken(&register("short").await);
        }
        for _ in 0..2 {
            register("a long enough one").await.has_status(201);
        }
        let answer = register("a long enough one").await;
        assert!(answer.header("retry-after").is_some());
        refused(&answer, 429, "too_many_attempts");
    }
}
