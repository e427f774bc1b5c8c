//! Who writes: messages one after the other, talk over a socket, and long replies that are read as they come.

use super::TOKENS;
use super::readers::{LOOK, Place, text};
use crate::ainfo_rooms::client::Socket;
use crate::support::name;
use maru_harness::history::{Kind, Op, Seen, Status};
use maru_testkit::upstream::Script;
use serde_json::{Value, json};
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

/// Every so many messages one wants a reply.
const REPLIES: usize = 8;

impl Place {
    /// Sends a message until it is acknowledged; answers what was.
    async fn send(&self, client: &str, body: &str, reply: bool) -> Value {
        let (key, wanted) = (name("key"), json!({"content": body, "reply": reply}));
        loop {
            let op = Op {
                key: Some(key.clone()),
                body: Some(body.to_owned()),
                ..self.op(Kind::Send, client, "v1")
            };
            let answer = self.user.post(&format!("{}/messages", self.path), &key, &wanted).await;
            let message = answer.as_ref().map(|answer| &answer["message"]);
            self.record(Op {
                status: if answer.is_some() { Status::Ok } else { Status::Info },
                id: message.map(|message| text(&message["id"])),
                seq: message.and_then(|message| message["seq"].as_u64()),
                ..op
            });
            if let Some(answer) = answer {
                return answer;
            }
        }
    }

    /// One message after the other.
    pub(super) async fn write(self, client: String) -> usize {
        let mut count = 0;
        while self.shared.goes_on() {
            self.send(&client, &format!("{client} says {count}"), count % REPLIES == 0).await;
            count += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        0
    }

    /// Talks over a socket, anew each time: it tells all that was said before, and then the reply.
    pub(super) async fn talk(self) -> usize {
        let mut count = 0;
        while self.shared.goes_on() {
            let client = format!("{}-socket", self.name);
            let body = format!("{client} says {count}");
            count += 1;
            let send = Op { body: Some(body.clone()), ..self.op(Kind::Send, &client, "socket") };
            let read = self.op(Kind::Read, &client, "socket");
            let told = self.converse(&body).await;
            let (past, reply) = told.unwrap_or_default();
            let status = if reply.is_some() { Status::Ok } else { Status::Info };
            self.record(Op { status, ..send });
            if let Some(reply) = reply {
                assert_eq!(reply, format!("reply to: {body}"));
                self.shared.saw(past.len());
                // The socket does not say how long after its opening the past was read.
                self.record(Op { seen: past, ..read });
            }
            tokio::time::sleep(LOOK).await;
        }
        0
    }

    /// What was said before, and the reply to one message; `None` for one that did not come.
    async fn converse(&self, body: &str) -> Option<(Vec<Seen>, Option<String>)> {
        let address = format!(
            "{}/ws/chat/{}/?token={}",
            self.user.place().replacen("http", "ws", 1),
            self.number,
            self.user.token
        );
        let mut socket = Socket::open(&address).await?;
        socket.try_ask(body).await?;
        let (mut past, mut pieces) = (Vec::new(), String::new());
        loop {
            let frame: Value = match socket.try_frame().await? {
                Message::Text(frame) => serde_json::from_str(&frame).expect("JSON"),
                Message::Close(_) => return None,
                _ => continue,
            };
            if let Some(said) = frame["message"].as_str() {
                if frame["role"] == "user" {
                    past.push(Seen { body: said.to_owned(), ..Seen::default() });
                } else if let Some(last) = past.iter_mut().rev().find(|seen| said.ends_with(&seen.body)) {
                    last.reply = Some(said.to_owned());
                    last.done = Some(true);
                }
                continue;
            }
            let Some(piece) = frame["response"].as_str() else { return Some((past, None)) };
            if frame["is_streaming"] == false {
                assert!(pieces.is_empty() || piece.starts_with(&pieces), "{pieces:?} against {piece:?}");
                return Some((past, Some(piece.to_owned())));
            }
            pieces += piece;
        }
    }

    /// Asks for long replies and reads each of them twice over, from either instance, by any number of streams.
    pub(super) async fn listen(self) -> usize {
        let (mut count, mut streams) = (0, 0);
        while self.shared.goes_on() {
            let answer = self.send("asker", &format!("{} asks {count}", self.name), true).await;
            count += 1;
            let events = format!("/v1/turns/{}/events", answer["turn"]["id"].as_str().expect("a turn"));
            let (one, other) = tokio::join!(self.stream_of(&events), self.stream_of(&events));
            let stored = self.user.get(events.trim_end_matches("/events")).await;
            let whole = Script::text_of_tokens(TOKENS);
            for read in [&one, &other] {
                assert_eq!(read.as_str(), stored["reply"].as_str().unwrap_or_default(), "{stored}");
            }
            match stored["status"].as_str() {
                Some("completed") => assert_eq!(one, whole),
                Some("interrupted") => assert!(whole.starts_with(&one), "{stored}"),
                _ => panic!("no such end: {stored}"),
            }
            streams += 2;
        }
        streams
    }

    /// The text of a turn, told in any number of pieces and connections.
    async fn stream_of(&self, path: &str) -> String {
        let (mut text, mut last) = (String::new(), None::<String>);
        loop {
            let Some(stream) = self.user.stream(path, last.as_deref()).await else { continue };
            let Some(mut stream) = stream else { panic!("{path}: no end was told, and nothing more comes") };
            while let Some(event) = stream.next().await {
                last = event.id.clone().or(last);
                self.shared.saw(1);
                match event.event.as_str() {
                    "delta" => text += event.text(),
                    "reset" => event.text().clone_into(&mut text),
                    _ => return text,
                }
            }
        }
    }
}
