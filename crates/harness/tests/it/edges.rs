//! What comes from hostile or broken clients: never 5xx, never a hang, the same process lives on, and nothing is lost.

mod bodies;
mod framing;
mod mutations;
mod numbers;
mod secrets;
mod slow;
mod texts;

use crate::support::{Http, Site};
use serde_json::Value;

/// Something of value in a server that is about to be ill-treated.
struct Treasure {
    pid: Option<u32>,
    owner: Http,
    before: Value,
}

impl Treasure {
    async fn bury(site: &Site) -> Self {
        let owner = site.user().await;
        owner.say("must not be lost").await.has_status(201);
        let before = owner.chats().await;
        Self { pid: site.server.pid(), owner, before }
    }

    /// The same process, the same messages, and it goes on.
    async fn is_there(&self, site: &Site) {
        site.http().get("/readyz").await.has_status(200);
        assert_eq!(self.owner.chats().await, self.before, "what was stored is there");
        let user = site.user().await;
        user.say("life goes on").await.has_status(201);
        assert_eq!(site.server.pid(), self.pid);
        let pid = self.pid.expect("a process");
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the same process lives");
        assert!(!stat.contains(") Z "), "{stat}");
        let panics = site.http().get("/metrics").await.text();
        let panics = panics.lines().find(|line| line.starts_with("maru_panics_total"));
        assert!(panics.is_none_or(|line| line.ends_with(" 0")), "{panics:?}");
        assert!(!site.server.log().contains("panicked at"), "a panic is in the log");
    }
}

/// A good request, as bytes.
fn request(verb: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("{verb} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    if !body.is_empty() {
        bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}
