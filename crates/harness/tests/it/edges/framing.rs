//! Requests that two readers could understand differently (S24): refused and closed, or read in the one right way.

use super::Treasure;
use crate::support::{Site, on_both, probe};
use serde_json::json;

on_both! { no_request_hides_in_another a_client_of_http_1_0_gets_no_chunks }

/// The request that must not be served: it would mean that the body of another was read as a request.
const HIDDEN: &str = "GET /livez?hidden HTTP/1.1\r\nHost: h\r\n\r\n";

async fn no_request_hides_in_another(site: &Site) {
    let treasure = Treasure::bury(site).await;
    let base = site.server.base_url();
    let post = |headers: &str, body: &str| {
        format!(
            "POST /api/login/ HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n{headers}\r\n\r\n{body}"
        )
    };
    let hidden = HIDDEN.len();
    // Refused outright.
    let refused = [
        post("Content-Length: 5\r\nTransfer-Encoding: chunked", &format!("0\r\n\r\n{HIDDEN}")),
        post("Transfer-Encoding: chunked\r\nContent-Length: 5", &format!("0\r\n\r\n{HIDDEN}")),
        post("Content-Length: 0\r\nContent-Length: 5", HIDDEN),
        post(&format!("Content-Length: {hidden}\r\nContent-Length: 0"), HIDDEN),
        post("Content-Length: 0, 5", HIDDEN),
        post("Content-Length: +5", HIDDEN),
        post("Content-Length: -1", HIDDEN),
        post("Content-Length: 0x5", HIDDEN),
        post("Content-Length: 5 5", HIDDEN),
        post("Content-Length: ", HIDDEN),
        post("Content-Length: 1e1", HIDDEN),
        post("Content-Length: 99999999999999999999999", HIDDEN),
        post("Content-Length : 5", HIDDEN),
        post("Content-Length\t: 5", HIDDEN),
        post(" Content-Length: 5", HIDDEN),
        post("Transfer-Encoding: identity", &format!("0\r\n\r\n{HIDDEN}")),
        post("Transfer-Encoding: xchunked", &format!("0\r\n\r\n{HIDDEN}")),
        post("Transfer-Encoding: chunked, identity", &format!("0\r\n\r\n{HIDDEN}")),
        post("Transfer-Encoding: chunked, chunked", &format!("0\r\n\r\n{HIDDEN}")),
        post("Transfer-Encoding: gzip, chunked", &format!("0\r\n\r\n{HIDDEN}")),
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", &format!("0\r\n\r\n{HIDDEN}")),
        post("Transfer-Encoding : chunked", &format!("0\r\n\r\n{HIDDEN}")),
        post("Transfer-Encoding:\u{b}chunked", &format!("0\r\n\r\n{HIDDEN}")),
        post("Transfer\u{2d}Encoding: chunked\u{0}", &format!("0\r\n\r\n{HIDDEN}")),
        post("X: y\r\n folded: z", HIDDEN),
        post("X", HIDDEN),
        post(": x", HIDDEN),
        post("X\u{0}: y", HIDDEN),
        post("X: a\u{0}b", HIDDEN),
        post("X: a\rb", HIDDEN),
        post("Host: other", HIDDEN),
        post("Transfer-Encoding: chunked", &format!("x\r\n\r\n{HIDDEN}")),
        post("Transfer-Encoding: chunked", &format!("-1\r\n\r\n{HIDDEN}")),
        post("Transfer-Encoding: chunked", &format!("0x0\r\n\r\n{HIDDEN}")),
        post("Transfer-Encoding: chunked", &format!("ffffffffffffffffff\r\n\r\n{HIDDEN}")),
        post("Transfer-Encoding: chunked", &format!("2\r\nabcd\r\n0\r\n\r\n{HIDDEN}")),
        post("Transfer-Encoding: chunked", &format!("\r\n\r\n{HIDDEN}")),
        post("Transfer-Encoding: chunked", &format!("1 1\r\na\r\n0\r\n\r\n{HIDDEN}")),
        "POST /api/login/ HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned()
            + HIDDEN,
        format!("GET /livez HTTP/2.0\r\nHost: h\r\n\r\n{HIDDEN}"),
        format!("GET /livez HTTP/1.2\r\nHost: h\r\n\r\n{HIDDEN}"),
        format!("GET /livez HTTP/9\r\nHost: h\r\n\r\n{HIDDEN}"),
        format!("GET  /livez HTTP/1.1\r\nHost: h\r\n\r\n{HIDDEN}"),
        format!("GET /li vez HTTP/1.1\r\nHost: h\r\n\r\n{HIDDEN}"),
        format!("GET /livez\u{0} HTTP/1.1\r\nHost: h\r\n\r\n{HIDDEN}"),
        format!("G\u{0}T /livez HTTP/1.1\r\nHost: h\r\n\r\n{HIDDEN}"),
        "GET /livez HTTP/1.1\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}".to_owned(),
        "SSH-2.0-x\r\n\r\n".to_owned(),
        "\u{0}".repeat(1000),
        "{\"content\":\"x\"}\r\n\r\n".to_owned(),
    ];
    for bytes in &refused {
        let answer = probe(&base, bytes.as_bytes()).await;
        assert!(answer.closed, "left hanging: {bytes:?} {answer:?}");
        let statuses = answer.statuses();
        assert!(
            statuses.len() <= 1 && statuses.iter().all(|status| (400..500).contains(status)),
            "{bytes:?} → {}",
            answer.text()
        );
        assert!(
            !answer.text().contains("\"ok\""),
            "the hidden request was served: {bytes:?} → {}",
            answer.text()
        );
    }
    // Read in the one right way: what follows the body is the next request, and it is served as such, once.
    let body = "{\"username\":\"x\"}";
    let understood = [
        (post(&format!("Content-Length: {}", body.len()), &format!("{body}{HIDDEN}")), vec![400, 200]),
        (post(&format!("content-length:{}", body.len()), &format!("{body}{HIDDEN}")), vec![400, 200]),
        (
            post("Transfer-Encoding: chunked", &format!("{:x}\r\n{body}\r\n0\r\n\r\n{HIDDEN}", body.len())),
            vec![400, 200],
        ),
        (
            post(
                "Transfer-Encoding: Chunked",
                &format!("{:X};ext=\"a;b\"\r\n{body}\r\n000\r\n\r\n{HIDDEN}", body.len()),
            ),
            vec![400, 200],
        ),
        (
            post(
                "Transfer-Encoding: chunked",
                &format!("{:x}\r\n{body}\r\n0\r\nTrailer: Content-Length: 5\r\n\r\n{HIDDEN}", body.len()),
            ),
            vec![400, 200],
        ),
        (
            post(
                &format!("Content-Length: {}\r\nExpect: 100-continue", body.len()),
                &format!("{body}{HIDDEN}"),
            ),
            vec![400, 200],
        ),
        (format!("{HIDDEN}{HIDDEN}{HIDDEN}"), vec![200, 200, 200]),
        (format!("\r\n{HIDDEN}"), vec![200]),
        (format!("HEAD /livez HTTP/1.1\r\nHost: h\r\n\r\n{HIDDEN}"), vec![200, 200]),
        (format!("GET /livez HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello{HIDDEN}"), vec![200, 200]),
        (
            "GET http://other.example/livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".to_owned(),
            vec![200],
        ),
        ("GET /livez HTTP/1.0\r\n\r\n".to_owned(), vec![200]),
    ];
    for (bytes, statuses) in &understood {
        let answer = probe(&base, bytes.as_bytes()).await;
        assert!(answer.closed, "left hanging: {bytes:?}");
        assert_eq!(&answer.statuses(), statuses, "{bytes:?} → {}", answer.text());
    }
    treasure.is_there(site).await;
}

/// It knows none, and would take their lengths for text: a stream ends with its connection.
async fn a_client_of_http_1_0_gets_no_chunks(site: &Site) {
    let user = site.user().await;
    let room = user.post("/v1/rooms").json(&json!({})).await.has_status(201).string("/id");
    let base = site.server.base_url();
    let token = user.token();
    let ask = |line: &str, more: &str, body: &str| {
        let length = body.len();
        let head =
            format!("Host: h\r\nAuthorization: Bearer {token}\r\n{more}Content-Length: {length}\r\n\r\n");
        format!("{line}\r\n{head}{body}")
    };
    let send = |version: &str, more: &str| {
        let kinds = format!("Content-Type: application/json\r\nAccept: text/event-stream\r\n{more}");
        ask(&format!("POST /v1/rooms/{room}/messages {version}"), &kinds, "{\"content\":\"hello\"}")
    };
    for more in ["", "Connection: keep-alive\r\n"] {
        let old = probe(&base, send("HTTP/1.0", more)).await;
        let text = old.text();
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(old.closed && head.starts_with("HTTP/1.0 200"), "{text}");
        let head = head.to_ascii_lowercase();
        assert!(!head.contains("transfer-encoding") && !head.contains("keep-alive"), "{head}");
        let first = body.lines().next().unwrap_or_default();
        assert!(
            first.starts_with("retry:") || first.starts_with(':') || first.starts_with("event:"),
            "{body}"
        );
        assert!(body.contains("event: done\n") && body.ends_with("\n\n"), "{body}");
    }
    let new = probe(&base, send("HTTP/1.1", "Connection: close\r\n")).await.text();
    assert!(new.to_ascii_lowercase().contains("transfer-encoding: chunked"), "{new}");
    // What has a length is told with it.
    let page = probe(&base, ask(&format!("GET /v1/rooms/{room}/messages HTTP/1.0"), "", "")).await.text();
    let (head, body) = page.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains(&format!("content-length: {}", body.len())), "{page}");
    assert!(body.starts_with('{') && body.ends_with('}'), "{page}");
}
