//! `maru doctor`: what could go wrong with this installation, each finding with its remedy.

use crate::settings::{Anonymous, Settings};
use maru_store::{Location, Store};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

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
pub async fn examine(settings: &Settings) -> Vec<Finding> {
    let mut findings = vec![Finding::fine("settings", "can be read")];
    database(settings, &mut findings).await;
    findings.push(exposure(settings));
    findings.push(secret(settings));
    findings.push(model(settings).await);
    findings
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
        let found = format!("{} is not there yet; `maru serve` makes it", path.display());
        findings.push(Finding::fine("database", found));
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
