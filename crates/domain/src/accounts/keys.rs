//! API keys: made, listed and revoked.

use super::ports::NewKey;
use super::{Accounts, ApiKey};
use crate::clock::Timestamp;
use crate::error::{Fault, FieldFault, FieldRule, codes};
use crate::ids::{KeyId, UserId};
use crate::once::{Once, OnceKey};
use crate::page::{Page, PageRequest};
use crate::text::has_control;
use secrecy::SecretString;

impl Accounts {
    /// Makes an API key. The key is told now, to a retry under the same idempotency key, and never again.
    ///
    /// # Errors
    /// When the name is blank or too long, the time is over already, or the store is away.
    pub async fn create_key(
        &self,
        user: UserId,
        name: &str,
        expires_at: Option<Timestamp>,
        once: Option<OnceKey>,
    ) -> Result<Once<(ApiKey, SecretString)>, Fault> {
        let name = name.trim();
        if name.is_empty() {
            return Err(Fault::fields(vec![FieldFault { field: "name", rule: FieldRule::Blank }]));
        }
        if name.chars().count() > 100 {
            return Err(Fault::fields(vec![FieldFault { field: "name", rule: FieldRule::TooLong(100) }]));
        }
        if has_control(name) {
            return Err(Fault::fields(vec![FieldFault { field: "name", rule: FieldRule::Characters }]));
        }
        let created_at = self.ports.clock.now();
        if expires_at.is_some_and(|end| end <= created_at) {
            return Err(Fault::fields(vec![FieldFault { field: "expires_at", rule: FieldRule::Past }]));
        }
        let id = KeyId(self.ports.ids.next());
        let (_, hash) = self.ports.key_maker.make(id);
        let key = NewKey { id, user_id: user, name: name.to_owned(), hash, created_at, expires_at };
        let made = self.ports.keys.create(key, once).await?;
        Ok(made.map(|key| {
            let (secret, _) = self.ports.key_maker.make(key.id);
            (key, secret)
        }))
    }

    /// A page of a user's keys that are not revoked.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn keys(&self, user: UserId, request: PageRequest<KeyId>) -> Result<Page<ApiKey>, Fault> {
        Ok(self.ports.keys.page(user, request).await?)
    }

    /// Revokes a key.
    ///
    /// # Errors
    /// `KEY_NOT_FOUND`, or when the store is away.
    pub async fn revoke_key(&self, user: UserId, key: KeyId) -> Result<(), Fault> {
        let done = self.ports.keys.revoke(user, key, self.ports.clock.now()).await?;
        self.forget(user).await;
        if done { Ok(()) } else { Err(Fault::new(&codes::KEY_NOT_FOUND)) }
    }
}
