//! Requests and their answers, to the byte.

use super::site::NOT_HANGING;
use futures_util::future::BoxFuture;
use maru_harness::server::http_client;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use std::fmt;

/// A client of one server, with or without a token.
#[derive(Clone)]
pub struct Http {
    client: reqwest::Client,
    pub base: String,
    pub token: Option<String>,
}

impl Http {
    pub fn to(base: &str) -> Self {
        Self { client: http_client(NOT_HANGING), base: base.to_owned(), token: None }
    }

    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    pub fn ask(&self, verb: &str, path: &str) -> Ask {
        let method = Method::from_bytes(verb.as_bytes()).expect("a verb");
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Token {token}"));
        }
        Ask { request, line: format!("{verb} {path}") }
    }

    pub fn get(&self, path: &str) -> Ask {
        self.ask("GET", path)
    }

    pub fn post(&self, path: &str) -> Ask {
        self.ask("POST", path)
    }

    /// A message into the current session.
    pub fn say(&self, content: &str) -> Ask {
        self.post("/api/chats/").json(&serde_json::json!({ "content": content }))
    }

    /// The end of the current session.
    pub fn end(&self) -> Ask {
        self.post("/api/chats/").json(&serde_json::json!({ "content": "bye", "end_session": true }))
    }

    pub fn edit(&self, chat: &Value, message: &Value, content: &str) -> Ask {
        let message = message.as_str().expect("a message id");
        let path = format!("/api/chats/{chat}/messages/{message}/");
        self.ask("PATCH", &path).json(&serde_json::json!({ "content": content }))
    }

    pub fn delete(&self, chat: &Value) -> Ask {
        self.ask("DELETE", &format!("/api/chats/{chat}/"))
    }

    /// All of the user's chats.
    pub async fn chats(&self) -> Value {
        let listed = self.get("/api/chats/").await;
        assert_eq!(listed.status, 200, "{listed}");
        listed.json()
    }
}

/// A request to be sent by `.await`.
pub struct Ask {
    request: RequestBuilder,
    line: String,
}

impl Ask {
    /// One more header of that name.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
        let value = HeaderValue::from_bytes(value.as_ref()).expect("a header's value");
        self.request = self.request.header(name, value);
        self
    }

    pub fn key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub fn body(mut self, content_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        if !content_type.is_empty() {
            self = self.header("Content-Type", content_type);
        }
        self.request = self.request.body(bytes.into());
        self
    }
}

impl IntoFuture for Ask {
    type Output = Reply;
    type IntoFuture = BoxFuture<'static, Reply>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let line = self.line;
            let answer = self.request.send().await.unwrap_or_else(|error| panic!("{line}: {error:?}"));
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            let body = answer.bytes().await.unwrap_or_else(|error| panic!("{line}: {error:?}")).to_vec();
            Reply { line, status, headers, body }
        })
    }
}

/// An answer as it came.
#[derive(Clone)]
pub struct Reply {
    pub line: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{self}: {error}"))
    }

    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// This status, this body to the byte, and JSON by its type.
    #[track_caller]
    pub fn is(&self, status: u16, body: &Value) -> &Self {
        assert_eq!((self.status, self.text()), (status, body.to_string()), "{}", self.line);
        assert_eq!(self.header("content-type").as_deref(), Some("application/json"), "{}", self.line);
        self.has_what_every_answer_has()
    }

    #[track_caller]
    pub fn has_status(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{self}");
        self.has_what_every_answer_has()
    }

    #[track_caller]
    pub fn has(&self, name: &str, value: &str) -> &Self {
        assert_eq!(self.header(name).as_deref(), Some(value), "{name} of {self}");
        self
    }

    #[track_caller]
    fn has_what_every_answer_has(&self) -> &Self {
        let id = self.header("x-request-id").unwrap_or_default();
        assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "X-Request-Id {id:?} of {self}");
        self.has("x-content-type-options", "nosniff");
        self.has("access-control-allow-origin", "*")
    }

    /// The text of one of its strings, for use in a path or a header.
    #[track_caller]
    pub fn string(&self, pointer: &str) -> String {
        let value = self.json();
        let text = value.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("{pointer} is no text in {self}")).to_owned()
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text();
        let shown: String = text.chars().take(600).collect();
        write!(f, "{} → {} {shown}", self.line, self.status)
    }
}
