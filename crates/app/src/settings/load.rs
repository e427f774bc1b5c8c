//! Reading the settings from their four places, and saying everything that is wrong with them.

use super::fit::{fit, section};
use super::{
    AuthSettings, Hidden, LimitSettings, LlmSettings, LogSettings, ProviderSettings, ServerSettings, Settings,
};
use super::{DEFAULTS, RedisSettings, StoreSettings, TelemetrySettings, TimeSettings, Words};
use config::{Config, Environment, File, FileFormat, Map};
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
/// OpenAI's own variables, which its other programs read too.
const OPENAI_KEY: &str = "OPENAI_API_KEY";
const OPENAI_URL: &str = "OPENAI_BASE_URL";
/// OpenTelemetry's own variables.
const OTLP_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

/// Reads the settings.
///
/// # Errors
/// One line for each thing that is wrong, all of them at once.
pub fn load(overrides: &Overrides) -> Result<Settings, Vec<String>> {
    let mut environment = Map::new();
    let mut wrong = Vec::new();
    // What is no text in the environment matters only where it is meant for us; `vars` would panic on it.
    for (name, value) in std::env::vars_os() {
        let ours = name.as_encoded_bytes().starts_with(b"MARU__");
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => drop(environment.insert(name, value)),
            (Ok(name), Err(_)) if ours || name == OPENAI_KEY || name == OPENAI_URL => {
                wrong.push(format!("{name}: must be text in UTF-8"));
            }
            (Err(name), _) if ours => {
                wrong.push(format!("{}: the name must be text in UTF-8", name.to_string_lossy()));
            }
            _ => {}
        }
    }
    if wrong.is_empty() { load_from(overrides, environment) } else { Err(wrong) }
}

fn load_from(overrides: &Overrides, mut environment: Map<String, String>) -> Result<Settings, Vec<String>> {
    let mut wrong = sections_with_values(&mut environment);
    let told = |error: config::ConfigError| vec![one_line(&error.to_string())];
    let defaults = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml)).build();
    let defaults = defaults.map_err(told)?.cache;
    let merged = merge(overrides, &environment).map_err(told)?.cache;
    let fitted = fit(&defaults, &merged, "", &mut wrong);
    let settings = (
        section::<ServerSettings>(&defaults, &fitted, "server", &mut wrong),
        section::<StoreSettings>(&defaults, &fitted, "store", &mut wrong),
        section::<RedisSettings>(&defaults, &fitted, "redis", &mut wrong),
        section::<LlmSettings>(&defaults, &fitted, "llm", &mut wrong),
        section::<AuthSettings>(&defaults, &fitted, "auth", &mut wrong),
        section::<LimitSettings>(&defaults, &fitted, "limits", &mut wrong),
        section::<TimeSettings>(&defaults, &fitted, "time", &mut wrong),
        section::<LogSettings>(&defaults, &fitted, "log", &mut wrong),
        section::<TelemetrySettings>(&defaults, &fitted, "telemetry", &mut wrong),
    );
    if let (
        Some(server),
        Some(store),
        Some(redis),
        Some(mut llm),
        Some(auth),
        Some(limits),
        Some(time),
        Some(log),
        Some(mut telemetry),
    ) = settings
    {
        check_redis(&redis, &store, &auth, &mut wrong);
        add_openai(&mut llm, &environment);
        complete(&mut telemetry, &environment, &mut wrong);
        check(&server, &store, &llm, &auth, &mut wrong);
        if wrong.is_empty() {
            return Ok(Settings { server, store, redis, llm, auth, limits, time, log, telemetry });
        }
    }
    // Tables have no order of their own, and the same mistakes must read the same each time.
    wrong.sort();
    wrong.dedup();
    Err(wrong)
}

/// `MARU__SERVER` beside `MARU__SERVER__BIND`: one of the two would be lost, and nobody could say which.
fn sections_with_values(environment: &mut Map<String, String>) -> Vec<String> {
    let ours = || environment.keys().filter(|name| name.starts_with("MARU__"));
    let is_section = |name: &&String| ours().any(|other| other.starts_with(&format!("{name}__")));
    let wrong: Vec<String> = ours().filter(is_section).cloned().collect();
    environment.retain(|name, _| !wrong.contains(name));
    wrong.into_iter().map(|name| format!("{name}: is a section and has no value of its own")).collect()
}

/// What is wrong with a file, without the excerpt that the parser shows: the line may hold a secret.
fn one_line(text: &str) -> String {
    let is_excerpt = |line: &&str| {
        line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).starts_with([' ', '|'])
    };
    let mut lines = text.lines().filter(|line| line.starts_with(" in ") || !is_excerpt(line)).map(str::trim);
    let first = lines.next().unwrap_or_default();
    let rest: Vec<&str> = lines.collect();
    if rest.is_empty() { first.to_owned() } else { format!("{first}: {}", rest.join(" ")) }
}

fn merge(overrides: &Overrides, environment: &Map<String, String>) -> Result<Config, config::ConfigError> {
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
        builder = builder.set_override_option(key, value.clone())?;
    }
    builder.build()
}

/// The provider `openai` is there as soon as something asks for it, and reads OpenAI's own variables.
fn add_openai(llm: &mut LlmSettings, environment: &Map<String, String>) {
    let variable = |name: &str| environment.get(name).filter(|value| !value.is_empty()).cloned();
    let (key, url) = (variable(OPENAI_KEY), variable(OPENAI_URL));
    if key.is_some() || llm.model.starts_with("openai/") {
        llm.providers.entry("openai".to_owned()).or_insert_with(|| ProviderSettings {
            kind: "openai".to_owned(),
            base_url: String::new(),
            api_key: Hidden::default(),
            models: Words::default(),
            path: PathBuf::new(),
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

/// What OpenTelemetry's own variables say stands in for what is not set.
fn complete(telemetry: &mut TelemetrySettings, environment: &Map<String, String>, wrong: &mut Vec<String>) {
    let variable =
        |name: &str| environment.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
    let mut named = "telemetry.otlp_endpoint";
    if telemetry.otlp_endpoint.is_empty()
        && let Some(endpoint) = variable(OTLP_ENDPOINT)
    {
        (named, telemetry.otlp_endpoint) = (OTLP_ENDPOINT, endpoint.to_owned());
    }
    if telemetry.service_name.is_empty() {
        telemetry.service_name = variable(SERVICE_NAME).unwrap_or("maru").to_owned();
    }
    let endpoint = &telemetry.otlp_endpoint;
    if endpoint.is_empty() {
        return;
    }
    let url = url::Url::parse(endpoint)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    match url {
        None => wrong
            .push(format!("{named}: must be an http:// or https:// address, such as http://localhost:4318")),
        // It would be shown wherever the address is.
        Some(url) if !url.username().is_empty() || url.password().is_some() || url.query().is_some() => {
            wrong.push(format!(
                "{named}: no name, password or query may be in it; OTEL_EXPORTER_OTLP_HEADERS takes a secret"
            ));
        }
        Some(_) => {}
    }
}

fn check_redis(redis: &RedisSettings, store: &StoreSettings, auth: &AuthSettings, wrong: &mut Vec<String>) {
    let shared = maru_store::Location::parse(store.url.expose())
        .is_ok_and(|location| matches!(location, maru_store::Location::Postgres(_)));
    let has_redis = !redis.url.expose().is_empty();
    if has_redis && shared && auth.secret.expose().is_empty() {
        wrong.push(
            "auth.secret: must be set, and be the same for all, when instances share a Redis; \
             `openssl rand -hex 32` makes one"
                .to_owned(),
        );
    }
    if redis.prefix.is_empty() {
        wrong.push("redis.prefix: at least one character".to_owned());
    }
    if redis.timeout.0.is_zero() {
        wrong.push("redis.timeout: longer than nothing".to_owned());
    }
    if redis.langchain_memory && !has_redis {
        wrong.push("redis.langchain_memory: needs redis.url".to_owned());
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
    let local = &llm.local;
    if local.context < 256 || local.max_tokens == 0 || local.t5_max_tokens == 0 || local.at_once == 0 {
        wrong.push("llm.local: context at least 256, max_tokens and at_once at least 1".to_owned());
    }
    if !(1..=16).contains(&local.t5_beams) {
        wrong.push("llm.local.t5_beams: 1 to 16".to_owned());
    }
    let free = [local.temperature, local.t5_temperature, local.top_p, local.repeat_penalty];
    if free.iter().any(|number| !(0.0..=10.0).contains(number)) || local.repeat_penalty == 0.0 {
        wrong.push("llm.local: temperatures, top_p and repeat_penalty are between 0 and 10".to_owned());
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
        match provider.kind.as_str() {
            "openai" => {}
            "local" | "t5" => {
                if provider.path.as_os_str().is_empty() {
                    wrong.push(format!("llm.providers.{name}.path: must say where the model is"));
                }
                continue;
            }
            kind => wrong.push(format!(
                "llm.providers.{name}.kind: {kind:?} is not known; \"openai\", \"local\" and \"t5\" are"
            )),
        }
        let url = &provider.base_url;
        let address = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        let server = address.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
        if server.is_empty() {
            wrong.push(format!("llm.providers.{name}.base_url: must be an http:// or https:// address"));
        } else if server.contains('@') {
            // It would be shown wherever the address is.
            wrong.push(format!(
                "llm.providers.{name}.base_url: no name or password may be in it; a secret belongs in api_key"
            ));
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
    fn anonymous_callers_come_in_over_loopback_unless_told_otherwise() {
        for (bind, setting, allowed) in [
            ("127.0.0.1:1", "loopback", true),
            ("[::1]:1", "loopback", true),
            ("[::ffff:127.0.0.1]:1", "loopback", true),
            ("0.0.0.0:1", "loopback", false),
            ("[::]:1", "loopback", false),
            ("10.0.0.1:1", "loopback", false),
            ("10.0.0.1:1", "allow", true),
            ("127.0.0.1:1", "deny", false),
        ] {
            let settings = with(&[("MARU__SERVER__BIND", bind), ("MARU__AUTH__ANONYMOUS", setting)]).unwrap();
            assert_eq!(settings.allows_anonymous(), allowed, "{bind} {setting}");
        }
        assert!(with(&[]).unwrap().allows_anonymous());
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
            // Two in one section, one that only a rule finds, and both ways of taking a section for a value.
            ("MARU__SERVER__WORKERS", "few"),
            ("MARU__SERVER__BIND", "here"),
            ("MARU__STORE__POOL_SIZE", "0"),
            ("MARU__LOG", "loud"),
            ("MARU__LIMITS", "few"),
            ("MARU__LIMITS__FREE_LOGINS", "none"),
            ("MARU__AUTH__SECRET__FILE", "x"),
        ])
        .unwrap_err();
        let parts =
            ["server.port", "token_ttl", "Mars/Olympus", "nonsense.x", "server.workers", "server.bind"];
        let more = [
            "pool_size",
            "log: is a section",
            "MARU__LIMITS: is a section",
            "free_logins: ",
            "auth.secret: ",
        ];
        assert_eq!(wrong.len(), parts.len() + more.len(), "{wrong:#?}");
        for part in parts.into_iter().chain(more) {
            assert_eq!(wrong.iter().filter(|line| line.contains(part)).count(), 1, "{part}: {wrong:#?}");
        }
        assert!(wrong.iter().all(|line| !line.contains('\n')), "{wrong:#?}");
    }

    #[test]
    fn instances_that_share_a_redis_have_one_secret() {
        let postgres = ("MARU__STORE__URL", "postgres://me@db/maru");
        let redis = ("MARU__REDIS__URL", "redis://cache");
        let secret = ("MARU__AUTH__SECRET", "0123456789012345678901234567890123456789");
        assert!(
            with(&[redis]).is_ok() && with(&[postgres]).is_ok() && with(&[postgres, redis, secret]).is_ok()
        );
        let wrong = with(&[postgres, redis]).unwrap_err();
        assert!(wrong.len() == 1 && wrong[0].starts_with("auth.secret: must be set"), "{wrong:?}");
        for (name, value) in
            [("MARU__REDIS__URL", "http://cache:canary@x"), ("MARU__REDIS__LANGCHAIN_MEMORY", "true")]
        {
            let wrong = with(&[(name, value)]).unwrap_err();
            assert!(wrong.len() == 1 && wrong[0].starts_with("redis."), "{wrong:?}");
            assert!(!wrong[0].contains("canary"), "{wrong:?}");
        }
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
            ("MARU__REDIS__URL", "redis://me:canary@db:7000"),
        ])
        .unwrap();
        assert!(toml::to_string(&settings).unwrap().contains("redis://db:7000/0"));
        assert!(!format!("{settings:?}").contains("canary"));
        assert!(!toml::to_string(&settings).unwrap().contains("canary"));
    }
}
