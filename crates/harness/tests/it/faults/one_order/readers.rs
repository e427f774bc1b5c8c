//! Who is in the rooms: each has writers at both instances and a reader for each transport, and these read here.

use super::Shared;
use super::shaky::Shaky;
use maru_harness::history::{Event, Kind, Log, Op, Seen, Status};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinSet;

/// Writers of a room.
const WRITERS: usize = 2;
/// Between two looks of those who poll or read pages.
pub(super) const LOOK: Duration = Duration::from_millis(150);
/// How long a turn may take to end when all faults are over: a lease must run out, and be taken.
const SETTLED: Duration = Duration::from_secs(60);

/// Everybody who writes or reads.
pub struct Readers {
    shared: Arc<Shared>,
    writers: JoinSet<usize>,
    subscribers: JoinSet<Log>,
    readers: JoinSet<()>,
    rooms: Vec<(Shaky, String)>,
}

/// What readers have been told.
pub struct Told {
    pub logs: Vec<Log>,
    /// How many streams of turns were read to their end.
    pub streams: usize,
}

/// A room of one user.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) user: Shaky,
    /// The room's name in the history.
    pub(super) name: String,
    pub(super) path: String,
    pub(super) number: i64,
    pub(super) shared: Arc<Shared>,
}

impl Readers {
    pub fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
            writers: JoinSet::new(),
            subscribers: JoinSet::new(),
            readers: JoinSet::new(),
            rooms: Vec::new(),
        }
    }

    /// A room with many short messages, and sockets in it.
    pub async fn quick_room(&mut self, user: &Shaky, name: &str) {
        let place = self.open(user, name, "test/echo").await;
        for writer in 0..WRITERS {
            self.writers.spawn(place.clone().write(format!("{name}-w{writer}")));
        }
        self.writers.spawn(place.clone().talk());
        self.readers.spawn(place.read_pages());
    }

    /// A room with long replies, each told by two streams.
    pub async fn slow_room(&mut self, user: &Shaky, name: &str) {
        let place = self.open(user, name, "test/long").await;
        self.writers.spawn(place.clone().listen());
        self.readers.spawn(place.read_pages());
    }

    async fn open(&mut self, user: &Shaky, name: &str, model: &str) -> Place {
        let (key, body) = (format!("open-{name}"), json!({"name": name, "model": model}));
        let made = loop {
            if let Some(made) = user.post("/v1/rooms", &key, &body).await {
                break made;
            }
        };
        let place = Place {
            user: user.clone(),
            name: name.to_owned(),
            path: format!("/v1/rooms/{}", made["id"].as_str().expect("an id")),
            number: made["number"].as_i64().expect("a number"),
            shared: Arc::clone(&self.shared),
        };
        self.rooms.push((user.clone(), place.path.clone()));
        for reader in 0..2 {
            self.subscribers.spawn(place.clone().follow(format!("sse{reader}")));
        }
        self.subscribers.spawn(place.clone().poll());
        place
    }

    /// Lets the writers finish, waits until every turn has ended, and then for everybody who reads.
    pub async fn end(mut self) -> Told {
        self.shared.over.store(true, Ordering::SeqCst);
        let mut streams = 0;
        while let Some(done) = self.writers.join_next().await {
            streams += done.expect("a writer");
        }
        for (user, path) in &self.rooms {
            let all_ended = async {
                while !ended(&user.get(&format!("{path}/messages?limit=50&order=desc")).await) {
                    tokio::time::sleep(LOOK).await;
                }
            };
            tokio::time::timeout(SETTLED, all_ended).await.expect("every turn ends");
        }
        self.shared.quiet.store(true, Ordering::SeqCst);
        let mut logs = Vec::new();
        while let Some(log) = self.subscribers.join_next().await {
            logs.push(log.expect("a subscriber"));
        }
        while let Some(done) = self.readers.join_next().await {
            done.expect("a reader");
        }
        Told { logs, streams }
    }
}

fn ended(page: &Value) -> bool {
    let messages = page["data"].as_array().expect("a page");
    !messages.iter().any(|message| message["status"] == "pending" || message["status"] == "streaming")
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Place {
    pub(super) fn op(&self, op: Kind, client: &str, transport: &str) -> Op {
        Op {
            client: client.to_owned(),
            room: self.name.clone(),
            op,
            status: Status::Ok,
            transport: transport.to_owned(),
            t0: self.shared.history.now(),
            ..Op::default()
        }
    }

    pub(super) fn record(&self, op: Op) {
        self.shared.history.record(Op { t1: self.shared.history.now(), ..op });
    }

    fn what(event: &Value, kind: &str) -> String {
        let data = &event["data"];
        let said = if data["role"] == "user" { text(&data["content"]) } else { String::new() };
        format!("{kind} {} {said}", text(&data["id"])).trim_end().to_owned()
    }

    /// A person's message in the log.
    fn message(event: &Value, kind: &str) -> Option<Seen> {
        let data = &event["data"];
        (kind == "message.created" && data["role"] == "user").then(|| Seen {
            body: text(&data["content"]),
            id: Some(text(&data["id"])),
            seq: data["seq"].as_u64(),
            ..Seen::default()
        })
    }

    fn done(self, reader: &str, op: Op, events: Vec<Event>, seen: Vec<Seen>) -> Log {
        let stream = Some(reader.to_owned());
        self.record(Op { stream, seen, quiet: true, ..op });
        Log { room: self.name, reader: reader.to_owned(), events, complete: true }
    }

    /// The newest number of the room's log, once nothing happens any more.
    async fn head(&self) -> Option<u64> {
        if !self.shared.is_quiet() {
            return None;
        }
        let (mut last, mut more) = (0, true);
        while more {
            let page = self.user.get(&format!("{}/events?limit=200&after={last}", self.path)).await;
            last = page["data"].as_array()?.last().and_then(|event| event["seq"].as_u64()).unwrap_or(last);
            more = page["has_more"] == true;
        }
        Some(last)
    }

    /// The room's log as a stream that is cut off and taken up again, at either instance.
    async fn follow(self, reader: String) -> Log {
        let path = format!("{}/events", self.path);
        let op = self.op(Kind::Event, &reader, "v1");
        let (mut events, mut seen, mut last) = (Vec::<Event>::new(), Vec::new(), None::<String>);
        let mut head = None;
        while head.is_none_or(|head| events.last().is_none_or(|event| event.seq < head)) {
            let Some(Some(mut stream)) = self.user.stream(&path, last.as_deref()).await else { continue };
            loop {
                let next = tokio::time::timeout(Duration::from_secs(1), stream.next()).await;
                if head.is_none() {
                    head = self.head().await;
                }
                if let Ok(None) = next {
                    break;
                }
                if let Ok(Some(event)) = next {
                    self.shared.saw(1);
                    last.clone_from(&event.id);
                    let seq = event.id.as_deref().and_then(|id| id.parse().ok()).expect("a number");
                    events.push(Event { seq, what: Self::what(&event.data, &event.event) });
                    seen.extend(Self::message(&event.data, &event.event));
                }
                if head.is_some_and(|head| events.last().is_some_and(|event| event.seq >= head)) {
                    break;
                }
            }
        }
        self.done(&reader, op, events, seen)
    }

    /// The room's log as pages, asked for again and again.
    async fn poll(self) -> Log {
        let op = self.op(Kind::Event, "poll", "v1");
        let (mut events, mut seen, mut last) = (Vec::<Event>::new(), Vec::new(), 0);
        loop {
            let quiet = self.shared.is_quiet();
            let page = self.user.get(&format!("{}/events?limit=100&after={last}", self.path)).await;
            let told = page["data"].as_array().expect("a page");
            self.shared.saw(told.len());
            for event in told {
                last = event["seq"].as_u64().expect("a number");
                let kind = text(&event["type"]);
                events.push(Event { seq: last, what: Self::what(event, &kind) });
                seen.extend(Self::message(event, &kind));
            }
            if told.is_empty() && quiet {
                return self.done("poll", op, events, seen);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The whole room by pages of messages, at either instance, again and again.
    async fn read_pages(self) {
        loop {
            let quiet = self.shared.is_quiet();
            let read = self.op(Kind::Read, "pages", "v1");
            let (mut seen, mut replies, mut path) = (Vec::new(), HashMap::new(), String::new());
            loop {
                let page = self.user.get(&format!("{}/messages?limit=200{path}", self.path)).await;
                for message in page["data"].as_array().expect("a page") {
                    self.shared.saw(1);
                    let turn = text(&message["turn_id"]);
                    if message["role"] == "user" {
                        let seen_now = Seen {
                            body: text(&message["content"]),
                            id: Some(text(&message["id"])),
                            seq: message["seq"].as_u64(),
                            ..Seen::default()
                        };
                        seen.push((turn, seen_now));
                    } else {
                        let done = message["status"] != "pending" && message["status"] != "streaming";
                        replies.insert(turn, (text(&message["content"]), done));
                    }
                }
                match page["next"].as_str() {
                    Some(cursor) => path = format!("&after={cursor}"),
                    None => break,
                }
            }
            let seen = seen.into_iter().map(|(turn, seen)| match replies.remove(&turn) {
                Some((reply, true)) => Seen { reply: Some(reply), done: Some(true), ..seen },
                Some((_, false)) => Seen { done: Some(false), ..seen },
                None => seen,
            });
            let seen = seen.collect();
            self.record(Op { seen, quiet, ..read });
            if quiet {
                return;
            }
            // Each read shows all that there is: more of them would outnumber what is told piece by piece.
            tokio::time::sleep(LOOK * 3).await;
        }
    }
}
