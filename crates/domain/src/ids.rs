//! Identifiers. Every object has a UUIDv7, so that ids sort by time; users, rooms and messages also
//! have a small integer number for the contracts whose clients expect one.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+};
}

uuid_id! {
    /// A person or program with an account.
    UserId,
    /// One login; a session token names it and dies with it.
    SessionId,
    /// An API key.
    KeyId,
    /// A conversation.
    RoomId,
    /// One utterance in a room.
    MessageId,
    /// One user message and its reply.
    TurnId,
}

/// Makes ids. A port, so that tests are repeatable.
pub trait Ids: Send + Sync {
    /// A new UUIDv7 of the current time.
    fn next(&self) -> Uuid;
}

/// The name of this process among all instances, new at each start; it owns leases.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InstanceId(pub String);

/// A room, named by either of its identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomRef {
    /// By UUID.
    Id(RoomId),
    /// By integer number.
    Number(i64),
}

impl FromStr for RoomRef {
    type Err = ();

    /// Accepts a UUID (with or without dashes) or a positive integer.
    fn from_str(text: &str) -> Result<Self, ()> {
        if let Ok(number) = text.parse::<i64>() {
            return if number > 0 { Ok(Self::Number(number)) } else { Err(()) };
        }
        text.parse().map(Self::Id).map_err(|_| ())
    }
}
