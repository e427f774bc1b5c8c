//! A reader of server-sent events that sees every byte.

use crate::support::Http;
use maru_harness::server::http_client;
use serde_json::Value;
use std::collections::VecDeque;
use std::time::Duration;

/// One event, or a comment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    pub id: Option<String>,
    pub event: String,
    pub data: Value,
    pub comment: Option<String>,
}

impl Event {
    pub fn text(&self) -> &str {
        self.data["text"].as_str().unwrap_or_default()
    }
}

/// An open stream.
pub struct Stream {
    answer: reqwest::Response,
    bytes: Vec<u8>,
    ready: VecDeque<Event>,
    /// Every byte that came.
    pub all: Vec<u8>,
}

/// Asks with these headers and, if there is one, a body; the answer must be a stream.
pub async fn open(
    user: &Http,
    verb: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<Value>,
) -> Stream {
    let method = verb.parse().expect("a verb");
    let mut request = http_client(Duration::from_secs(120)).request(method, format!("{}{path}", user.base));
    request = request.header("Authorization", format!("Bearer {}", user.token()));
    request = request.header("Accept", "text/event-stream");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(body) = body {
        request = request.header("Content-Type", "application/json").body(body.to_string());
    }
    let answer = request.send().await.expect("an answer");
    Stream::of(answer, &format!("{verb} {path}"))
}

/// The events of a turn.
pub async fn turn(user: &Http, turn: &Value, after: Option<&str>) -> Stream {
    let path = format!("/v1/turns/{}/events", turn["id"].as_str().expect("a turn's id"));
    let headers: Vec<_> = after.iter().map(|after| ("Last-Event-ID", *after)).collect();
    open(user, "GET", &path, &headers, None).await
}

impl Stream {
    /// An answer, which must be a stream.
    pub fn of(answer: reqwest::Response, line: &str) -> Self {
        let headers = answer.headers().clone();
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert_eq!(answer.status().as_u16(), 200, "{line}");
        assert!(header("content-type").starts_with("text/event-stream"), "{headers:?}");
        assert_eq!((header("cache-control"), header("x-accel-buffering")), ("no-store", "no"));
        assert_eq!(header("x-request-id").len(), 32);
        Self { answer, bytes: Vec::new(), ready: VecDeque::new(), all: Vec::new() }
    }

    pub fn header(&self, name: &str) -> Option<String> {
        self.answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    }

    /// The next event or comment; `None` at the end.
    pub async fn any(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let chunk = tokio::time::timeout(Duration::from_secs(60), self.answer.chunk()).await;
            // A connection that the server cuts is an end, too.
            let chunk = chunk.expect("neither an event nor an end within a minute").ok()??;
            self.all.extend_from_slice(&chunk);
            self.bytes.extend_from_slice(&chunk);
            while let Some(end) = self.bytes.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = self.bytes.drain(..end + 2).collect();
                let block = String::from_utf8(block).expect("text");
                self.ready.extend(parsed(&block));
            }
        }
    }

    /// The next event that is no comment. Heartbeats are no reason to wait for ever.
    pub async fn next(&mut self) -> Option<Event> {
        for _ in 0..6 {
            match self.any().await? {
                Event { comment: Some(_), .. } => {}
                event => return Some(event),
            }
        }
        panic!("nothing but heartbeats after {}", String::from_utf8_lossy(&self.all));
    }

    /// The next event, which must be of this name.
    pub async fn named(&mut self, name: &str) -> Event {
        let event = self.next().await.unwrap_or_else(|| panic!("the stream ended before {name}"));
        assert_eq!(event.event, name, "{event:?}");
        event
    }

    /// Everything to the end.
    pub async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

fn parsed(block: &str) -> Option<Event> {
    let mut event = Event::default();
    let mut data = String::new();
    for line in block.lines().filter(|line| !line.is_empty()) {
        match line.split_once(": ").unwrap_or((line, "")) {
            ("id", id) => event.id = Some(id.to_owned()),
            ("event", name) => event.event = name.to_owned(),
            ("data", text) => data += text,
            ("", comment) => event.comment = Some(comment.to_owned()),
            _ => {}
        }
    }
    if data.is_empty() && event.comment.is_none() {
        return None;
    }
    event.data = serde_json::from_str(&data).unwrap_or_default();
    Some(event)
}

/// What a client has after these events: deltas are appended, a reset replaces.
pub fn text_of(events: &[Event], before: &str) -> String {
    events.iter().fold(before.to_owned(), |text, event| match event.event.as_str() {
        "delta" => text + event.text(),
        "reset" => event.text().to_owned(),
        _ => text,
    })
}
