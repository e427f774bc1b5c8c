//! `maru doctor`: what could go wrong with this installation, each finding with its remedy.

use crate::settings::{Anonymous, Settings};
use crate::system::SystemClock;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use maru_domain::clock::Clock;
use maru_store::{Location, Store};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

/// No machine's clock is right that says less: 2026-01-01.
const BUILT: i64 = 1_767_225_600;
/// Clocks that are set agree better than this.
const APART: Duration = Duration::from_secs(2);
/// With less room soon nothing can be written; with less than the second, not much longer.
const FULL: u64 = 64 << 20;
const SCARCE: u64 = 512 << 20;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Fine,
    /// Works, and somebody should know.
    Careful,
    /// Does not work, or messages can be lost.
    Fails,
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Careful => "careful",
            Self::Fails => "fails",
        }
    }
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What was looked at.
    pub check: String,
    /// How bad it is.
    pub verdict: Verdict,
    /// What it is.
    pub found: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl Finding {
    fn fine(check: &str, found: impl Into<String>) -> Self {
        Self { check: check.to_owned(), verdict: Verdict::Fine, found: found.into(), remedy: None }
    }

    fn bad(check: &str, verdict: Verdict, found: impl Into<String>, remedy: &str) -> Self {
        Self { check: check.to_owned(), verdict, found: found.into(), remedy: Some(remedy.to_owned()) }
    }
}

/// Looks at everything, in the order in which a start would need it.
pub fn examine(settings: &Settings) -> BoxFuture<'_, Vec<Finding>> {
    async move {
        let mut findings = vec![Finding::fine("settings", "can be read")];
        database(settings, &mut findings).await;
        findings.extend(redis(settings).await);
        findings.push(disk(settings));
        findings.push(exposure(settings));
        findings.push(secret(settings));
        findings.push(model(settings).await);
        findings.extend(telemetry(settings).await);
        findings
    }
    .boxed()
}

async fn database(settings: &Settings, findings: &mut Vec<Finding>) {
    let location = match settings.location() {
        Ok(location) => location,
        Err(error) => {
            findings.push(Finding::bad("database", Verdict::Fails, error.to_string(), "set store.url"));
            return;
        }
    };
    // Looking must not make a database.
    if let Location::Sqlite(path) = &location
        && !path.exists()
    {
        findings.push(no_database(path));
        return;
    }
    match maru_store::pending(&location).await {
        Err(error) => {
            let remedy = "check that the server runs and that store.url names it, its user and its password";
            findings.push(Finding::bad("database", Verdict::Fails, error.to_string(), remedy));
            return;
        }
        Ok(missing) if missing.is_empty() => {
            findings.push(Finding::fine("database", format!("{} is up to date", location.shown())))
        }
        Ok(missing) => {
            let found = format!("lacks {}", missing.join(", "));
            findings.push(Finding::bad(
                "database",
                Verdict::Careful,
                found,
                "run `maru migrate`, or just `maru serve`",
            ));
        }
    }
    let pool = 1;
    let store = Store::open(&location, settings.store.durability.into(), pool).await;
    findings.push(clock(store.as_ref().ok()).await);
    let durability = match &store {
        Ok(store) => store.durability().await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match durability {
        Err(error) => findings.push(Finding::bad("durability", Verdict::Fails, error, "see the database's own log")),
        Ok(settings) => findings.extend(settings.into_iter().map(|(name, value, safe)| {
            let check = format!("durability: {name}");
            if safe {
                Finding::fine(&check, value)
            } else {
                let remedy = "acknowledged messages can be lost when the power goes; use store.durability = \"full\" on SQLite, fsync = on and synchronous_commit = on in postgresql.conf";
                Finding::bad(&check, Verdict::Careful, value, remedy)
            }
        })),
    }
}

/// A name that is mistyped looks like a first start.
fn no_database(path: &Path) -> Finding {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let there = folder.ancestors().find(|place| place.exists()).unwrap_or(Path::new("."));
    let found = format!("there is no database at {} yet", path.display());
    if !there.is_dir() || rustix::fs::access(there, rustix::fs::Access::WRITE_OK).is_err() {
        let found = format!("{found}, and none can be made: {} is no directory to write to", there.display());
        return Finding::bad(
            "database",
            Verdict::Fails,
            found,
            "set store.url (--store) to a file that you may write",
        );
    }
    let remedy =
        "if there should be one, correct store.url (--store); if not, `maru serve` makes a new, empty one";
    Finding::bad("database", Verdict::Careful, found, remedy)
}

/// Tokens count by this machine's clock, leases by the database's.
async fn clock(store: Option<&Store>) -> Finding {
    let check = "clock";
    let here = SystemClock::new().now();
    if here.as_second() < BUILT {
        let remedy = "set it, by NTP; tokens and certificates count by it";
        return Finding::bad(
            check,
            Verdict::Fails,
            format!("this machine believes that it is {here:.0}"),
            remedy,
        );
    }
    let there = match store {
        Some(store) => store.clock().await.ok().flatten(),
        None => None,
    };
    let Some(there) = there else { return Finding::fine(check, format!("{here:.0}")) };
    let apart = (there.as_microsecond() - here.as_microsecond()).unsigned_abs();
    if apart > APART.as_micros() as u64 {
        let found = format!("the database's clock and this machine's are {:.1} s apart", apart as f64 / 1e6);
        return Finding::bad(
            check,
            Verdict::Careful,
            found,
            "set both by NTP; leases of turns count by the database's",
        );
    }
    Finding::fine(check, format!("{here:.0}; the database's agrees"))
}

/// Room for what maru writes: the database, its log, and a backup beside it.
fn disk(settings: &Settings) -> Finding {
    let check = "disk";
    let directory = settings.data_dir();
    // It may not be there yet.
    let there = directory.ancestors().find(|place| place.is_dir());
    let there = there.unwrap_or(Path::new("."));
    let found = match rustix::fs::statvfs(there) {
        Ok(found) => found,
        Err(error) => {
            return Finding::bad(
                check,
                Verdict::Careful,
                error.to_string(),
                "see whether the directory can be read",
            );
        }
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let database = match settings.location() {
        Ok(Location::Sqlite(path)) => std::fs::metadata(path).map_or(0, |file| file.len()),
        _ => 0,
    };
    let told = format!("{} MiB are free in {}", free >> 20, there.display());
    if free < FULL {
        return Finding::bad(
            check,
            Verdict::Fails,
            told,
            "make room: what cannot be written is refused with 503",
        );
    }
    if free < SCARCE || free < database {
        let remedy = "make room: a backup and the copy before a migration need as much as the database has";
        return Finding::bad(check, Verdict::Careful, told, remedy);
    }
    Finding::fine(check, told)
}

/// Nothing is said of a Redis that is not set: one process needs none.
async fn redis(settings: &Settings) -> Option<Finding> {
    let check = "redis";
    let tasks = crate::tasks::Tasks::new(tokio::runtime::Handle::current());
    let redis = match crate::wire::redis(settings, &tasks) {
        Ok(redis) => redis?,
        Err(error) => return Some(Finding::bad(check, Verdict::Fails, error.to_string(), "set redis.url")),
    };
    let url = settings.redis.url.shown();
    if let Err(why) = redis.ping().await {
        let remedy =
            "check redis.url and the network; until it answers, instances are slower and nothing is lost";
        return Some(Finding::bad(check, Verdict::Careful, format!("{url}: {why}"), remedy));
    }
    if let Some(role) = redis.role().await.filter(|role| role != "master") {
        let remedy = "name the one that takes writes in redis.url";
        return Some(Finding::bad(
            check,
            Verdict::Careful,
            format!("{url} is a {role}; it takes no writes"),
            remedy,
        ));
    }
    Some(match redis.eviction().await {
        Some(policy) if policy == "noeviction" => Finding::bad(
            check,
            Verdict::Careful,
            format!("{url} answers; when its memory is full it refuses all that is new (noeviction)"),
            "set maxmemory and `maxmemory-policy allkeys-lru` or `volatile-lru` in redis.conf: all that maru keeps there may go",
        ),
        _ => Finding::fine(check, format!("{url} answers")),
    })
}

fn exposure(settings: &Settings) -> Finding {
    let bind = settings.server.bind;
    match settings.auth.anonymous {
        Anonymous::Allow if !bind.ip().is_loopback() => Finding::bad(
            "exposure",
            Verdict::Careful,
            format!("everybody who reaches {bind} may use the contracts that have no token"),
            "set auth.anonymous = \"deny\", unless that is what you want",
        ),
        _ if !bind.ip().is_loopback() => {
            Finding::fine("exposure", format!("{bind} can be reached from outside; a token is needed"))
        }
        _ => Finding::fine("exposure", format!("{bind} can be reached from this machine only")),
    }
}

fn secret(settings: &Settings) -> Finding {
    if settings.auth.secret.secret().is_some() {
        return Finding::fine("auth.secret", "comes from the settings");
    }
    let path = settings.data_dir().join("auth.secret");
    match std::fs::metadata(&path) {
        Err(_) => Finding::fine("auth.secret", format!("{} is made at the first start", path.display())),
        Ok(file) if file.permissions().mode() & 0o077 != 0 => Finding::bad(
            "auth.secret",
            Verdict::Careful,
            format!("{} can be read by others", path.display()),
            "chmod 600 it; whoever reads it can sign tokens",
        ),
        Ok(_) => Finding::fine("auth.secret", path.display().to_string()),
    }
}

/// Nothing is said where nobody collects. Nothing is sent: a connection is tried.
async fn telemetry(settings: &Settings) -> Option<Finding> {
    let check = "telemetry";
    let endpoint = &settings.telemetry.otlp_endpoint;
    let url = url::Url::parse(endpoint).ok().filter(|_| !endpoint.is_empty())?;
    if !cfg!(feature = "otel") {
        let remedy = "build it with the feature, or empty telemetry.otlp_endpoint";
        return Some(Finding::bad(
            check,
            Verdict::Fails,
            "this maru was built without the feature `otel`",
            remedy,
        ));
    }
    let address = (url.host_str()?.trim_matches(['[', ']']).to_owned(), url.port_or_known_default()?);
    let tried = tokio::time::timeout(Duration::from_secs(2), tokio::net::TcpStream::connect(address)).await;
    Some(match tried {
        Ok(Ok(_)) => Finding::fine(check, format!("{endpoint} can be reached")),
        _ => Finding::bad(
            check,
            Verdict::Careful,
            format!("{endpoint} cannot be reached; spans are dropped until it can"),
            "check telemetry.otlp_endpoint (or OTEL_EXPORTER_OTLP_ENDPOINT) and the collector",
        ),
    })
}

/// Opens a connection to the default model's provider. Nothing is asked of it: that may cost money.
async fn model(settings: &Settings) -> Finding {
    let check = "model";
    let name = &settings.llm.model;
    if let Err(error) = crate::wire::models(settings) {
        return Finding::bad(
            check,
            Verdict::Fails,
            error.to_string(),
            "do what it says, or set llm.model to one of the configured providers' models",
        );
    }
    let provider = name.split('/').next().unwrap_or_default();
    let Some(provider) = settings.llm.providers.get(provider) else {
        return Finding::fine(check, name.clone());
    };
    if provider.kind != "openai" {
        return Finding::fine(
            check,
            format!("{name}; runs in this process, from {}", provider.path.display()),
        );
    }
    let address =
        provider.base_url.split("://").nth(1).unwrap_or_default().split('/').next().unwrap_or_default();
    let port = if provider.base_url.starts_with("https:") { 443 } else { 80 };
    let address = if address.rsplit(':').next().is_some_and(|port| port.parse::<u16>().is_ok()) {
        address.to_owned()
    } else {
        format!("{address}:{port}")
    };
    let connected =
        tokio::time::timeout(Duration::from_secs(5), tokio::net::TcpStream::connect(&address)).await;
    match connected {
        Ok(Ok(_)) => Finding::fine(check, format!("{name}; {address} can be reached")),
        Ok(Err(error)) => Finding::bad(
            check,
            Verdict::Fails,
            format!("{name}; {address}: {error}"),
            "check the provider's base_url and the network",
        ),
        Err(_) => Finding::bad(
            check,
            Verdict::Fails,
            format!("{name}; {address} does not answer"),
            "check the provider's base_url and the network",
        ),
    }
}
