//! Opening a session for a name and its password.

use super::passwords::hash_fault;
use super::{Accounts, Session, User};
use crate::error::{Fault, codes};
use crate::ids::UserId;
use crate::once::{Once, OnceKey};
use crate::text::{has_control, normalised_name};
use secrecy::SecretString;

/// A user with a new session and its token.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// The session.
    pub session: Session,
    /// The token that names it.
    pub token: SecretString,
}

impl Accounts {
    /// Opens a session for the right name and password. A wrong name and a wrong password cost the
    /// same and look the same; the limiter is asked before anything is looked up.
    ///
    /// # Errors
    /// `WRONG_CREDENTIALS`, `ACCOUNT_INACTIVE` (told only after the right password),
    /// `TOO_MANY_ATTEMPTS`, `OVERLOADED`, `IDEMPOTENCY_KEY_REUSED`, or when the store is away.
    pub async fn login(
        &self,
        username: &str,
        password: SecretString,
        once: Option<OnceKey>,
    ) -> Result<Once<SignedIn>, Fault> {
        let username = normalised_name(username);
        let allowed = self.ports.limiter.login(username.clone()).await;
        allowed.map_err(|wait| Fault::new(&codes::TOO_MANY_ATTEMPTS).retry_after(wait))?;
        let found = if has_control(&username) {
            None
        } else {
            self.ports.users.credentials(username.clone()).await?
        };
        let hash = found.as_ref().and_then(|found| found.password_hash.clone());
        let check = self.ports.hasher.check(password.clone(), hash).await.map_err(hash_fault)?;
        let Some(found) = found.filter(|_| check.right) else {
            self.ports.limiter.login_failed(username).await;
            return Err(Fault::new(&codes::WRONG_CREDENTIALS));
        };
        if !found.user.active {
            return Err(Fault::new(&codes::ACCOUNT_INACTIVE));
        }
        self.ports.limiter.login_succeeded(username).await;
        let now = self.ports.clock.now();
        if let (true, Some(old)) = (check.outdated, found.password_hash)
            && let Err(fault) = self.strengthen(found.user.id, old, password).await
        {
            // The password was right: its next login tries again.
            tracing::warn!(error = &fault as &dyn std::error::Error, "a password could not be hashed anew");
        }
        match self.ports.sessions.open(found.user.id, self.new_session(now), once).await? {
            Once::Done(session) => Ok(Once::Done(self.signed_in(found.user, Some(session))?)),
            Once::Replayed(session) => Ok(Once::Replayed(self.signed_in(found.user, Some(session))?)),
            Once::KeyReused => Err(Fault::new(&codes::IDEMPOTENCY_KEY_REUSED)),
        }
    }

    /// Keeps a password under today's cost.
    async fn strengthen(&self, user: UserId, old: String, password: SecretString) -> Result<(), Fault> {
        let hash = self.ports.hasher.hash(password).await.map_err(hash_fault)?;
        self.ports.users.rehash(user, old, hash).await?;
        Ok(())
    }
}
