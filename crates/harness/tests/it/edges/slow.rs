//! Clients that are slow on purpose (S14), and those that leave in the middle.

use super::{Treasure, request};
use crate::support::{Backend, Site, exchange, for_both, until};
use maru_testkit::upstream::Script;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

for_both! { slow_clients_and_those_that_leave }

/// Side by side, each with a server of its own: most of the time is waiting.
async fn slow_clients_and_those_that_leave(backend: Backend) {
    let slow = slow_requests_are_given_up(backend);
    let leaving = clients_that_leave_take_nothing_with_them(backend);
    futures_util::future::join(slow, leaving).await;
}

const PATIENCE: Duration = Duration::from_secs(25);

async fn slow_requests_are_given_up(backend: Backend) {
    let site = Site::start(backend, &[("MARU__SERVER__BODY_TIMEOUT", "1s")]).await;
    let treasure = Treasure::bury(&site).await;
    let user = site.user().await;
    let token = format!("Token {}", user.token());
    let headers = |length: &'static str| {
        [
            ("Authorization", token.clone()),
            ("Content-Type", "application/json".to_owned()),
            ("Content-Length", length.to_owned()),
        ]
    };
    let cut = |path: &str, length: &'static str, body: &str| {
        let headers = headers(length);
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        [request("POST", path, &headers, b""), body.as_bytes().to_vec()].concat()
    };
    let chunked = |line: &str| {
        format!("{line} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab").into_bytes()
    };
    let base = site.server.base_url();
    // The connection stays open and silent, so only the server can end it. All at once: they must not wait for each other.
    let silent = [
        (cut("/api/chats/", "20", "{\"content\""), Some(408)),
        (cut("/api/chats/", "20", ""), Some(408)),
        (cut("/api/register/", "1000000", "{\"username\""), Some(408)),
        (cut("/api/login/", "1", ""), Some(408)),
        (b"POST /api/login/ HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab".to_vec(), Some(408)),
        (b"GET /livez HTTP/1.1\r\nHost: h\r\n".to_vec(), Some(408)),
        (b"GET /li".to_vec(), Some(408)),
        (b"G".to_vec(), Some(408)),
        // Answered at once, and nobody will ever read the rest.
        (chunked("POST /api/chats/"), Some(401)),
        (chunked("PUT /api/login/"), Some(405)),
        (chunked("POST /api/nothing/"), Some(404)),
        (chunked("GET /livez"), Some(200)),
        (b"PUT /api/login/ HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab".to_vec(), Some(405)),
        // Not a byte: nothing to answer to.
        (Vec::new(), None),
    ];
    let asked = silent.iter().map(|(bytes, expected)| {
        let (base, bytes, expected) = (base.clone(), bytes.clone(), *expected);
        tokio::task::spawn_blocking(move || (exchange(&base, &bytes, false, PATIENCE), bytes, expected))
    });
    let asked = futures_util::future::join_all(asked);
    // Meanwhile the others are served.
    let others = async {
        for n in 0..10 {
            let answer = user.say(&format!("meanwhile {n}")).await;
            assert!(matches!(answer.status, 200 | 201), "{answer}");
        }
    };
    let (asked, ()) = futures_util::future::join(asked, others).await;
    for asked in asked {
        let (answer, bytes, expected) = asked.expect("a probe");
        let sent = String::from_utf8_lossy(&bytes);
        assert!(answer.closed, "still open after {:?}: {sent:?}", answer.took);
        if expected.is_some() {
            assert_eq!(answer.status(), expected, "{sent:?} {answer:?}");
        }
    }
    let slow = exchange(&base, &cut("/api/chats/", "20", "{"), false, PATIENCE);
    assert!(slow.text().ends_with("{\"detail\":\"The request body did not arrive in time.\"}"), "{slow:?}");
    assert!(
        slow.text().to_lowercase().contains("connection: close"),
        "the rest of the body is not waited for: {slow:?}"
    );
    // Byte by byte is fine, as long as it is in time.
    let whole = cut("/api/chats/", "20", "{\"content\":\"slowly\"}");
    let answered = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(base.trim_start_matches("http://")).expect("a connection");
        for byte in whole {
            stream.write_all(&[byte]).expect("a byte goes out");
        }
        let mut first = [0; 12];
        std::io::Read::read_exact(&mut stream, &mut first).expect("an answer");
        String::from_utf8_lossy(&first).into_owned()
    });
    assert_eq!(answered.await.expect("a client"), "HTTP/1.1 200");
    treasure.is_there(&site).await;
}

async fn clients_that_leave_take_nothing_with_them(backend: Backend) {
    let site = Site::start(backend, &[]).await;
    let treasure = Treasure::bury(&site).await;
    let user = site.user().await;
    site.upstream.script(
        "echo",
        Script::stream()
            .role()
            .say("slow ")
            .wait(Duration::from_millis(700))
            .say("reply")
            .finish("stop")
            .done()
            .end(),
    );
    let token = format!("Token {}", user.token());
    let body = b"{\"content\":\"left behind\"}";
    let bytes = request(
        "POST",
        "/api/chats/",
        &[("Authorization", &token), ("Content-Type", "application/json")],
        body,
    );
    {
        let mut stream =
            TcpStream::connect(site.server.base_url().trim_start_matches("http://")).expect("a connection");
        stream.write_all(&bytes).expect("the request goes out");
        assert!(site.upstream.at_least_calls("echo", 1, PATIENCE).await, "the turn has begun");
    }
    // The connection is closed, and the reply comes to its end all the same.
    until("the reply is whole", || async { user.chats().await[0]["conversation"][0]["Bot"] == "slow reply" })
        .await;
    assert_eq!(site.prompts_for("left behind").len(), 1);
    site.upstream.script_each("echo", Vec::new());
    // Many that connect and leave at every stage of a request.
    let base = site.server.base_url();
    let address = base.trim_start_matches("http://").to_owned();
    let leaving = tokio::task::spawn_blocking(move || {
        for cut in (0..bytes.len()).step_by(7) {
            let mut stream = TcpStream::connect(&address).expect("a connection");
            stream.write_all(&bytes[..cut]).expect("a part goes out");
        }
    });
    leaving.await.expect("they leave");
    let chats = user.chats().await;
    assert_eq!(chats[0]["conversation"].as_array().map(Vec::len), Some(1), "a part of a request is none");
    treasure.is_there(&site).await;
}
