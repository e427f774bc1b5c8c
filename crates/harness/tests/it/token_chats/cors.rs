//! What browsers may do (contract §0.8).

use crate::support::{Backend, Site, for_both, on_both};
use serde_json::json;

const ORIGIN: &str = "https://app.example";

mod any_origin {
    use super::*;
    on_both! { a_preflight_is_answered_as_express_does every_answer_has_the_star }

    async fn a_preflight_is_answered_as_express_does(site: &Site) {
        let http = site.http();
        for path in
            ["/api/chats/", "/api/chats", "/api/register/", "/api/chats/7/", "/api/nothing/", "/readyz"]
        {
            for verb in ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] {
                let wanted = "authorization,content-type,idempotency-key,x-anything";
                let preflight = http.ask("OPTIONS", path).header("Origin", ORIGIN);
                let preflight = preflight.header("Access-Control-Request-Method", verb);
                let answer = preflight.header("Access-Control-Request-Headers", wanted).await;
                assert_eq!((answer.status, answer.body.len()), (204, 0), "{verb} {answer}");
                answer.has("access-control-allow-origin", "*");
                assert!(
                    answer.header("access-control-allow-credentials").is_none(),
                    "never with a star: {answer}"
                );
                assert_eq!(answer.header("content-length").unwrap_or_else(|| "0".into()), "0");
                let mut verbs: Vec<_> = answer
                    .header("access-control-allow-methods")
                    .unwrap_or_default()
                    .split(',')
                    .map(|verb| verb.trim().to_owned())
                    .collect();
                verbs.sort();
                assert_eq!(verbs, ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"]);
                let mut names: Vec<_> = answer
                    .header("access-control-allow-headers")
                    .unwrap_or_default()
                    .split(',')
                    .map(|name| name.trim().to_lowercase())
                    .collect();
                names.sort();
                assert_eq!(names, ["authorization", "content-type", "idempotency-key", "x-anything"]);
                // What was mirrored may not be given to others from a cache.
                let vary = answer.header("vary").unwrap_or_default().to_lowercase();
                assert!(vary.contains("access-control-request-headers"), "Vary {vary:?}");
            }
        }
        // Without an origin, with an odd one: no browser would ask, and nothing breaks.
        for (origin, verb) in [("", "POST"), ("null", "POST"), ("x", "POST")] {
            let mut preflight =
                http.ask("OPTIONS", "/api/chats/").header("Access-Control-Request-Method", verb);
            if !origin.is_empty() {
                preflight = preflight.header("Origin", origin);
            }
            let answer = preflight.await;
            assert_eq!(answer.status, 204, "{origin} {verb} {answer}");
        }
    }

    async fn every_answer_has_the_star(site: &Site) {
        let user = site.user().await;
        for origin in [ORIGIN, "null", "http://localhost:3000"] {
            for ask in [
                user.get("/api/chats/"),
                user.say("x"),
                user.get("/api/x/"),
                user.ask("PUT", "/api/chats/"),
                user.say(""),
                user.get("/livez"),
                site.http().get("/api/chats/"),
            ] {
                let answer = ask.header("Origin", origin).await;
                answer.has("access-control-allow-origin", "*");
                assert!(answer.header("access-control-allow-credentials").is_none(), "{answer}");
                let seen = answer.header("access-control-expose-headers").unwrap_or_default().to_lowercase();
                for name in ["x-request-id", "retry-after", "idempotency-replayed"] {
                    assert!(seen.contains(name), "{name} can be read by scripts: {seen:?} of {answer}");
                }
            }
        }
        let large = user
            .post("/api/chats/")
            .header("Origin", ORIGIN)
            .body("application/json", "x".repeat((1 << 20) + 1))
            .await;
        large.has("access-control-allow-origin", "*").has_status(413);
    }
}

mod listed_origins {
    use super::*;
    for_both! { only_the_listed_origins_are_allowed }

    async fn only_the_listed_origins_are_allowed(backend: Backend) {
        let site = Site::start(
            backend,
            &[("MARU__SERVER__CORS_ORIGINS", "https://app.example, https://b.example:8443")],
        )
        .await;
        let http = site.http();
        for (origin, allowed) in [
            (ORIGIN, true),
            ("https://b.example:8443", true),
            ("https://b.example", false),
            ("https://app.example.evil", false),
            ("http://app.example", false),
            ("null", false),
        ] {
            let answer = http.get("/livez").header("Origin", origin).await;
            assert_eq!(
                answer.header("access-control-allow-origin").as_deref(),
                allowed.then_some(origin),
                "{origin}"
            );
            assert!(
                answer.header("vary").is_some_and(|vary| vary.to_lowercase().contains("origin")),
                "{answer}"
            );
            let preflight = http
                .ask("OPTIONS", "/api/chats/")
                .header("Origin", origin)
                .header("Access-Control-Request-Method", "POST")
                .await;
            assert_eq!(
                preflight.header("access-control-allow-origin").as_deref(),
                allowed.then_some(origin),
                "{origin}"
            );
            if allowed {
                assert_eq!(preflight.status, 204, "{preflight}");
            }
        }
        // Programs that are no browsers send no origin and are served.
        assert_eq!(http.get("/livez").await.json(), json!({"status": "ok"}));
    }
}
