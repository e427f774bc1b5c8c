//! What is refused, and in which words (contract §0.6, §0.9, §5).

use super::{FELL, NOT_FOUND, Thread, demo};
use crate::support::{Backend, for_both, probe};
use serde_json::{Value, json};

for_both! { what_is_missing_is_refused edges_have_a_shape any_origin_may_call }

const MISSING: &str = "필수 필드가 누락되었습니다.";
const NO_PARAMETER: &str = "필수 파라미터가 누락되었습니다.";

async fn what_is_missing_is_refused(backend: Backend) {
    let site = demo(backend).await;
    let http = site.http();
    let thread = Thread::new(&http);
    let missing = json!({"error": MISSING});
    for field in ["userId", "threadNum", "content", "timestamp"] {
        for value in
            [None, Some(json!("")), Some(Value::Null), Some(json!(5)), Some(json!(["a"])), Some(json!({}))]
        {
            let mut body = thread.body(FELL);
            match value {
                Some(value) => body[field] = value,
                None => drop(body.as_object_mut().and_then(|fields| fields.shift_remove(field))),
            }
            http.post("/api/chat/send").json(&body).await.is(400, &missing);
        }
    }
    for body in ["", "{", "[]", "null", "\"text\"", "5", "\u{0}", "{\"userId\":\"a\""] {
        http.post("/api/chat/send").body("application/json", body).await.is(400, &missing);
    }
    http.post("/api/chat/send").body("application/json", b"\xff\xfe".to_vec()).await.is(400, &missing);
    http.post("/api/chat/send").await.is(400, &missing);
    http.post("/api/chat/send").body("text/plain", thread.body(FELL).to_string()).await.is(400, &missing);
    thread.say(" \n\u{3000}").await.is(400, &missing);
    for path in ["status", "stream"] {
        for query in [
            "",
            "?",
            "?userId=a",
            "?threadNum=b",
            "?userId=&threadNum=b",
            "?userId=a&threadNum=",
            "?userid=a&threadnum=b",
        ] {
            http.get(&format!("/api/chat/{path}{query}")).await.is(400, &json!({"error": NO_PARAMETER}));
        }
        let long = "x".repeat(129);
        for query in [
            "userId=a&threadNum=b".to_owned(),
            format!("userId={long}&threadNum=b"),
            "userId=%00&threadNum=b".to_owned(),
        ] {
            http.get(&format!("/api/chat/{path}?{query}")).await.is(404, &json!({"error": NOT_FOUND}));
        }
    }
    // Nothing of all that was stored.
    thread.status().await.is(404, &json!({"error": NOT_FOUND}));
    assert_eq!(http.get("/api/health").await.json()["activeConversations"], 0);
}

async fn edges_have_a_shape(backend: Backend) {
    let site = demo(backend).await;
    let http = site.http();
    let refused = |status: u16, answer: crate::support::Reply| {
        answer.has("content-type", "application/json").has_status(status);
        let body = answer.json();
        let words = body["error"].as_str().unwrap_or_default().to_owned();
        assert!(words.chars().any(|c| ('가'..='힣').contains(&c)), "{answer}");
        assert!(
            body.as_object().is_some_and(|body| body.keys().all(|key| key == "error" || key == "code")),
            "{answer}"
        );
    };
    for (path, verbs, allow) in [
        ("/api/chat/send", &["GET", "PUT", "PATCH"][..], "POST"),
        ("/api/chat/status", &["POST", "PUT", "DELETE"], "GET"),
        ("/api/chat/stream", &["POST", "PATCH"], "GET"),
        ("/api/chat/a/b", &["GET", "POST", "PUT"], "DELETE"),
        ("/api/health", &["POST", "DELETE"], "GET"),
    ] {
        for verb in verbs {
            for slash in ["", "/"] {
                let answer = http.ask(verb, &format!("{path}{slash}")).await;
                assert!(answer.header("allow").is_some_and(|named| named.contains(allow)), "{verb} {answer}");
                refused(405, answer);
            }
        }
    }
    for path in ["/api/chat/x", "/api/chat/send/x/y", "/api/chat/a/b/c"] {
        refused(404, http.get(path).await);
    }
    let thread = Thread::new(&http);
    for (user, number, content) in [
        ("x".repeat(129), "b".to_owned(), FELL.to_owned()),
        ("a".to_owned(), "가".repeat(129), FELL.to_owned()),
        ("a\u{0}".to_owned(), "b".to_owned(), FELL.to_owned()),
        ("a".to_owned(), "b".to_owned(), "가".repeat(32_001)),
        ("a".to_owned(), "b".to_owned(), "a\u{0}b".to_owned()),
    ] {
        refused(400, Thread::named(&http, &user, &number).say(&content).await);
    }
    let longest = Thread::named(&http, &"가".repeat(128), &"x".repeat(128));
    longest.exchange(&"말".repeat(32_000)).await;
    let told = longest.status().await.json();
    assert!(told["content"].as_str().is_some_and(|content| content.contains(&"말".repeat(32_000))));
    refused(413, http.post("/api/chat/send").body("application/json", "x".repeat((1 << 20) + 1)).await);
    refused(400, thread.say(FELL).key(&"k".repeat(256)).await);
    refused(414, http.get(&format!("/api/chat/status?userId={}", "x".repeat(9_000))).await);
    let gzip = http.post("/api/chat/send").header("Content-Encoding", "gzip").json(&thread.body(FELL));
    refused(415, gzip.await);
    // A path that is no text names no thread.
    let raw =
        probe(&http.base, "DELETE /api/chat/%FF/%FE HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert_eq!(raw.status(), Some(404), "{}", raw.text());
    // A queue has an end.
    let slow = crate::support::Site::start(backend, &[]).await;
    slow.upstream.script("echo", maru_testkit::upstream::Script::stream().role().stall());
    let thread = Thread::new(&slow.http());
    for _ in 0..3 {
        thread.say("더").await.has_status(200);
    }
    // From the fourth on a send waits for its reply: these are left.
    let (base, body) = (slow.http().base, thread.body("더").to_string());
    let request = format!(
        "POST /api/chat/send HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    for _ in 3..21 {
        let (base, request) = (base.clone(), request.clone());
        let patience = std::time::Duration::from_millis(200);
        let left = move || crate::support::exchange(&base, request.as_bytes(), false, patience);
        let left = tokio::task::spawn_blocking(left).await.expect("a send that is left");
        assert_eq!(left.status(), None, "{}", left.text());
    }
    let full = thread.say("더").await;
    assert!(full.header("retry-after").is_some(), "{full}");
    refused(429, full);
}

async fn any_origin_may_call(backend: Backend) {
    let site = demo(backend).await;
    let http = site.http();
    let thread = Thread::new(&http);
    thread.exchange(FELL).await;
    for path in [
        "/api/chat/send".to_owned(),
        thread.path("status"),
        thread.path("stream"),
        "/api/health".to_owned(),
        "/api/chat/a/b".to_owned(),
    ] {
        let preflight = http
            .ask("OPTIONS", &path)
            .header("Origin", "https://app.example")
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "content-type,authorization")
            .await;
        preflight.has("access-control-allow-origin", "*");
        assert_eq!((preflight.status, preflight.text()), (204, String::new()), "{preflight}");
        let allowed = preflight.header("access-control-allow-headers").unwrap_or_default();
        assert!(allowed.contains("content-type") && allowed.contains("authorization"), "{allowed}");
    }
    for ask in [
        thread.say(FELL),
        thread.status(),
        thread.listen(),
        http.get("/api/health"),
        thread.delete(),
        thread.status(),
    ] {
        let answer = ask.header("Origin", "https://app.example").await;
        answer.has("access-control-allow-origin", "*");
        assert_eq!(answer.header("access-control-allow-credentials"), None, "{answer}");
    }
}
