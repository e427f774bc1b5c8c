//! A model behind OpenAI's chat completions protocol, wherever its server is.
//!
//! From async-openai come the request types and the configuration (address, key, headers). Its own
//! call is not used: it retries by itself, and its stream is a spawned task that fills an unbounded
//! channel through a parser without a limit, so that a hostile server could fill our memory. The
//! answer is read here instead, with `sse-stream` behind a byte counter.

mod answer;
mod client;
mod fault;
mod read;

use crate::registry::LlmError;
use async_openai::config::{Config, OpenAIConfig};
use async_openai::types::chat::{
    ChatCompletionRequestAssistantMessage, ChatCompletionRequestMessage, ChatCompletionRequestSystemMessage,
    ChatCompletionRequestUserMessage, ChatCompletionStreamOptions, CreateChatCompletionRequest,
};
use async_trait::async_trait;
use futures_util::StreamExt;
use maru_domain::messages::Role;
use maru_domain::turns::ports::{ChatModel, ModelError, ModelFault, Pieces};
use maru_domain::turns::{Prompt, Sampling};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;
use tracing::field::Empty;
use tracing::{Instrument, Span};

pub(crate) use client::client;

/// What an answer may cost us, whatever the server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes between two events of a stream; default 1 MiB.
    pub event: usize,
    /// Bytes of text in an answer; default 4 MiB.
    pub answer: usize,
    /// Bytes of a whole answer on the wire; default 128 MiB. An event of one token takes some 300 bytes.
    pub stream: u64,
    /// How long the usage is waited for after the model has said that it is done; default 2 s.
    pub after_finish: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { event: 1 << 20, answer: 4 << 20, stream: 128 << 20, after_finish: Duration::from_secs(2) }
    }
}

/// Asked within the span of a call: the headers that carry its trace to the provider.
pub type TraceHeaders = Option<fn() -> Vec<(String, String)>>;

/// One model of one provider.
#[derive(Clone, Debug)]
pub struct OpenAiSettings {
    /// What the provider is called in our settings and log.
    pub name: String,
    /// Where its API is, with the version: `https://api.openai.com/v1`.
    pub base_url: String,
    /// The key; servers on the own machine mostly need none.
    pub api_key: Option<SecretString>,
    /// The model's name at the provider.
    pub model: String,
    /// How long a connection may take, with name lookup and TLS; default 5 s.
    pub connect_timeout: Duration,
    /// What an answer may cost us.
    pub limits: Limits,
    /// What tells the provider which span asks it.
    pub trace: TraceHeaders,
}

impl OpenAiSettings {
    /// Settings with the default limits and no key.
    #[must_use]
    pub fn new(name: impl Into<String>, base_url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            base_url: base_url.into(),
            api_key: None,
            model: model.into(),
            connect_timeout: Duration::from_secs(5),
            limits: Limits::default(),
            trace: None,
        }
    }
}

/// A model behind OpenAI's protocol. Has no time limit but that of the connection: wrap it in a
/// [`Guard`](crate::Guard).
#[derive(Clone)]
pub struct OpenAi {
    http: reqwest::Client,
    url: reqwest::Url,
    headers: HeaderMap,
    name: String,
    model: String,
    limits: Limits,
    trace: TraceHeaders,
    key: Arc<Option<SecretString>>,
}

impl OpenAi {
    /// A model with a connection pool of its own.
    ///
    /// # Errors
    /// When the address or the key cannot be used.
    pub fn new(settings: OpenAiSettings) -> Result<Self, LlmError> {
        let http = client(settings.connect_timeout)?;
        Self::with_client(http, settings)
    }

    /// A model that shares a connection pool with others; `connect_timeout` is the pool's.
    pub(crate) fn with_client(http: reqwest::Client, settings: OpenAiSettings) -> Result<Self, LlmError> {
        let OpenAiSettings { name, base_url, api_key, model, limits, trace, .. } = settings;
        let base = client::checked_base(&name, &base_url)?;
        let secret = api_key.as_ref().map_or("", |key| key.expose_secret());
        // Checked before async-openai sees it: its headers() panics on a key with a line feed.
        if HeaderValue::from_str(secret).is_err() {
            return Err(LlmError::Key { provider: name });
        }
        // Organisation and project would otherwise come from the environment, for every provider.
        let config =
            OpenAIConfig::new().with_api_base(base).with_api_key(secret).with_org_id("").with_project_id("");
        let url = config.url("/chat/completions");
        let url = reqwest::Url::parse(&url).map_err(|_| LlmError::BaseUrl { provider: name.clone() })?;
        let mut headers = config.headers();
        if secret.is_empty() {
            headers.remove(AUTHORIZATION);
        }
        if let Some(key) = headers.get_mut(AUTHORIZATION) {
            key.set_sensitive(true);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream, application/json"));
        // Nothing here inflates, so nothing compressed is asked for.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        Ok(Self { http, url, headers, name, model, limits, trace, key: Arc::new(api_key) })
    }

    /// The request of a prompt: the system prompt, then what was said, oldest first.
    fn request(&self, prompt: Prompt) -> CreateChatCompletionRequest {
        let system = prompt.system.map(|text| message(Role::System, text));
        let said = prompt.messages.into_iter();
        // A reply that was stopped before its first word is nothing to a model; some refuse it.
        let said = said.filter(|said| said.role != Role::Assistant || !said.content.is_empty());
        let messages = system.into_iter().chain(said.map(|said| message(said.role, said.content)));
        CreateChatCompletionRequest {
            model: self.model.clone(),
            messages: messages.collect(),
            stream: Some(true),
            stream_options: Some(ChatCompletionStreamOptions {
                include_usage: Some(true),
                include_obfuscation: None,
            }),
            ..CreateChatCompletionRequest::default()
        }
    }
}

/// A request with how the model is to choose its words. The domain calls these as the protocol does.
#[derive(serde::Serialize)]
struct Asked {
    #[serde(flatten)]
    request: CreateChatCompletionRequest,
    #[serde(flatten)]
    sampling: Sampling,
}

#[async_trait]
impl ChatModel for OpenAi {
    async fn reply(&self, prompt: Prompt) -> Result<Pieces, ModelError> {
        let span = tracing::info_span!(
            "upstream",
            otel.kind = "client",
            otel.status_code = Empty,
            provider = self.name,
            model = self.model
        );
        let pieces = self.ask(prompt).instrument(span.clone()).await;
        let failed = |span: &Span| {
            span.record("otel.status_code", "ERROR");
        };
        let pieces = pieces.inspect_err(|_| failed(&span))?;
        // The call lasts for as long as its answer is read.
        let told = pieces.inspect(move |piece| {
            if piece.is_err() {
                failed(&span);
            }
        });
        Ok(told.boxed())
    }
}

impl OpenAi {
    async fn ask(&self, prompt: Prompt) -> Result<Pieces, ModelError> {
        let (turn, sampling) = (prompt.turn, prompt.sampling.clone());
        let body =
            serde_json::to_vec(&Asked { request: self.request(prompt), sampling }).map_err(|error| {
                ModelError::new(ModelFault::Refused, format!("the request cannot be written: {error}"))
            })?;
        tracing::debug!(provider = self.name, model = self.model, %turn, bytes = body.len(), "asking the model");
        let mut request = self
            .http
            .post(self.url.clone())
            .headers(self.headers.clone())
            // Appears in the provider's log, so that a reply can be found on both sides.
            .header("x-client-request-id", turn.to_string())
            .body(body);
        for (name, value) in self.trace.map(|headers| headers()).unwrap_or_default() {
            request = request.header(name, value);
        }
        let answer = request.send().await.map_err(|error| fault::of_sending(&error))?;
        let secret = self.key.as_ref().as_ref().map_or("", |key| key.expose_secret());
        read::pieces(answer, self.limits, secret).await
    }
}

fn message(role: Role, text: String) -> ChatCompletionRequestMessage {
    match role {
        Role::System => ChatCompletionRequestSystemMessage::from(text).into(),
        Role::User => ChatCompletionRequestUserMessage::from(text).into(),
        Role::Assistant => ChatCompletionRequestAssistantMessage {
            content: Some(text.into()),
            ..ChatCompletionRequestAssistantMessage::default()
        }
        .into(),
    }
}
