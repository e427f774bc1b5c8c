//! A client of the token API (contract §1): typed where a test wants values, raw where it wants to look at the answer.

use crate::server::{Address, http_client};
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

/// The longest a request may take before its outcome is unknown.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The user as register and login show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Integer id.
    pub id: i64,
    /// Name.
    pub username: String,
    /// Address, or empty.
    pub email: String,
}

/// The answer of register and login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIn {
    /// A sentence.
    pub message: String,
    /// What goes behind `Authorization: Token`.
    pub token: String,
    /// Who.
    pub user: User,
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// UUID of the turn.
    pub message_id: String,
    /// The user's text.
    #[serde(rename = "You")]
    pub you: String,
    /// The reply's.
    #[serde(rename = "Bot")]
    pub bot: String,
    /// `25/10/2024 03:47:26`
    pub timestamp: String,
}

/// A chat, as sending (`session_identifier`) and listing (`session_id`) show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chat {
    /// Integer id.
    pub chat_id: i64,
    /// Whose.
    pub user_id: i64,
    /// All turns, oldest first.
    pub conversation: Vec<Turn>,
    /// When it began.
    pub start_time: String,
    /// When it was ended.
    pub end_time: Option<String>,
    /// UUID of the session.
    #[serde(alias = "session_identifier")]
    pub session_id: String,
}

/// The answer to ending a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// A sentence.
    pub message: String,
    /// When it began.
    pub start_time: String,
    /// When it was ended.
    pub end_time: String,
    /// UUID of the session.
    pub session_id: String,
}

/// The answer to editing and deleting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// A sentence.
    pub message: String,
}

/// An answer as it came, and as a `T` when it is one.
#[derive(Debug)]
pub struct Answer<T> {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body's bytes.
    pub body: Vec<u8>,
    shape: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Answer<T> {
    /// The body as what a success has.
    ///
    /// # Errors
    /// When the status is not 2xx, or the body has another shape; the message holds both.
    pub fn value(&self) -> Result<T, UnexpectedAnswer> {
        if !self.status.is_success() {
            return Err(UnexpectedAnswer(self.to_string()));
        }
        serde_json::from_slice(&self.body).map_err(|error| UnexpectedAnswer(format!("{self}: {error}")))
    }

    /// The body as any JSON; `null` when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header's text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl<T> fmt::Display for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

/// An answer that is not what the caller asked for.
#[derive(Debug)]
pub struct UnexpectedAnswer(String);

impl fmt::Display for UnexpectedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unexpected answer: {}", self.0)
    }
}

impl std::error::Error for UnexpectedAnswer {}

/// A request that got no answer, or the answer it got.
pub type Asked<T> = Result<Answer<T>, reqwest::Error>;

/// A client of the token API, with or without a token.
#[derive(Clone, Debug)]
pub struct TokenChats {
    http: reqwest::Client,
    address: Address,
    token: Option<String>,
}

impl TokenChats {
    /// A client without a token.
    pub fn new(address: impl Into<Address>) -> Self {
        Self { http: http_client(TIMEOUT), address: address.into(), token: None }
    }

    /// The same client with `token`.
    #[must_use]
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    /// The token it sends.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Registers a user and returns a client with the user's token.
    ///
    /// # Errors
    /// When that did not work, for whatever reason.
    pub async fn signed_up(
        address: impl Into<Address>,
        username: &str,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let client = Self::new(address);
        let answer = client
            .register(username, &format!("{username}@example.com"), "correct horse battery", None)
            .await?;
        Ok(client.with_token(answer.value()?.token))
    }

    /// POST `/api/register/`
    ///
    /// # Errors
    /// Without an answer.
    pub async fn register(
        &self,
        username: &str,
        email: &str,
        password: &str,
        key: Option<&str>,
    ) -> Asked<SignedIn> {
        let body = json!({"username": username, "email": email, "password": password});
        self.request(Method::POST, "/api/register/", Some(&body), key).await
    }

    /// POST `/api/login/`
    ///
    /// # Errors
    /// Without an answer.
    pub async fn login(&self, username: &str, password: &str, key: Option<&str>) -> Asked<SignedIn> {
        let body = json!({"username": username, "password": password});
        self.request(Method::POST, "/api/login/", Some(&body), key).await
    }

    /// GET `/api/test_token/`
    ///
    /// # Errors
    /// Without an answer.
    pub async fn test_token(&self) -> Asked<Vec<String>> {
        self.request(Method::GET, "/api/test_token/", None, None).await
    }

    /// POST `/api/chats/`: a message into the current session, or into a new one.
    ///
    /// # Errors
    /// Without an answer.
    pub async fn send(&self, content: &str, key: Option<&str>) -> Asked<Chat> {
        self.request(Method::POST, "/api/chats/", Some(&json!({"content": content})), key).await
    }

    /// POST `/api/chats/` with `end_session`.
    ///
    /// # Errors
    /// Without an answer.
    pub async fn end(&self, content: &str, key: Option<&str>) -> Asked<Ended> {
        let body = json!({"content": content, "end_session": true});
        self.request(Method::POST, "/api/chats/", Some(&body), key).await
    }

    /// GET `/api/chats/`, or one session of it.
    ///
    /// # Errors
    /// Without an answer.
    pub async fn list(&self, session_id: Option<&str>) -> Asked<Vec<Chat>> {
        let path =
            session_id.map_or_else(|| "/api/chats/".to_owned(), |id| format!("/api/chats/?session_id={id}"));
        self.request(Method::GET, &path, None, None).await
    }

    /// PATCH `/api/chats/{chat_id}/messages/{message_id}/`
    ///
    /// # Errors
    /// Without an answer.
    pub async fn edit(&self, chat_id: i64, message_id: &str, content: &str) -> Asked<Done> {
        let path = format!("/api/chats/{chat_id}/messages/{message_id}/");
        self.request(Method::PATCH, &path, Some(&json!({"content": content})), None).await
    }

    /// DELETE `/api/chats/{chat_id}/`
    ///
    /// # Errors
    /// Without an answer.
    pub async fn delete(&self, chat_id: i64) -> Asked<Done> {
        self.request(Method::DELETE, &format!("/api/chats/{chat_id}/"), None, None).await
    }

    /// Any other request with this client's token, also to other contracts.
    ///
    /// # Errors
    /// Without an answer.
    pub async fn request<T>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Asked<T> {
        let mut request = self.http.request(method, format!("{}{path}", self.address.url()));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Token {token}"));
        }
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        Ok(Answer { status, headers, body: answer.bytes().await?.to_vec(), shape: PhantomData })
    }
}
