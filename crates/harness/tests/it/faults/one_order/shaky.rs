//! A client that expects nothing of its connections: it asks either instance, and again.

use crate::native::sse::Stream;
use crate::support::Dice;
use maru_harness::server::http_client;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Before it asks again.
const AGAIN: Duration = Duration::from_millis(50);
/// For an answer of an instance that may be frozen.
const ANSWER: Duration = Duration::from_secs(20);

/// One user at both instances.
#[derive(Clone)]
pub struct Shaky {
    client: reqwest::Client,
    streams: reqwest::Client,
    places: Vec<String>,
    pub token: String,
    dice: Arc<Mutex<Dice>>,
}

impl Shaky {
    pub fn of(places: Vec<String>, token: &str) -> Self {
        let seed = token.bytes().fold(7, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
        let dice = Arc::new(Mutex::new(Dice(seed)));
        let (client, streams) = (http_client(ANSWER), http_client(Duration::from_secs(600)));
        Self { client, streams, places, token: token.to_owned(), dice }
    }

    /// One of the two, by chance.
    pub fn place(&self) -> String {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner).pick(&self.places).clone()
    }

    async fn once(
        &self,
        verb: &str,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> Option<(u16, Value)> {
        let mut request =
            self.client.request(verb.parse().expect("a verb"), format!("{}{path}", self.place()));
        request = request.header("Authorization", format!("Bearer {}", self.token));
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, serde_json::from_slice(&answer.bytes().await.ok()?).unwrap_or_default()))
    }

    /// What is there, however often it takes to be told.
    pub async fn get(&self, path: &str) -> Value {
        loop {
            match self.once("GET", path, None, None).await {
                Some((200, found)) => return found,
                Some((status, answer)) if status < 500 => panic!("GET {path} → {status} {answer}"),
                _ => tokio::time::sleep(AGAIN).await,
            }
        }
    }

    /// One try to send: the answer, if there is one. Nothing may be refused for good.
    pub async fn post(&self, path: &str, key: &str, body: &Value) -> Option<Value> {
        match self.once("POST", path, Some(key), Some(body)).await {
            Some((200 | 201, answer)) => Some(answer),
            Some((status, answer)) if status < 500 && status != 429 => {
                panic!("POST {path} {body} → {status} {answer}")
            }
            _ => {
                tokio::time::sleep(AGAIN).await;
                None
            }
        }
    }

    /// A stream that goes on after an event; `None` when the connection or the server does not, `Some(None)` when there
    /// is nothing more to tell.
    pub async fn stream(&self, path: &str, after: Option<&str>) -> Option<Option<Stream>> {
        let mut request = self.streams.get(format!("{}{path}", self.place()));
        request = request.header("Authorization", format!("Bearer {}", self.token));
        request = request.header("Accept", "text/event-stream");
        if let Some(after) = after {
            request = request.header("Last-Event-ID", after);
        }
        let answer = tokio::time::timeout(ANSWER, request.send()).await;
        match answer.ok().and_then(Result::ok) {
            Some(answer) if answer.status() == 204 => Some(None),
            Some(answer) if answer.status() == 200 => Some(Some(Stream::of(answer, path))),
            Some(answer) if answer.status().is_client_error() => panic!("{path} → {}", answer.status()),
            _ => {
                tokio::time::sleep(AGAIN).await;
                None
            }
        }
    }
}
