//! New passwords in the place of old ones.

use super::ports::HashError;
use super::{Accounts, User, check_password};
use crate::error::{Fault, codes};
use crate::ids::{SessionId, UserId};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

/// How short a password may be: the contracts differ.
#[derive(Clone, Copy, Debug)]
pub struct PasswordRule {
    /// In characters.
    pub min_chars: usize,
}

impl Accounts {
    /// Sets a new password and ends every session of the user.
    ///
    /// # Errors
    /// The rule that the password breaks, `USER_NOT_FOUND`, or when the store is away.
    pub async fn reset_password(
        &self,
        user: UserId,
        password: SecretString,
        rule: PasswordRule,
    ) -> Result<(), Fault> {
        let mut faults = Vec::new();
        check_password(password.expose_secret(), rule.min_chars, &mut faults);
        if !faults.is_empty() {
            return Err(Fault::fields(faults));
        }
        let hash = self.ports.hasher.hash(password).await.map_err(hash_fault)?;
        let done = self.ports.users.set_password(user, hash, None, self.ports.clock.now()).await?;
        self.user_changed(user, done).await
    }

    /// Changes a password for whoever knows the old one, and ends every other session.
    ///
    /// # Errors
    /// `WRONG_CREDENTIALS`, `TOO_MANY_ATTEMPTS`, the rule that the new one breaks, or when the store
    /// is away.
    pub async fn change_password(
        &self,
        user: &User,
        old: SecretString,
        new: SecretString,
        rule: PasswordRule,
        keep: Option<SessionId>,
    ) -> Result<(), Fault> {
        let mut faults = Vec::new();
        check_password(new.expose_secret(), rule.min_chars, &mut faults);
        if !faults.is_empty() {
            // There are two passwords here.
            faults.iter_mut().for_each(|fault| fault.field = "new");
            return Err(Fault::fields(faults));
        }
        // Guessing here is guessing at a login: the same limit holds.
        let allowed = self.ports.limiter.login(user.username.clone()).await;
        allowed.map_err(|wait| Fault::new(&codes::TOO_MANY_ATTEMPTS).retry_after(wait))?;
        let found = self.ports.users.credentials(user.username.clone()).await?;
        let hash = found.and_then(|found| found.password_hash);
        if !self.ports.hasher.check(old, hash).await.map_err(hash_fault)?.right {
            self.ports.limiter.login_failed(user.username.clone()).await;
            return Err(Fault::new(&codes::WRONG_CREDENTIALS));
        }
        self.ports.limiter.login_succeeded(user.username.clone()).await;
        let hash = self.ports.hasher.hash(new).await.map_err(hash_fault)?;
        let now = self.ports.clock.now();
        let done = self.ports.users.set_password(user.id, hash, keep, now).await?;
        self.user_changed(user.id, done).await
    }
}

pub(super) fn hash_fault(error: HashError) -> Fault {
    match error {
        HashError::Busy => Fault::new(&codes::OVERLOADED).retry_after(Duration::from_secs(1)),
        HashError::Failed(_) => Fault::new(&codes::INTERNAL).caused_by(error),
    }
}
