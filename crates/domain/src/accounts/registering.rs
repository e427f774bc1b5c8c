//! Making an account, by its owner or by an operator.

use super::passwords::hash_fault;
use super::ports::NewUser;
use super::{Accounts, EMAIL_CHARS, PasswordRule, SignedIn, User, check_password, check_username};
use crate::clock::Timestamp;
use crate::error::{Fault, FieldFault, FieldRule, StoreError, codes};
use crate::ids::UserId;
use crate::once::{Once, OnceKey};
use crate::text::{has_control, normalised_name};
use secrecy::{ExposeSecret, SecretString};

/// Somebody who wants an account.
#[derive(Debug)]
pub struct Registration {
    /// The name they want.
    pub username: String,
    /// May be empty.
    pub email: String,
    /// The password they want.
    pub password: SecretString,
    /// How short it may be.
    pub rule: PasswordRule,
    /// Fields that could not even be read; they are told together with the others.
    pub unread: Vec<FieldFault>,
}

impl Registration {
    /// Everything that is wrong with it, but for what only the store knows.
    fn faults(&self, username: &str) -> Vec<FieldFault> {
        let mut faults = self.unread.clone();
        let unread = |field: &str| self.unread.iter().any(|fault| fault.field == field);
        if !unread("username") {
            check_username(username, &mut faults);
        }
        if !unread("email") {
            check_email(&self.email, &mut faults);
        }
        if !unread("password") {
            check_password(self.password.expose_secret(), self.rule.min_chars, &mut faults);
        }
        faults
    }
}

/// Where a request comes from, for limits and for keys of those who have no account yet.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The client's address, without a port.
    pub address: String,
}

impl Accounts {
    /// Makes an account and signs in.
    ///
    /// # Errors
    /// All fields that break a rule at once; `TOO_MANY_ATTEMPTS`; or when the store is away.
    pub async fn register(
        &self,
        registration: Registration,
        origin: &Origin,
        once: Option<OnceKey>,
    ) -> Result<Once<SignedIn>, Fault> {
        let now = self.ports.clock.now();
        let user = self.checked(registration, Some(origin), once.is_some(), now).await?;
        let session = self.new_session(now);
        let made = self.ports.users.register(user, Some(session), once).await.map_err(name_taken)?;
        match made {
            Once::KeyReused => Err(Fault::new(&codes::IDEMPOTENCY_KEY_REUSED)),
            Once::Done((user, session)) => Ok(Once::Done(self.signed_in(user, session)?)),
            Once::Replayed((user, session)) => Ok(Once::Replayed(self.signed_in(user, session)?)),
        }
    }

    /// Makes an account without a session, for an operator.
    ///
    /// # Errors
    /// As [`Accounts::register`], without a limit.
    pub async fn create(&self, registration: Registration) -> Result<User, Fault> {
        let user = self.checked(registration, None, false, self.ports.clock.now()).await?;
        match self.ports.users.register(user, None, None).await.map_err(name_taken)? {
            Once::Done((user, _)) | Once::Replayed((user, _)) => Ok(user),
            Once::KeyReused => Err(Fault::new(&codes::IDEMPOTENCY_KEY_REUSED)),
        }
    }

    async fn checked(
        &self,
        registration: Registration,
        limited: Option<&Origin>,
        may_be_a_retry: bool,
        now: Timestamp,
    ) -> Result<NewUser, Fault> {
        let username = normalised_name(&registration.username);
        let mut faults = registration.faults(&username);
        // A taken name is told together with the other faults, and before a hash is paid for. A
        // retry finds the name that it has taken itself: only the store can tell, by the key.
        if !may_be_a_retry
            && !faults.iter().any(|fault| fault.field == "username")
            && self.ports.users.credentials(username.clone()).await?.is_some()
        {
            faults.insert(0, FieldFault { field: "username", rule: FieldRule::Taken });
        }
        if !faults.is_empty() {
            return Err(Fault::fields(faults));
        }
        if let Some(origin) = limited {
            let allowed = self.ports.limiter.registration(origin.address.clone()).await;
            allowed.map_err(|wait| Fault::new(&codes::TOO_MANY_ATTEMPTS).retry_after(wait))?;
        }
        let password_hash = self.ports.hasher.hash(registration.password).await.map_err(hash_fault)?;
        let id = UserId(self.ports.ids.next());
        Ok(NewUser { id, username, email: registration.email, password_hash, created_at: now })
    }
}

fn check_email(email: &str, faults: &mut Vec<FieldFault>) {
    let field = "email";
    if email.is_empty() {
        return;
    }
    if email.chars().count() > EMAIL_CHARS {
        faults.push(FieldFault { field, rule: FieldRule::TooLong(EMAIL_CHARS) });
    } else if has_control(email) || !is_reachable(email) || !validator::ValidateEmail::validate_email(&email)
    {
        faults.push(FieldFault { field, rule: FieldRule::Email });
    }
}

/// A domain of one word is no address but a slip, as in the seed; but for this machine's own.
fn is_reachable(email: &str) -> bool {
    let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
    domain.contains('.') || domain.starts_with('[') || domain.eq_ignore_ascii_case("localhost")
}

fn name_taken(error: StoreError) -> Fault {
    match error {
        StoreError::Conflict(_) => {
            Fault::fields(vec![FieldFault { field: "username", rule: FieldRule::Taken }])
        }
        other => other.into(),
    }
}
