//! The use cases of accounts: register, log in, be recognised, log out.

use super::ports::{
    Credential, HashError, IdentityCache, KeyMaker, KeyStore, Limiter, NewKey, NewSession, NewUser,
    PasswordHasher, SessionStore, TokenClaims, TokenSigner, UserStore,
};
use super::{ApiKey, EMAIL_CHARS, KEY_PREFIX, Session, User, check_password, check_username};
use crate::access::{Identity, Via};
use crate::clock::{Clock, Timestamp};
use crate::error::{Fault, FieldFault, FieldRule, StoreError, codes};
use crate::events::ports::{Bus, Notice};
use crate::ids::{Ids, KeyId, SessionId, UserId};
use crate::once::{Once, OnceKey};
use crate::page::{Page, PageRequest};
use crate::text::{has_control, normalised_name};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;

/// A session's last use is noted at most this often: it is for people to look at, not for rules.
const TOUCH_EVERY: Duration = Duration::from_mins(1);

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

/// How short a password may be: the contracts differ.
#[derive(Clone, Copy, Debug)]
pub struct PasswordRule {
    /// In characters.
    pub min_chars: usize,
}

/// Where a request comes from, for limits and for keys of those who have no account yet.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The client's address, without a port.
    pub address: String,
}

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

    /// Who shows this token or key. Revoked sessions, revoked keys and disabled accounts are
    /// noticed within seconds.
    ///
    /// # Errors
    /// `INVALID_TOKEN`, `ACCOUNT_INACTIVE`, or when the store is away.
    pub async fn recognise(&self, bearer: &str) -> Result<Identity, Fault> {
        let credential = self.credential(bearer);
        match self.ports.identities.get(&credential) {
            Some(identity) => Ok(identity),
            None => self.look_up(bearer, credential).await,
        }
    }

    /// Who makes a request, which counts against the limit of its key. Asked once for each request, and never by
    /// a stream that looks again.
    ///
    /// # Errors
    /// `TOO_MANY_REQUESTS`, and as [`Accounts::recognise`].
    pub async fn admit(&self, bearer: &str) -> Result<Identity, Fault> {
        let identity = self.recognise(bearer).await?;
        if let Via::Key(key) = identity.via
            && self.ports.limiter.counts_requests()
        {
            let allowed = self.ports.limiter.request(key).await;
            allowed.map_err(|wait| Fault::new(&codes::TOO_MANY_REQUESTS).retry_after(wait))?;
        }
        Ok(identity)
    }

    /// The same without trust in what was seen a moment ago: for streams that ask every few seconds,
    /// and would be late by both waits.
    ///
    /// # Errors
    /// As [`Accounts::recognise`].
    pub async fn recognise_anew(&self, bearer: &str) -> Result<Identity, Fault> {
        self.look_up(bearer, self.credential(bearer)).await
    }

    fn credential(&self, bearer: &str) -> Credential {
        Credential(self.ports.key_maker.hash(bearer))
    }

    async fn look_up(&self, bearer: &str, credential: Credential) -> Result<Identity, Fault> {
        let now = self.ports.clock.now();
        let identity = if bearer.starts_with(KEY_PREFIX) {
            self.key_identity(credential.0, now).await?
        } else {
            let claims = self.ports.signer.verify(bearer, now);
            let claims = claims.ok_or_else(|| Fault::new(&codes::INVALID_TOKEN))?;
            self.session_identity(claims.session, now).await?
        };
        self.ports.identities.put(credential, identity.clone());
        Ok(identity)
    }

    async fn session_identity(&self, id: SessionId, now: Timestamp) -> Result<Identity, Fault> {
        let found = self.ports.sessions.identify(id).await?;
        let live = found.filter(|(session, _)| session.revoked_at.is_none() && session.expires_at > now);
        let (session, user) = live.ok_or_else(|| Fault::new(&codes::INVALID_TOKEN))?;
        if is_stale(Some(session.last_used_at), now) {
            noted(self.ports.sessions.touch(id, now).await);
        }
        identity(user, Via::Session(id), Some(session.expires_at))
    }

    async fn key_identity(&self, hash: super::KeyHash, now: Timestamp) -> Result<Identity, Fault> {
        let found = self.ports.keys.identify(hash).await?;
        let live =
            found.filter(|(key, _)| key.revoked_at.is_none() && key.expires_at.is_none_or(|end| end > now));
        let (key, user) = live.ok_or_else(|| Fault::new(&codes::INVALID_TOKEN))?;
        if is_stale(key.last_used_at, now) {
            noted(self.ports.keys.touch(key.id, now).await);
        }
        identity(user, Via::Key(key.id), key.expires_at)
    }

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

    /// Ends a session.
    ///
    /// # Errors
    /// `SESSION_NOT_FOUND`, or when the store is away.
    pub async fn revoke_session(&self, user: UserId, session: SessionId) -> Result<(), Fault> {
        let done = self.ports.sessions.revoke(user, session, self.ports.clock.now()).await?;
        self.forget(user).await;
        if done { Ok(()) } else { Err(Fault::new(&codes::SESSION_NOT_FOUND)) }
    }

    /// A page of a user's live sessions.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn sessions(
        &self,
        user: UserId,
        request: PageRequest<SessionId>,
    ) -> Result<Page<Session>, Fault> {
        Ok(self.ports.sessions.page(user, self.ports.clock.now(), request).await?)
    }

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

    /// A keyed hash of a request's body, for an idempotency key.
    #[must_use]
    pub fn fingerprint(&self, body: &[u8]) -> Vec<u8> {
        self.ports.key_maker.fingerprint(body)
    }

    /// Nobody believes any more what was known of a user: here at once, elsewhere as soon as it is heard.
    async fn forget(&self, user: UserId) {
        self.ports.identities.forget_user(user);
        self.ports.bus.publish(Notice::User(user)).await;
    }

    async fn user_changed(&self, user: UserId, done: bool) -> Result<(), Fault> {
        self.forget(user).await;
        if done { Ok(()) } else { Err(Fault::new(&codes::USER_NOT_FOUND)) }
    }

    fn new_session(&self, now: Timestamp) -> NewSession {
        let expires_at = now.checked_add(self.token_ttl).unwrap_or(Timestamp::MAX);
        NewSession { id: SessionId(self.ports.ids.next()), created_at: now, expires_at }
    }

    fn signed_in(&self, user: User, session: Option<Session>) -> Result<SignedIn, Fault> {
        let session = session.ok_or_else(|| Fault::new(&codes::INTERNAL))?;
        let claims = TokenClaims {
            user: user.id,
            session: session.id,
            issued_at: session.created_at,
            expires_at: session.expires_at,
        };
        let token = self.ports.signer.sign(&claims);
        Ok(SignedIn { user, session, token })
    }
}

fn identity(user: User, via: Via, expires_at: Option<Timestamp>) -> Result<Identity, Fault> {
    if user.active {
        Ok(Identity { user: Arc::new(user), via, expires_at })
    } else {
        Err(Fault::new(&codes::ACCOUNT_INACTIVE))
    }
}

/// A last use that could not be noted is no reason to turn its owner away.
fn noted(outcome: Result<(), StoreError>) {
    if let Err(error) = outcome {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "could not note the last use of a credential"
        );
    }
}

fn is_stale(last_used: Option<Timestamp>, now: Timestamp) -> bool {
    last_used.is_none_or(|last| now.duration_since(last) >= TOUCH_EVERY.try_into().unwrap_or_default())
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

fn hash_fault(error: HashError) -> Fault {
    match error {
        HashError::Busy => Fault::new(&codes::OVERLOADED).retry_after(Duration::from_secs(1)),
        HashError::Failed(_) => Fault::new(&codes::INTERNAL).caused_by(error),
    }
}
