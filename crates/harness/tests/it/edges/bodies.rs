//! Bodies that are too deep, too wide, too long, or not what they say (S13).

use super::{Treasure, request};
use crate::support::{Raw, Site, on_both, probe};
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

on_both! { deep_and_wide_bodies_are_refused long_heads_and_paths_are_refused odd_forms_are_refused chunked_bodies_have_a_size headers_cannot_be_split }

const JSON: &str = "application/json";

async fn deep_and_wide_bodies_are_refused(site: &Site) {
    let treasure = Treasure::bury(site).await;
    let user = site.user().await;
    let nested =
        |open: &str, close: &str, depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
    let bodies = [
        nested("[", "]", 129),
        nested("[", "]", 100_000),
        nested("{\"a\":", "}", 100_000),
        nested("{\"content\":", "}", 33),
        nested("{\"content\":[", "]}", 10_000),
        "[".repeat(1_000_000),
        "{\"a\":".repeat(200_000),
        format!("[{}1]", "1,".repeat(500_000)),
        format!("{{\"content\":[{}1]}}", "1,".repeat(500_000)),
        format!("{{{}\"z\":1}}", (0..60_000).map(|n| format!("\"k{n}\":1,")).collect::<String>()),
        format!("{{{}\"content\":1, \"content\":[]}}", "\"content\":\"x\",".repeat(60_000)),
        format!("\"{}\"", "\\u0000".repeat(170_000)),
        "1".repeat(1_000_000),
        format!("{{\"content\": 1{}}}", "0".repeat(900_000)),
        format!("{{\"content\": 0.{}}}", "1".repeat(900_000)),
        " ".repeat(1_000_000),
        "\u{0}".repeat(1_000_000),
    ];
    let paths = ["/api/chats/", "/api/register/", "/api/login/"];
    for (n, body) in bodies.iter().enumerate() {
        // A megabyte takes a debug build some time: one path each, in turn.
        let paths = if body.len() < 1000 { &paths[..] } else { &paths[n % 3..][..1] };
        for path in paths {
            let answer = user.post(path).body(JSON, body.as_bytes()).await;
            // A long fraction is a number.
            let fine = answer.status == 400 || (body.starts_with("{\"content\": 0.") && answer.status == 201);
            assert!(fine, "{}…: {answer}", &body[..20]);
            assert!(
                answer.body.len() < 10_000,
                "an answer does not grow with the question: {}",
                answer.body.len()
            );
        }
    }
    // Depth that JSON readers everywhere take is no fault by itself.
    let deep = format!("{{\"content\":\"deep enough\",\"extra\":{}}}", nested("[", "]", 100));
    let answer = user.post("/api/chats/").body(JSON, deep).await;
    assert!(matches!(answer.status, 200 | 201), "{answer}");
    treasure.is_there(site).await;
}

#[track_caller]
fn refused(answer: &Raw, statuses: &[u16]) {
    let status = answer.status();
    assert!(answer.closed, "left hanging: {status:?} after {:?}", answer.took);
    // Closed without a word happens when the refusal comes while we still send.
    assert!(status.is_none_or(|status| statuses.contains(&status)), "{answer:?}");
}

async fn long_heads_and_paths_are_refused(site: &Site) {
    let treasure = Treasure::bury(site).await;
    let base = site.server.base_url();
    for (path, status) in [(9 * 1024, 414), (8 * 1024 + 1, 414), (8 * 1024, 404), (60_000, 414)] {
        let path = format!("/api/{}", "a".repeat(path - "/api/".len()));
        let answer = probe(&base, request("GET", &path, &[], b"")).await;
        assert_eq!(answer.status(), Some(status), "{}", path.len());
        if status == 414 {
            assert!(answer.text().ends_with("{\"detail\":\"The address is too long.\"}"), "{answer:?}");
        }
    }
    let query = format!("/api/chats/?session_id={}", "a".repeat(9 * 1024));
    assert_eq!(probe(&base, request("GET", &query, &[], b"")).await.status(), Some(414));
    assert_eq!(
        probe(&base, request("GET", &format!("/{}", "a".repeat(9 * 1024)), &[], b"")).await.status(),
        Some(414)
    );
    for (name, size) in [("X-Long", 200 * 1024), ("Authorization", 200 * 1024), ("Cookie", 2 << 20)] {
        refused(
            &probe(&base, request("GET", "/api/chats/", &[(name, &"a".repeat(size))], b"")).await,
            &[400, 431, 413],
        );
    }
    refused(
        &probe(&base, request("GET", &format!("/{}", "a".repeat(200 * 1024)), &[], b"")).await,
        &[400, 414, 431],
    );
    let many: Vec<(String, String)> = (0..200).map(|n| (format!("X-{n}"), "a".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    refused(&probe(&base, request("GET", "/livez", &many, b"")).await, &[400, 431]);
    // What a browser with many cookies sends is fine.
    let fine = probe(&base, request("GET", "/livez", &[("Cookie", &"a".repeat(16 * 1024))], b"")).await;
    assert_eq!(fine.status(), Some(200));
    let long_token = format!("Token {}", "a".repeat(16 * 1024));
    let answer = probe(&base, request("GET", "/api/chats/", &[("Authorization", &long_token)], b"")).await;
    assert_eq!(answer.status(), Some(401));
    treasure.is_there(site).await;
}

async fn odd_forms_are_refused(site: &Site) {
    let treasure = Treasure::bury(site).await;
    let user = site.user().await;
    const FORM: &str = "application/x-www-form-urlencoded";
    for body in [
        &b"content=%ff"[..],
        b"content=\xff\xfe",
        b"%",
        b"&&&&",
        b"=",
        b"content",
        b"content=%00",
        b"content=a%0",
        b"content[]=x",
        b"content.x=1",
    ] {
        let answer = user.post("/api/chats/").body(FORM, body).await;
        assert!(matches!(answer.status, 200 | 201 | 400), "{body:?} {answer}");
        answer.has("content-type", JSON);
    }
    let many = format!("{}content=", "a=b&".repeat(200_000));
    user.post("/api/chats/").body(FORM, many).await.has_status(400);
    let part = "Content-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n";
    let multipart = [
        (
            "multipart/form-data; boundary=XX",
            format!("--XX\r\n{}--XX--\r\n", format!("{part}--XX\r\n").repeat(5_000)),
        ),
        (
            "multipart/form-data; boundary=XX",
            format!("--XX\r\n{}\r\n\r\nx\r\n--XX--\r\n", "X: y\r\n".repeat(5_000)),
        ),
        (
            "multipart/form-data; boundary=XX",
            format!(
                "--XX\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\nx\r\n--XX--\r\n",
                "n".repeat(100_000)
            ),
        ),
        ("multipart/form-data; boundary=XX", "--XX\r\n\r\nno head\r\n--XX--\r\n".to_owned()),
        (
            "multipart/form-data; boundary=XX",
            "--XX\r\nContent-Disposition: attachment\r\n\r\nx\r\n--XX--\r\n".to_owned(),
        ),
        ("multipart/form-data; boundary=XX", "--XX--".to_owned()),
        ("multipart/form-data; boundary=", "--\r\n\r\n----\r\n".to_owned()),
        ("multipart/form-data; boundary=\"", "x".to_owned()),
        ("multipart/form-data;", "x".to_owned()),
        ("multipart/mixed; boundary=XX", "--XX--".to_owned()),
        ("application/json; boundary=XX; charset=\"", "{}".to_owned()),
        ("/", "{}".to_owned()),
        (";", "{}".to_owned()),
    ];
    for (content_type, body) in multipart {
        let answer = user.post("/api/chats/").body(content_type, body).await;
        assert!(matches!(answer.status, 400 | 415), "{content_type} {answer}");
        answer.has("content-type", JSON);
    }
    let answer =
        user.post("/api/chats/").header("Content-Type", b"application/j\xe9son").body("", "{}").await;
    answer.has_status(415);
    treasure.is_there(site).await;
}

async fn chunked_bodies_have_a_size(site: &Site) {
    let treasure = Treasure::bury(site).await;
    let user = site.user().await;
    let base = site.server.base_url();
    let token = format!("Token {}", user.token());
    let head = request(
        "POST",
        "/api/chats/",
        &[("Authorization", &token), ("Content-Type", JSON), ("Transfer-Encoding", "chunked")],
        b"",
    );
    let chunked = |chunk: &[u8], times: usize, end: &[u8]| {
        let mut bytes = head.clone();
        for _ in 0..times {
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(end);
        bytes
    };
    let good = probe(&base, chunked(b"{\"content\":\"in a chunk\"}", 1, b"0\r\n\r\n")).await;
    assert_eq!(good.status(), Some(201), "{good:?}");
    // One byte each, and far beyond the limit: endless as far as the server can tell.
    let dripping: Vec<u8> = b"{\"content\":\"byte by byte\"}"
        .iter()
        .flat_map(|byte| [b"1\r\n", &[*byte, b'\r', b'\n'][..]].concat())
        .collect();
    let good = probe(&base, [head.clone(), dripping, b"0\r\n\r\n".to_vec()].concat()).await;
    assert_eq!(good.status(), Some(200), "{good:?}");
    refused(&probe(&base, chunked(&[b' '; 16 * 1024], 1024, b"0\r\n\r\n")).await, &[413]);
    refused(&probe(&base, chunked(&[b' '; 1024], 4096, b"")).await, &[413]);
    // Endless in truth: whoever never stops is cut off, whether anybody wanted the body or not.
    let lines = ["POST /api/login/", "POST /api/chats/", "PUT /api/chats/", "GET /livez", "POST /nowhere"];
    let clients = lines.map(|line| {
        let head = format!(
            "{line} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        let base = base.clone();
        tokio::task::spawn_blocking(move || (line, endless(&base, head.as_bytes())))
    });
    for client in futures_util::future::join_all(clients).await {
        let (line, enough) = client.expect("a client");
        assert!(enough, "{line}: the server reads for ever");
    }
    // A length that is a lie: refused by what it says, before anything is read.
    for length in ["1048577", "10737418240", "9223372036854775807", "18446744073709551615"] {
        let headers = [("Authorization", token.as_str()), ("Content-Type", JSON), ("Content-Length", length)];
        let answer = probe(&base, request("POST", "/api/chats/", &headers, b"")).await;
        refused(&answer, &[413, 400]);
        assert!(answer.status().is_some(), "{length} {answer:?}");
    }
    treasure.is_there(site).await;
}

async fn headers_cannot_be_split(site: &Site) {
    let base = site.server.base_url();
    let answer = probe(
        &base,
        request("GET", "/livez?%0d%0aSet-Cookie:%20a=b", &[("Origin", "https://a.example")], b""),
    )
    .await;
    assert!(
        answer.status() == Some(200) && !answer.text().to_lowercase().contains("set-cookie"),
        "{answer:?}"
    );
    // What the client sends comes back in one header only: the names of a preflight.
    let headers = [
        ("Origin", "https://a.example"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "x-a, x b, \u{fc}, x-c:d"),
    ];
    let answer = probe(&base, request("OPTIONS", "/api/chats/", &headers, b"")).await;
    assert!(answer.status().is_some_and(|status| status < 500), "{answer:?}");
    for (name, value) in [("X-Request-Id", "mine\u{1b}"), ("X-Request-Id", "mine")] {
        let answer = probe(&base, request("GET", "/livez", &[(name, value)], b"")).await;
        assert!(!answer.text().contains("mine"), "an id of the client's is not believed: {answer:?}");
    }
    // Nothing of a path gets into the log as a line of its own.
    probe(&base, request("GET", "/api/%0a2026-01-01T00:00:00Z%20ERROR%20forged", &[], b"")).await;
    probe(&base, request("GET", "/x%1b[2Jforged", &[], b"")).await;
    let log = site.server.log();
    assert!(!log.lines().any(|line| line.starts_with("2026-01-01T00:00:00Z ERROR forged")), "a forged line");
    assert!(!log.contains("\u{1b}[2Jforged"));
}

/// Sends chunk after chunk; true when the server has had enough, false when it still reads after a quarter of a minute.
fn endless(base: &str, head: &[u8]) -> bool {
    let mut stream = TcpStream::connect(base.trim_start_matches("http://")).expect("a connection");
    stream.set_write_timeout(Some(Duration::from_secs(20))).expect("a time limit");
    stream.write_all(head).expect("the head goes out");
    let chunk = [b"10000\r\n", &[b' '; 65536][..], b"\r\n"].concat();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(15) {
        if stream.write_all(&chunk).is_err() {
            return true;
        }
    }
    false
}
