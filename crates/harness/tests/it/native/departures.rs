//! Ten thousand readers that come and go leave nothing behind.

use super::{at, exchange, room};
use crate::support::{Backend, Site, for_both, until};
use serde_json::json;
use std::fs;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

for_both! { ten_thousand_connects_leave_nothing_behind }

/// What each may leave behind, in bytes: a tenth of what a stream holds while it is open.
const LEFT: usize = 2_000;
const CONNECTS: usize = 10_000;

async fn ten_thousand_connects_leave_nothing_behind(backend: Backend) {
    let site = Site::start(backend, &[]).await;
    let user = site.user().await;
    let made = room(&user, json!({})).await;
    exchange(&user, &made, "hello").await;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {}\r\nAccept: text/event-stream\r\n\r\n",
        at(&made, "/events"),
        user.token()
    );
    let pid = site.server.pid().expect("a server");
    // The first ones fill pools and buffers that stay.
    come_and_go(&site.server.base_url(), &request, CONNECTS / 10).await;
    let before = settled(pid, usize::MAX).await;
    come_and_go(&site.server.base_url(), &request, CONNECTS).await;
    let after = settled(pid, before.descriptors + 8).await;
    let grown = after.memory.saturating_sub(before.memory);
    assert!(grown < CONNECTS * LEFT, "grown by {grown} bytes");
    exchange(&user, &made, "still there?").await;
}

/// Opens streams, reads their beginning, and leaves without a word.
async fn come_and_go(base: &str, request: &str, times: usize) {
    let address = base.trim_start_matches("http://").to_owned();
    let mut readers = JoinSet::new();
    for _ in 0..20 {
        let (address, request) = (address.clone(), request.to_owned());
        readers.spawn(async move {
            for _ in 0..times / 20 {
                let mut stream = TcpStream::connect(&address).await.expect("a connection");
                stream.write_all(request.as_bytes()).await.expect("a request");
                let mut head = [0; 12];
                stream.read_exact(&mut head).await.expect("an answer");
                assert_eq!(&head, b"HTTP/1.1 200");
            }
        });
    }
    readers.join_all().await;
}

struct Held {
    descriptors: usize,
    memory: usize,
}

fn held(pid: u32) -> Held {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors").count();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    let resident: usize = resident.trim().trim_end_matches(" kB").parse().expect("a number");
    Held { descriptors, memory: resident * 1024 }
}

/// What the server holds once every reader that left was noticed.
async fn settled(pid: u32, descriptors: usize) -> Held {
    let mut last = usize::MAX;
    until("the connections of readers that left are closed", || {
        let now = held(pid).descriptors;
        let still = now == last && now <= descriptors;
        last = now;
        async move {
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            still
        }
    })
    .await;
    held(pid)
}
