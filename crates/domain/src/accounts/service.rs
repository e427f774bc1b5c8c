//! The use cases of accounts: what they work with, and what an operator does with those that there are.

use super::User;
use super::ports::{
    IdentityCache, KeyMaker, KeyStore, Limiter, PasswordHasher, SessionStore, TokenSigner, UserStore,
};
use crate::clock::Clock;
use crate::error::{Fault, codes};
use crate::events::ports::{Bus, Notice};
use crate::ids::{Ids, UserId};
use crate::text::normalised_name;
use std::sync::Arc;
use std::time::Duration;

/// What accounts work with.
#[derive(Clone)]
pub struct AccountsPorts {
    /// Users.
    pub users: Arc<dyn UserStore>,
    /// Sessions.
    pub sessions: Arc<dyn SessionStore>,
    /// API keys.
    pub keys: Arc<dyn KeyStore>,
    /// Passwords.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Tokens.
    pub signer: Arc<dyn TokenSigner>,
    /// Key material.
    pub key_maker: Arc<dyn KeyMaker>,
    /// Attempts.
    pub limiter: Arc<dyn Limiter>,
    /// Who was recognised lately.
    pub identities: Arc<dyn IdentityCache>,
    /// Hints to the other instances, which remember too.
    pub bus: Arc<dyn Bus>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids.
    pub ids: Arc<dyn Ids>,
}

/// The use cases of accounts.
#[derive(Clone)]
pub struct Accounts {
    pub(crate) ports: AccountsPorts,
    pub(crate) token_ttl: Duration,
}

impl Accounts {
    /// The user of that name, for an operator.
    ///
    /// # Errors
    /// `USER_NOT_FOUND`, or when the store is away.
    pub async fn named(&self, username: &str) -> Result<User, Fault> {
        let found = self.ports.users.credentials(normalised_name(username)).await?;
        found.map(|found| found.user).ok_or_else(|| Fault::new(&codes::USER_NOT_FOUND))
    }

    /// The user of that id, for an operator.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn find(&self, user: UserId) -> Result<Option<User>, Fault> {
        Ok(self.ports.users.find(user).await?)
    }

    /// Users by number, after `after`.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn list(&self, after: i64, limit: i64) -> Result<Vec<User>, Fault> {
        Ok(self.ports.users.list(after, limit).await?)
    }

    /// Enables or disables an account; a disabled one's tokens and keys stop working.
    ///
    /// # Errors
    /// `USER_NOT_FOUND`, or when the store is away.
    pub async fn set_active(&self, user: UserId, active: bool) -> Result<(), Fault> {
        let done = self.ports.users.set_active(user, active).await?;
        self.user_changed(user, done).await
    }

    /// Deletes an account with everything that is theirs.
    ///
    /// # Errors
    /// `USER_NOT_FOUND`, or when the store is away.
    pub async fn delete(&self, user: UserId) -> Result<(), Fault> {
        let done = self.ports.users.delete(user).await?;
        self.user_changed(user, done).await
    }

    /// A keyed hash of a request's body, for an idempotency key.
    #[must_use]
    pub fn fingerprint(&self, body: &[u8]) -> Vec<u8> {
        self.ports.key_maker.fingerprint(body)
    }

    /// Nobody believes any more what was known of a user: here at once, elsewhere as soon as it is heard.
    pub(super) async fn forget(&self, user: UserId) {
        self.ports.identities.forget_user(user);
        self.ports.bus.publish(Notice::User(user)).await;
    }

    pub(super) async fn user_changed(&self, user: UserId, done: bool) -> Result<(), Fault> {
        self.forget(user).await;
        if done { Ok(()) } else { Err(Fault::new(&codes::USER_NOT_FOUND)) }
    }
}
