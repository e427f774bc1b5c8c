//! Readers that take nothing (design §4): dropped within a minute, and nobody else notices.

use super::client::{Socket, open, say};
use crate::support::{Backend, Http, Site, for_both};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

for_both! { a_reader_that_takes_nothing_is_dropped }

/// The promise is a minute; the rest is for a busy machine.
const DROPPED: Duration = Duration::from_secs(75);

/// A socket that nobody reads.
fn stall(user: &Http, room: &Value) -> TcpStream {
    let mut stream = TcpStream::connect(user.base.trim_start_matches("http://")).expect("a connection");
    let request = format!(
        "GET /ws/chat/{}/?token={} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        room["id"],
        user.token()
    );
    stream.write_all(request.as_bytes()).expect("the server reads");
    stream
}

/// What `/metrics` counts as open.
async fn open_sockets(site: &Site) -> Option<String> {
    let shown = site.http().get("/metrics").await.text();
    shown.lines().find_map(|line| line.strip_prefix("maru_sockets_open ")).map(str::to_owned)
}

async fn a_reader_that_takes_nothing_is_dropped(backend: Backend) {
    let site = Site::start(backend, &[]).await;
    let user = site.user().await;
    // More than any system keeps for a reader.
    let long = open(&user, "long").await;
    let text = "가".repeat(32_000);
    let path = format!("/v1/rooms/{}/messages", long["id"]);
    for _ in 0..150 {
        user.post(&path).json(&json!({ "content": text, "reply": false })).await.has_status(201);
    }
    let whole = 150 * text.len();
    let short = open(&user, "short").await;
    let began = Instant::now();
    // One stops in the middle of its past; to the other nothing is sent but pings.
    let (busy, silent) = (stall(&user, &long), stall(&user, &short));
    while open_sockets(&site).await.as_deref() != Some("2") {
        assert!(began.elapsed() < DROPPED, "they were not opened");
    }
    // Meanwhile the others talk.
    assert_eq!(say(&user, &short, "안녕").await, "reply to: 안녕");
    let mut other = Socket::to(&user, &short).await;
    other.json().await;
    while open_sockets(&site).await.as_deref() != Some("1") {
        assert!(began.elapsed() < DROPPED, "they are still open: {:?}", open_sockets(&site).await);
        // Reads and answers pings, as a client that is there does.
        let answered = tokio::time::timeout(Duration::from_millis(500), other.frame()).await;
        assert!(!matches!(answered, Ok(None)), "the good client was dropped");
    }
    for (stream, most) in [(busy, whole), (silent, 10_000)] {
        let read = tokio::task::spawn_blocking(move || drained(stream)).await.expect("a reader");
        assert!(read < most, "{read} bytes");
    }
    other.ask("아직").await;
}

/// Reads to the end of the connection, which must come; answers how much there was.
fn drained(mut stream: TcpStream) -> usize {
    stream.set_read_timeout(Some(Duration::from_secs(45))).expect("a time limit");
    let (mut chunk, mut read) = (vec![0; 64 * 1024], 0);
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return read,
            Ok(n) => read += n,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("the connection is still open")
            }
            Err(_) => return read,
        }
    }
}
