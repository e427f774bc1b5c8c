//! The framework's words. It speaks the language of the project that is built on it, and each
//! project has its own way to be shown a token.

use crate::http::credentials::NoKey;
use maru_domain::error::{Fault, FieldRule};
use serde_json::Value;
use std::fmt;

/// The words of one project.
pub trait Language: fmt::Debug + 'static {
    /// What `WWW-Authenticate` asks for.
    const SCHEME: &'static str;

    /// The body of a 401.
    fn stranger(why: Stranger) -> Value;

    /// A sentence of the framework's own.
    fn say(what: Phrase<'_>) -> String;

    /// What is wrong with a field.
    fn field(name: &str, rule: FieldRule) -> String;

    /// The body for what the framework has no words for.
    fn other(fault: &Fault) -> Value;
}

/// Why a caller is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// The request shows no usable key.
    NoKey(NoKey),
    /// The key is unknown, expired or revoked.
    InvalidToken,
    /// The account is disabled.
    Inactive,
}

/// What the framework says by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phrase<'p> {
    /// There is nothing at this address.
    NotFound,
    /// The address does not have this verb.
    WrongVerb(&'p str),
    /// Come again in so many seconds.
    Throttled(u64),
    /// A bug of ours.
    ServerError,
    /// The address is too long.
    AddressTooLong,
    /// A JSON body of this Python type instead of an object.
    NotAnObject(&'p str),
    /// A form that cannot be read.
    MalformedForm,
    /// A content type that is not read.
    MediaType(&'p str),
    /// The body is larger than the limit.
    BodyTooLarge,
    /// The body did not arrive in time.
    BodyTooSlow,
    /// The body broke off.
    BodyBroken,
    /// The body is compressed.
    BodyEncoded,
}
