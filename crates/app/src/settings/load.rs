//! Reading the settings from their four places, and saying everything that is wrong with them.

use super::check::{check, check_redis};
use super::fit::{fit, section};
use super::others::{OPENAI_KEY, OPENAI_URL, add_openai, complete};
use super::{AuthSettings, LimitSettings, LlmSettings, LogSettings, ServerSettings, Settings};
use super::{DEFAULTS, RedisSettings, StoreSettings, TelemetrySettings, TimeSettings};
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
