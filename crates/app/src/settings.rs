//! Settings: commented defaults inside the binary, then a file, then the environment, then flags.
//! Unknown keys and bad values stop the start, one clear line each.

mod check;
mod fit;
mod load;
mod others;
mod types;

pub use load::{Overrides, load};
pub use types::{Addresses, Anonymous, Durable, Hidden, LogFormat, RedisUrl, Span, Words, Zone};

use maru_store::Location;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The commented defaults.
pub const DEFAULTS: &str = include_str!("defaults.toml");

/// Everything that can be set.
#[derive(Clone, Debug, Serialize)]
pub struct Settings {
    /// The web server.
    pub server: ServerSettings,
    /// The database.
    pub store: StoreSettings,
    /// What instances share.
    pub redis: RedisSettings,
    /// Who answers.
    pub llm: LlmSettings,
    /// Who may come in.
    pub auth: AuthSettings,
    /// How often.
    pub limits: LimitSettings,
    /// Zones.
    pub time: TimeSettings,
    /// Logs.
    pub log: LogSettings,
    /// Traces.
    pub telemetry: TelemetrySettings,
}

/// `[server]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    /// Where to listen.
    #[serde(deserialize_with = "types::socket")]
    pub bind: SocketAddr,
    /// Threads that serve requests; 0 means one per core.
    pub workers: usize,
    /// The largest body, in bytes.
    pub body_limit: usize,
    /// How long a body may take to arrive.
    pub body_timeout: Span,
    /// MiB of finished pages that this process keeps.
    pub page_cache_mib: u64,
    /// Origins that browsers may call from.
    pub cors_origins: Words,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Addresses,
    /// How long to go on accepting after SIGTERM.
    pub drain_delay: Span,
    /// How long running replies may take to end after it.
    pub drain_timeout: Span,
}

/// `[store]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreSettings {
    /// Which database.
    pub url: Hidden,
    /// When a commit counts as done, on SQLite.
    pub durability: Durable,
    /// How many connections, on PostgreSQL.
    pub pool_size: usize,
    /// Copy a SQLite file that holds something before it is migrated.
    pub migration_backup: bool,
}

/// `[redis]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisSettings {
    /// Which Redis; empty for none.
    pub url: types::RedisUrl,
    /// What every key begins with.
    pub prefix: String,
    /// How long a command may take.
    pub timeout: Span,
    /// Keep rooms where LangChain reads them.
    pub langchain_memory: bool,
    /// In which database of the server.
    pub langchain_database: u8,
    /// What the name of a room's list begins with.
    pub langchain_prefix: String,
}

/// `[llm]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LlmSettings {
    /// Who answers when nothing else is named.
    pub model: String,
    /// How many messages the model is told.
    pub history_messages: usize,
    /// How many characters of messages it is told.
    pub history_chars: usize,
    /// Patience with a connection.
    pub connect_timeout: Span,
    /// Patience with the first token.
    pub first_token_timeout: Span,
    /// Patience between tokens.
    pub idle_timeout: Span,
    /// Patience with a whole reply.
    pub total_timeout: Span,
    /// Replies at a time from one provider.
    pub concurrency: usize,
    /// How long the demo model pauses before each word.
    pub demo_delay: Span,
    /// Models of this process.
    pub local: LocalSettings,
    /// The providers by name.
    pub providers: BTreeMap<String, ProviderSettings>,
}

/// `[llm.providers.<name>]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderSettings {
    /// `openai`, or `local` and `t5` for models of this process.
    #[serde(default = "openai")]
    pub kind: String,
    /// Where it is.
    #[serde(default)]
    pub base_url: String,
    /// What it wants to see.
    #[serde(default)]
    pub api_key: Hidden,
    /// The models it has; empty for any.
    #[serde(default)]
    pub models: Words,
    /// Where models of this process lie.
    #[serde(default)]
    pub path: PathBuf,
}

/// `[llm.local]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalSettings {
    /// Where the catalogue's models lie; empty: in the data directory.
    pub folder: PathBuf,
    /// Threads that compute.
    pub threads: usize,
    /// The longest conversation, in tokens.
    pub context: usize,
    /// The longest reply, in tokens.
    pub max_tokens: usize,
    /// Conversations that are answered at once.
    pub at_once: usize,
    /// MiB of keys and values that are kept.
    pub cache_mib: usize,
    /// How free the choice of words is.
    pub temperature: f32,
    /// How much of the likely words is drawn from.
    pub top_p: f32,
    /// How much less likely what was said lately is.
    pub repeat_penalty: f32,
    /// T5: replies that are followed at once.
    pub t5_beams: usize,
    /// T5: no so many tokens in a row twice.
    pub t5_no_repeat: usize,
    /// T5: the longest reply, in tokens.
    pub t5_max_tokens: usize,
    /// T5: above 0, words are drawn.
    pub t5_temperature: f32,
}

fn openai() -> String {
    "openai".to_owned()
}

/// `[auth]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthSettings {
    /// What session tokens are signed with; empty for one that is made.
    pub secret: Hidden,
    /// Who may use the open contracts without a token.
    pub anonymous: Anonymous,
    /// How long a login lasts.
    pub token_ttl: Span,
}

/// `[limits]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitSettings {
    /// Registrations an hour from one address.
    pub registrations_per_hour: usize,
    /// Failed logins in a row before each further try waits.
    pub free_logins: u32,
    /// Requests a minute and API key; 0 for no limit.
    pub requests_per_key: u32,
}

/// `[time]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeSettings {
    /// The zone of pages and local times.
    pub zone: Zone,
    /// The zone of the token API's GET answers.
    pub token_chats_zone: Zone,
}

/// `[log]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    /// For people or for machines.
    pub format: LogFormat,
    /// How much.
    pub level: String,
}

/// `[telemetry]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetrySettings {
    /// The collector; empty for none.
    pub otlp_endpoint: String,
    /// What this service is called there.
    pub service_name: String,
}

impl Settings {
    /// Which database.
    ///
    /// # Errors
    /// When the URL is of neither kind.
    pub fn location(&self) -> Result<Location, maru_store::OpenError> {
        Location::parse(self.store.url.expose())
    }

    /// Which Redis, if one is set.
    #[must_use]
    pub fn redis_url(&self) -> Option<&str> {
        Some(self.redis.url.expose()).filter(|url| !url.is_empty())
    }

    /// True when the open contracts may be used without a token (contract §0.3).
    #[must_use]
    pub fn allows_anonymous(&self) -> bool {
        match self.auth.anonymous {
            Anonymous::Allow => true,
            Anonymous::Deny => false,
            Anonymous::Loopback => self.server.bind.ip().to_canonical().is_loopback(),
        }
    }

    /// Where the catalogue's models lie.
    #[must_use]
    pub fn model_dir(&self) -> PathBuf {
        let folder = &self.llm.local.folder;
        if folder.as_os_str().is_empty() { self.data_dir().join("models") } else { folder.clone() }
    }

    /// Where files of maru's own lie: beside the SQLite file, else `./data`.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        match self.location() {
            Ok(Location::Sqlite(path)) => path
                .parent()
                .filter(|dir| !dir.as_os_str().is_empty())
                .map_or_else(|| PathBuf::from("."), Into::into),
            _ => PathBuf::from("./data"),
        }
    }
}
