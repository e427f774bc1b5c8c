//! Doing a thing once: idempotency keys, kept in the same transaction as what they guard
//! (contract §0.10, ADR 0004).

use crate::clock::Timestamp;
use crate::error::{Fault, StoreError, codes};
use async_trait::async_trait;
use std::time::Duration;

/// How long a key is kept.
pub const KEPT_FOR: Duration = Duration::from_hours(24);

/// A request that may arrive more than once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OnceKey {
    /// Who asks: a user's id, or an address before there is a user.
    pub scope: String,
    /// Method and path.
    pub route: String,
    /// What the client sent in `Idempotency-Key`.
    pub key: String,
    /// A keyed hash of the body, so that another body under the key is noticed and a password in it
    /// cannot be guessed from the database.
    pub fingerprint: Vec<u8>,
}

/// What became of a request that may arrive more than once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Once<T> {
    /// Done now.
    Done(T),
    /// Done before: the same result again.
    Replayed(T),
    /// The key stands for another request; nothing was done.
    KeyReused,
}

impl<T> Once<T> {
    /// What was made, now or before.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Done(value) | Self::Replayed(value) => Some(value),
            Self::KeyReused => None,
        }
    }

    /// What was made, and whether it was made before.
    ///
    /// # Errors
    /// `IDEMPOTENCY_KEY_REUSED`
    pub fn made(self) -> Result<(T, bool), Fault> {
        match self {
            Self::Done(value) => Ok((value, false)),
            Self::Replayed(value) => Ok((value, true)),
            Self::KeyReused => Err(Fault::new(&codes::IDEMPOTENCY_KEY_REUSED)),
        }
    }

    /// The same with its value changed.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Once<U> {
        match self {
            Self::Done(value) => Once::Done(f(value)),
            Self::Replayed(value) => Once::Replayed(f(value)),
            Self::KeyReused => Once::KeyReused,
        }
    }
}

/// An answer kept byte for byte, to be given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The status.
    pub status: u16,
    /// The body, JSON text.
    pub body: String,
}

/// Answers kept under their keys.
#[async_trait]
pub trait OnceStore: Send + Sync {
    /// The answer kept for `key`, if there is one yet. `KeyReused` when the key stands for another request.
    async fn kept(&self, key: OnceKey, now: Timestamp) -> Result<Once<Option<KeptAnswer>>, StoreError>;

    /// Keeps the answer for `key`, whose row the guarded transaction has made. Without the row, does nothing.
    async fn keep(&self, key: OnceKey, answer: KeptAnswer) -> Result<(), StoreError>;

    /// Keeps the answer to what may be done twice without harm and was guarded by no transaction. An
    /// answer that is kept already stands.
    async fn note(&self, key: OnceKey, answer: KeptAnswer, now: Timestamp) -> Result<(), StoreError>;

    /// Forgets keys whose time is over; answers how many.
    async fn purge(&self, now: Timestamp) -> Result<usize, StoreError>;
}
