//! How many requests a key may make a minute, wherever it makes them (`limits.requests_per_key`).

use super::twins::{Between, Twins, with_and_without_redis};
use crate::support::{Http, Reply};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

with_and_without_redis! { a_key_has_so_many_requests_a_minute a_refusal_looks_like_its_contract }

/// What the tests allow.
const ALLOWED: usize = 6;
const MINUTE: Duration = Duration::from_secs(60);

async fn twins(between: Between) -> Twins {
    Twins::start_with(between, &[("MARU__LIMITS__REQUESTS_PER_KEY", &ALLOWED.to_string())]).await
}

async fn key(user: &Http) -> String {
    user.post("/v1/keys").json(&json!({"name": "a program"})).await.has_status(201).string("/key")
}

/// The seconds that a refusal asks to wait.
#[track_caller]
fn throttled(answer: &Reply) -> u64 {
    assert_eq!(answer.status, 429, "{answer}");
    let seconds = answer.header("retry-after").and_then(|seconds| seconds.parse().ok()).expect("Retry-After");
    assert!((1..=60).contains(&seconds), "{answer}");
    seconds
}

/// Asks until it is refused; how often it was not.
async fn taken(places: &[&Http]) -> usize {
    let mut taken = 0;
    for user in places.iter().cycle() {
        let answer = user.get("/v1/me").await;
        if answer.status == 429 {
            throttled(&answer);
            break;
        }
        answer.has_status(200);
        taken += 1;
        assert!(taken < 100, "it is never refused");
    }
    taken
}

async fn a_key_has_so_many_requests_a_minute(between: Between) {
    let twins = twins(between).await;
    let (one, two) = twins.user().await;
    let (key, other) = (key(&one).await, key(&one).await);
    let (k_one, k_two) = twins.with_token(&key);
    let began = Instant::now();
    // Together where they share a Redis, each for itself where they do not.
    let expected: &[(&[&Http], usize)] = match between {
        Between::Redis => &[(&[&k_one, &k_two], ALLOWED), (&[&k_one], 0), (&[&k_two], 0)],
        Between::Nothing => &[(&[&k_one], ALLOWED), (&[&k_two], ALLOWED), (&[&k_one], 0)],
    };
    for (places, allowed) in expected {
        let taken = taken(places).await;
        // On a machine that took a minute for this a new minute has begun.
        assert!(taken == *allowed || began.elapsed() > MINUTE / 2, "{taken} instead of {allowed}");
    }
    // Another key of the same user has its own, and a person at a browser is not counted.
    assert!(taken(&[&twins.with_token(&other).0]).await >= ALLOWED);
    for _ in 0..ALLOWED * 3 {
        one.get("/v1/me").await.has_status(200);
        two.get("/v1/me").await.has_status(200);
    }
}

async fn a_refusal_looks_like_its_contract(between: Between) {
    let twins = twins(between).await;
    let (one, _) = twins.user().await;
    let key = key(&one).await;
    let http = twins.with_token(&key).0;
    taken(&[&http]).await;
    let paths = [
        "/v1/rooms",
        "/api/chats/",
        "/chatbot/room/",
        "/v1/models",
        "/v1/plcs",
        "/api/chat/status?userId=u&threadNum=1",
        "/api/chat/c1/stream",
        "/chat",
    ];
    for path in paths {
        let answer = http.get(path).await;
        let seconds = throttled(&answer);
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match path {
            "/v1/rooms" => assert_eq!(body["code"], "too_many_requests", "{answer}"),
            "/api/chats/" => assert_eq!(
                body,
                json!({"detail": format!(
                    "Request was throttled. Expected available in {seconds} second{}.",
                    if seconds == 1 { "" } else { "s" }
                )})
            ),
            "/chatbot/room/" => assert!(body["detail"].is_string(), "{answer}"),
            "/v1/models" => assert_eq!(body["error"]["code"], "rate_limit_exceeded", "{answer}"),
            "/v1/plcs" => assert!(answer.text().contains("TOO_MANY_REQUESTS"), "{answer}"),
            _ => assert!(!answer.body.is_empty(), "{answer}"),
        }
    }
    // A socket is refused before it is one.
    let room = one.post("/v1/rooms").json(&json!({})).await.has_status(201).json();
    throttled(&http.get(&format!("/ws/chat/{}/", room["number"])).await);
}
