//! How often (contract §0.9): failed logins wait, registrations are counted by address.

use crate::support::{Backend, Http, Reply, Site, for_both, name, on_both};
use serde_json::json;
use std::time::{Duration, Instant};

async fn login(http: &Http, username: &str, password: &str) -> Reply {
    http.post("/api/login/").json(&json!({"username": username, "password": password})).await
}

/// The seconds of a refusal that asks to wait.
#[track_caller]
fn throttled(answer: &Reply) -> u64 {
    let seconds = answer.header("retry-after").and_then(|seconds| seconds.parse().ok()).unwrap_or_default();
    let unit = if seconds == 1 { "second" } else { "seconds" };
    answer.is(
        429,
        &json!({"detail": format!("Request was throttled. Expected available in {seconds} {unit}.")}),
    );
    assert!(seconds > 0, "{answer}");
    seconds
}

mod logins {
    use super::*;
    on_both! { failed_logins_wait }

    async fn failed_logins_wait(site: &Site) {
        let http = site.http();
        let (known, unknown) = (name("guessed"), name("unknown"));
        let body = json!({"username": known, "password": "right"});
        http.post("/api/register/").json(&body).await.has_status(200);
        let token = login(&http, &known, "right").await.string("/token");
        // The right password has to wait, too, or the wait would tell; and so does another spelling of the name.
        let wide: String = known.chars().map(|c| if c == 'g' { 'ｇ' } else { c }).collect();
        let failed = fail_ten_times(&http, &known).await;
        for (username, password) in [(&known, "wrong"), (&known, "right"), (&wide, "right")] {
            let answer = login(&http, username, password).await;
            // On a machine that was busy for a second the wait is over: then this shows nothing.
            if failed.elapsed() < Duration::from_secs(1) {
                assert_eq!(throttled(&answer), 1, "{username}");
            }
        }
        // Who is logged in is not touched by it, and neither is another name.
        http.with_token(&token).get("/api/test_token/").await.has_status(200);
        login(&http, &name("bystander"), "wrong").await.has_status(400);
        // After the wait the right password is let in and all is forgotten.
        let (came_in, _) = after_the_wait(&http, &known, "right").await;
        came_in.has_status(200);
        for _ in 0..3 {
            login(&http, &known, "wrong").await.has_status(400);
        }
        login(&http, &known, "right").await.has_status(200);
        // A name that nobody has is counted alike; each further failure doubles the wait.
        let mut failed = fail_ten_times(&http, &unknown).await;
        for wait in [1, 2] {
            let answer = login(&http, &unknown, "wrong").await;
            if failed.elapsed() >= Duration::from_secs(1) {
                return;
            }
            assert_eq!(throttled(&answer), wait, "{unknown}");
            let (answer, asked) = after_the_wait(&http, &unknown, "wrong").await;
            answer.has_status(400);
            failed = asked;
        }
    }

    /// Answers from when the wait counts, at the latest.
    async fn fail_ten_times(http: &Http, username: &str) -> Instant {
        let mut last = Instant::now();
        for _ in 0..10 {
            last = Instant::now();
            login(http, username, "wrong").await.is(400, &json!({"detail": "Not found"}));
        }
        last
    }

    /// The first answer that is no wait, and when it was asked for.
    async fn after_the_wait(http: &Http, username: &str, password: &str) -> (Reply, Instant) {
        loop {
            let asked = Instant::now();
            let answer = login(http, username, password).await;
            if answer.status != 429 {
                return (answer, asked);
            }
            // In quarters of what it says: what is left of a second is told as a second.
            tokio::time::sleep(Duration::from_millis(throttled(&answer) * 250)).await;
        }
    }
}

mod registrations {
    use super::*;
    for_both! { registrations_are_counted_by_address }

    async fn register(http: &Http, forwarded: Option<&str>) -> Reply {
        let ask = http.post("/api/register/").json(&json!({"username": name("counted"), "password": "x"}));
        match forwarded {
            Some(forwarded) => ask.header("X-Forwarded-For", forwarded).await,
            None => ask.await,
        }
    }

    async fn registrations_are_counted_by_address(backend: Backend) {
        let three = ("MARU__LIMITS__REGISTRATIONS_PER_HOUR", "3");
        let site = Site::start(backend, &[three]).await;
        let http = site.http();
        // A refusal for other reasons does not count.
        for _ in 0..5 {
            http.post("/api/register/")
                .json(&json!({"username": "a b", "password": "x"}))
                .await
                .has_status(400);
        }
        for _ in 0..3 {
            register(&http, None).await.has_status(200);
        }
        let wait = throttled(&register(&http, None).await);
        assert!((3500..=3600).contains(&wait), "{wait}");
        // What the client says of where it comes from is not believed.
        for forwarded in ["192.0.2.1", "127.0.0.1", "x", "192.0.2.1, 192.0.2.2", "::1", ""] {
            throttled(&register(&http, Some(forwarded)).await);
        }
        let headers = [
            ("Forwarded", "for=192.0.2.9"),
            ("X-Real-IP", "192.0.2.9"),
            ("CF-Connecting-IP", "192.0.2.9"),
            ("True-Client-IP", "192.0.2.9"),
        ];
        for (header, value) in headers {
            let body = json!({"username": name("counted"), "password": "x"});
            throttled(&http.post("/api/register/").json(&body).header(header, value).await);
        }
        // Logging in and chatting go on.
        login(&http, "counted-nobody", "x").await.has_status(400);

        let trusting = Site::start(backend, &[three, ("MARU__SERVER__TRUSTED_PROXIES", "127.0.0.1")]).await;
        let http = trusting.http();
        for _ in 0..3 {
            register(&http, Some("192.0.2.1")).await.has_status(200);
        }
        throttled(&register(&http, Some("192.0.2.1")).await);
        // What stands before the proxy's own entry the client may have invented.
        throttled(&register(&http, Some("198.51.100.7, 192.0.2.1")).await);
        throttled(&register(&http, Some("x, , 192.0.2.1")).await);
        throttled(&register(&http, Some("192.0.2.1, 127.0.0.1")).await);
        register(&http, Some("192.0.2.2")).await.has_status(200);
        register(&http, Some("192.0.2.1, 192.0.2.2")).await.has_status(200);
        // A customer has a whole /64.
        for n in 1..=3 {
            register(&http, Some(&format!("2001:db8::{n}"))).await.has_status(200);
        }
        throttled(&register(&http, Some("2001:db8::ffff")).await);
        // Without the header it is the proxy itself.
        register(&http, None).await.has_status(200);
    }
}
