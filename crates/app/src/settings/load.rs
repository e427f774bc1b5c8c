//! Reading the settings from their four places, and saying everything that is wrong with them.

use super::{
    AuthSettings, Hidden, LimitSettings, LlmSettings, LogSettings, ProviderSettings, ServerSettings, Settings,
};
use super::{DEFAULTS, StoreSettings, TimeSettings, Words};
use config::{Config, Environment, File, FileFormat, Map, Value, ValueKind};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--config FILE`; without it `./maru.toml` is read if it is there.
    pub config: Option<PathBuf>,
    /// `--bind ADDRESS`
    pub bind: Option<String>,
    /// `--store URL`
    pub store: Option<String>,
    /// `--redis URL`
    pub redis: Option<String>,
    /// `--model NAME`
    pub model: Option<String>,
}

/// Where a provider is when nothing else is said.
const OPENAI: &str = "https://api.openai.com/v1";

/// Reads the settings.
///
/// # Errors
/// One line for each thing that is wrong, all of them at once.
pub fn load(overrides: &Overrides) -> Result<Settings, Vec<String>> {
    // What is no text in the environment is not ours; `vars` would panic on it.
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    load_from(overrides, std::env::vars_os().filter_map(text).collect())
}

fn load_from(overrides: &Overrides, environment: Map<String, String>) -> Result<Settings, Vec<String>> {
    let merged = merge(overrides, &environment).map_err(|error| vec![error])?;
    let mut wrong = unknown_keys(&merged);
    let settings = (
        section::<ServerSettings>(&merged, "server", &mut wrong),
        section::<StoreSettings>(&merged, "store", &mut wrong),
        section::<LlmSettings>(&merged, "llm", &mut wrong),
        section::<AuthSettings>(&merged, "auth", &mut wrong),
        section::<LimitSettings>(&merged, "limits", &mut wrong),
        section::<TimeSettings>(&merged, "time", &mut wrong),
        section::<LogSettings>(&merged, "log", &mut wrong),
    );
    let (Some(server), Some(store), Some(mut llm), Some(auth), Some(limits), Some(time), Some(log)) =
        settings
    else {
        return Err(wrong);
    };
    add_openai(&mut llm, &environment);
    check(&server, &store, &llm, &auth, &mut wrong);
    if wrong.is_empty() { Ok(Settings { server, store, llm, auth, limits, time, log }) } else { Err(wrong) }
}

fn merge(overrides: &Overrides, environment: &Map<String, String>) -> Result<Config, String> {
    let mut builder = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
    builder = match &overrides.config {
        Some(path) => builder.add_source(File::from(path.as_path()).format(FileFormat::Toml).required(true)),
        None => builder.add_source(File::new("maru.toml", FileFormat::Toml).required(false)),
    };
    let ours = environment.iter().filter(|(key, _)| key.starts_with("MARU__"));
    let ours = ours.map(|(key, value)| (key.clone(), value.clone())).collect();
    let source = Environment::with_prefix("MARU").prefix_separator("__").separator("__").source(Some(ours));
    builder = builder.add_source(source);
    let flags = [
        ("server.bind", &overrides.bind),
        ("store.url", &overrides.store),
        ("redis.url", &overrides.redis),
        ("llm.model", &overrides.model),
    ];
    for (key, value) in flags {
        builder = builder.set_override_option(key, value.clone()).map_err(|error| error.to_string())?;
    }
    builder.build().map_err(|error| error.to_string())
}

/// Keys that no setting has. A misspelt setting must not be ignored.
fn unknown_keys(merged: &Config) -> Vec<String> {
    let known: BTreeSet<String> = Config::builder()
        .add_source(File::from_str(DEFAULTS, FileFormat::Toml))
        .build()
        .map(|defaults| leaves(&defaults.cache, ""))
        .unwrap_or_default()
        .into_iter()
        .collect();
    let mut wrong = Vec::new();
    for key in leaves(&merged.cache, "") {
        if key == "redis.url" {
            wrong.push(
                "redis.url: this version runs as one instance and uses no Redis; leave it out".to_owned(),
            );
        } else if !known.contains(&key) && !key.starts_with("llm.providers.") {
            wrong.push(format!("{key}: there is no such setting{}", nearest(&key, &known)));
        }
    }
    wrong
}

fn nearest(key: &str, known: &BTreeSet<String>) -> String {
    let section = key.split('.').next().unwrap_or(key);
    let names: Vec<&str> = known
        .iter()
        .filter_map(|name| name.strip_prefix(section).and_then(|rest| rest.strip_prefix('.')))
        .collect();
    if names.is_empty() { String::new() } else { format!("; [{section}] has {}", names.join(", ")) }
}

fn leaves(value: &Value, path: &str) -> Vec<String> {
    match &value.kind {
        ValueKind::Table(table) => table
            .iter()
            .flat_map(|(key, value)| {
                leaves(value, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") })
            })
            .collect(),
        _ => vec![path.to_owned()],
    }
}

/// One section; what is wrong with it goes to `wrong`, with the key's whole name.
fn section<T: DeserializeOwned>(merged: &Config, name: &str, wrong: &mut Vec<String>) -> Option<T> {
    let value: Value = match merged.get(name) {
        Ok(value) => value,
        Err(error) => {
            wrong.push(format!("{name}: {error}"));
            return None;
        }
    };
    match serde_path_to_error::deserialize(value) {
        Ok(section) => Some(section),
        Err(error) => {
            let (key, text) = (format!("{name}.{}", error.path()), error.inner().to_string());
            // Unknown keys are told already, each in a line of its own.
            if !text.contains("unknown field") || key.starts_with("llm.providers") {
                wrong.push(format!("{key}: {text}"));
            }
            None
        }
    }
}

/// The provider `openai` is there as soon as something asks for it, and reads OpenAI's own variables.
fn add_openai(llm: &mut LlmSettings, environment: &Map<String, String>) {
    let variable = |name: &str| environment.get(name).filter(|value| !value.is_empty()).cloned();
    let (key, url) = (variable("OPENAI_API_KEY"), variable("OPENAI_BASE_URL"));
    if key.is_some() || llm.model.starts_with("openai/") {
        llm.providers.entry("openai".to_owned()).or_insert_with(|| ProviderSettings {
            kind: "openai".to_owned(),
            base_url: String::new(),
            api_key: Hidden::default(),
            models: Words::default(),
        });
    }
    if let Some(openai) = llm.providers.get_mut("openai") {
        if openai.base_url.is_empty() {
            openai.base_url = url.unwrap_or_else(|| OPENAI.to_owned());
        }
        if openai.api_key.expose().is_empty() {
            openai.api_key = Hidden::new(key.unwrap_or_default());
        }
    }
}

fn check(
    server: &ServerSettings,
    store: &StoreSettings,
    llm: &LlmSettings,
    auth: &AuthSettings,
    wrong: &mut Vec<String>,
) {
    if let Err(error) = maru_store::Location::parse(store.url.expose()) {
        wrong.push(format!("store.url: {error}"));
    }
    if store.pool_size == 0 {
        wrong.push("store.pool_size: at least 1".to_owned());
    }
    if server.body_limit < 1024 {
        wrong.push("server.body_limit: at least 1024 bytes".to_owned());
    }
    if llm.concurrency == 0 {
        wrong.push("llm.concurrency: at least 1".to_owned());
    }
    if llm.history_messages == 0 {
        wrong.push("llm.history_messages: at least 1".to_owned());
    }
    let secret = auth.secret.expose();
    if !secret.is_empty() && secret.chars().count() < 32 {
        wrong.push("auth.secret: at least 32 characters; `openssl rand -hex 32` makes one".to_owned());
    }
    if auth.token_ttl.0.is_zero() {
        wrong.push("auth.token_ttl: longer than nothing".to_owned());
    }
    for (name, provider) in &llm.providers {
        if provider.kind != "openai" {
            wrong.push(format!("llm.providers.{name}.kind: {:?} is not known; \"openai\" is", provider.kind));
        }
        let url = &provider.base_url;
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            wrong.push(format!("llm.providers.{name}.base_url: must be an http:// or https:// address"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(environment: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
        let environment = environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let empty = tempfile::NamedTempFile::new().unwrap();
        let overrides = Overrides { config: Some(empty.path().to_owned()), ..Overrides::default() };
        load_from(&overrides, environment.collect())
    }

    #[test]
    fn the_defaults_stand() {
        let settings = with(&[]).unwrap();
        assert_eq!(settings.server.bind.to_string(), "127.0.0.1:8080");
        assert_eq!(settings.auth.token_ttl.0.as_secs(), 30 * 24 * 3600);
        assert_eq!(settings.llm.model, "demo");
    }

    #[test]
    fn nobody_comes_in_from_elsewhere_by_default() {
        let allows = |anonymous: &str, bind: &str| {
            let set = [("MARU__AUTH__ANONYMOUS", anonymous), ("MARU__SERVER__BIND", bind)];
            with(&set).unwrap().allows_anonymous()
        };
        for (bind, loopback) in [
            ("127.0.0.1:0", true),
            ("127.9.9.9:80", true),
            ("[::1]:80", true),
            ("[::ffff:127.0.0.1]:80", true),
            ("0.0.0.0:80", false),
            ("[::]:80", false),
            ("192.0.2.7:80", false),
        ] {
            assert_eq!(allows("loopback", bind), loopback, "{bind}");
            assert!(allows("allow", bind) && !allows("deny", bind), "{bind}");
        }
    }

    #[test]
    fn the_environment_wins_over_the_defaults() {
        let settings = with(&[
            ("MARU__SERVER__BIND", "0.0.0.0:9000"),
            ("MARU__LIMITS__FREE_LOGINS", "3"),
            ("MARU__LLM__PROVIDERS__HOME__BASE_URL", "http://127.0.0.1:1/v1"),
            ("MARU__LLM__PROVIDERS__HOME__MODELS", "a, b"),
            ("MARU__SERVER__CORS_ORIGINS", "https://a.example,https://b.example"),
        ])
        .unwrap();
        assert_eq!(settings.server.bind.port(), 9000);
        assert_eq!(settings.limits.free_logins, 3);
        assert_eq!(settings.llm.providers["home"].models.0, ["a", "b"]);
        assert_eq!(settings.server.cors_origins.0.len(), 2);
    }

    #[test]
    fn everything_wrong_is_told_in_lines() {
        let wrong = with(&[
            ("MARU__SERVER__PORT", "1"),
            ("MARU__AUTH__TOKEN_TTL", "soon"),
            ("MARU__TIME__ZONE", "Mars/Olympus"),
            ("MARU__NONSENSE__X", "1"),
        ])
        .unwrap_err();
        for part in ["server.port", "token_ttl", "Mars/Olympus", "nonsense.x"] {
            assert_eq!(wrong.iter().filter(|line| line.contains(part)).count(), 1, "{part}: {wrong:#?}");
        }
        assert!(wrong.iter().all(|line| !line.contains('\n')), "{wrong:#?}");
    }

    #[test]
    fn openai_reads_its_own_variables() {
        let settings =
            with(&[("OPENAI_API_KEY", "sk-x"), ("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")]).unwrap();
        assert_eq!(settings.llm.providers["openai"].api_key.expose(), "sk-x");
        assert_eq!(settings.llm.providers["openai"].base_url, "http://127.0.0.1:1/v1");
    }

    #[test]
    fn secrets_are_hidden() {
        let settings = with(&[
            ("OPENAI_API_KEY", "sk-canary"),
            ("MARU__AUTH__SECRET", "canary-canary-canary-canary-canary"),
            ("MARU__STORE__URL", "postgres://me:canary@db/maru"),
        ])
        .unwrap();
        assert!(!format!("{settings:?}").contains("canary"));
        assert!(!toml::to_string(&settings).unwrap().contains("canary"));
    }
}
