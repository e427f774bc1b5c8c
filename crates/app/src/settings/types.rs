//! The kinds of values that settings have.

use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A length of time, written like `10s`, `5m` or `30d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let span = humantime::parse_duration(text.trim());
        span.map(Self).map_err(|_| {
            D::Error::custom(format!("{text:?} is not a length of time such as \"10s\", \"5m\" or \"30d\""))
        })
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(self.0))
    }
}

/// A secret: never printed, never logged.
#[derive(Clone, Default)]
pub struct Hidden(SecretString);

impl Hidden {
    /// A secret of that text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(SecretString::from(text))
    }

    /// The text, for whoever must have it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The secret, still wrapped; `None` when empty.
    #[must_use]
    pub fn secret(&self) -> Option<SecretString> {
        (!self.expose().is_empty()).then(|| self.0.clone())
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(SecretString::from(text)))
    }
}

impl Serialize for Hidden {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A database's URL is worth seeing without its password; anything else is not.
        let shown = match maru_store::Location::parse(self.expose()) {
            Ok(location) => location.shown(),
            Err(_) if self.expose().is_empty() => String::new(),
            Err(_) => "(hidden)".to_owned(),
        };
        serializer.serialize_str(&shown)
    }
}

/// The address of a Redis; its password is never printed.
#[derive(Clone, Default)]
pub struct RedisUrl(SecretString);

impl RedisUrl {
    /// The address, for whoever must have it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The address without its password; empty when there is none.
    #[must_use]
    pub fn shown(&self) -> String {
        maru_ephemeral::redis::shown(self.expose()).unwrap_or_default()
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl<'de> Deserialize<'de> for RedisUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let url = Self(SecretString::from(String::deserialize(deserializer)?.trim().to_owned()));
        if !url.expose().is_empty()
            && let Err(error) = maru_ephemeral::redis::shown(url.expose())
        {
            return Err(D::Error::custom(error));
        }
        Ok(url)
    }
}

impl Serialize for RedisUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown())
    }
}

/// A list of words, also written with commas: the environment has no lists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Words(pub Vec<String>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            List(Vec<String>),
            Text(String),
        }
        let words = match Either::deserialize(deserializer) {
            Ok(Either::List(list)) => list,
            Ok(Either::Text(text)) => text.split(',').map(|word| word.trim().to_owned()).collect(),
            Err(_) => return Err(D::Error::custom("expected a list of words")),
        };
        Ok(Self(words.into_iter().filter(|word| !word.is_empty()).collect()))
    }
}

/// A list of addresses, also written with commas.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Addresses(pub Vec<IpAddr>);

impl<'de> Deserialize<'de> for Addresses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Words(words) = Words::deserialize(deserializer)?;
        let address = |word: &String| {
            let address = word.parse::<IpAddr>().map(|address| address.to_canonical());
            address.map_err(|_| D::Error::custom(format!("{word:?} is not an address such as \"10.0.0.1\"")))
        };
        Ok(Self(words.iter().map(address).collect::<Result<_, _>>()?))
    }
}

/// An address to listen on.
pub fn socket<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.trim().parse().map_err(|_| {
        D::Error::custom(format!("{text:?} is not an address with a port such as \"127.0.0.1:8080\""))
    })
}

/// A choice between words; the complaint names them.
macro_rules! choice {
    ($name:ident: $($variant:ident $word:literal),+) => {
        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(word: String) -> Result<Self, String> {
                match word.as_str() {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(format!("{word:?} is none of {}", [$($word),+].join(", "))),
                }
            }
        }
    };
}

choice!(Anonymous: Loopback "loopback", Allow "allow", Deny "deny");
choice!(LogFormat: Pretty "pretty", Json "json");
choice!(Durable: Full "full", Normal "normal");

/// Who may use the open contracts without a token (contract §0.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum Anonymous {
    /// Everybody, while the server listens on a loopback address.
    Loopback,
    /// Everybody.
    Allow,
    /// Nobody.
    Deny,
}

/// How logs look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// When a commit counts as done, on SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum Durable {
    /// When it is on the disk.
    Full,
    /// When the system has it.
    Normal,
}

impl From<Durable> for maru_store::Durability {
    fn from(durable: Durable) -> Self {
        match durable {
            Durable::Full => Self::Full,
            Durable::Normal => Self::Normal,
        }
    }
}

/// A time zone by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    /// The rules of the zone.
    #[must_use]
    pub fn rules(&self) -> TimeZone {
        self.zone.clone()
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        match TimeZone::get(&name) {
            Ok(zone) => Ok(Self { name, zone }),
            Err(_) => Err(D::Error::custom(format!("{name:?} is not a time zone such as \"Asia/Seoul\""))),
        }
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}
