//! What accounts need from outside.

use super::{ApiKey, Credentials, KeyHash, Session, User};
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::ids::{KeyId, SessionId, UserId};
use crate::once::{Once, OnceKey};
use crate::page::{Page, PageRequest};
use async_trait::async_trait;
use secrecy::SecretString;
use std::time::Duration;

/// A user to be made.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Its id.
    pub id: UserId,
    /// The unique name, in one spelling.
    pub username: String,
    /// May be empty.
    pub email: String,
    /// The PHC string.
    pub password_hash: String,
    /// Now.
    pub created_at: Timestamp,
}

/// A session to be opened.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// Now.
    pub created_at: Timestamp,
    /// When its token stops working.
    pub expires_at: Timestamp,
}

/// Users.
#[async_trait]
pub trait UserStore: Send + Sync {
    /// Makes a user and, in the same transaction, its first session.
    ///
    /// # Errors
    /// `Conflict("users_username_key")` when the name is taken.
    async fn register(
        &self,
        user: NewUser,
        session: Option<NewSession>,
        once: Option<OnceKey>,
    ) -> Result<Once<(User, Option<Session>)>, StoreError>;

    /// The user of that name, for a login.
    async fn credentials(&self, username: String) -> Result<Option<Credentials>, StoreError>;

    /// The user of that id.
    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// Users by number, after `after`.
    async fn list(&self, after: i64, limit: i64) -> Result<Vec<User>, StoreError>;

    /// Sets a new password hash; every session of the user but `keep` is revoked with it.
    async fn set_password(
        &self,
        id: UserId,
        password_hash: String,
        keep: Option<SessionId>,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Sets another hash of the same password, unless the hash is not `from` any more: a password
    /// that was changed meanwhile stays changed. No session ends.
    async fn rehash(&self, id: UserId, from: String, to: String) -> Result<bool, StoreError>;

    /// Enables or disables an account.
    async fn set_active(&self, id: UserId, active: bool) -> Result<bool, StoreError>;

    /// Deletes a user with everything that is theirs.
    async fn delete(&self, id: UserId) -> Result<bool, StoreError>;
}

/// Sessions.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Opens a session for a user.
    async fn open(
        &self,
        user: UserId,
        session: NewSession,
        once: Option<OnceKey>,
    ) -> Result<Once<Session>, StoreError>;

    /// The session with its user, whatever their state.
    async fn identify(&self, id: SessionId) -> Result<Option<(Session, User)>, StoreError>;

    /// Notes that a session was seen.
    async fn touch(&self, id: SessionId, now: Timestamp) -> Result<(), StoreError>;

    /// A page of a user's sessions that are neither revoked nor expired; an older one has the smaller id.
    async fn page(
        &self,
        user: UserId,
        now: Timestamp,
        request: PageRequest<SessionId>,
    ) -> Result<Page<Session>, StoreError>;

    /// Ends a session of a user; false when there is none such.
    async fn revoke(&self, user: UserId, id: SessionId, now: Timestamp) -> Result<bool, StoreError>;
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Its id.
    pub id: KeyId,
    /// Whose.
    pub user_id: UserId,
    /// What the owner calls it.
    pub name: String,
    /// SHA-256 of the key.
    pub hash: KeyHash,
    /// Now.
    pub created_at: Timestamp,
    /// When it stops working, if ever.
    pub expires_at: Option<Timestamp>,
}

/// API keys.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Keeps a new key.
    async fn create(&self, key: NewKey, once: Option<OnceKey>) -> Result<Once<ApiKey>, StoreError>;

    /// The key of that hash with its user, whatever their state.
    async fn identify(&self, hash: KeyHash) -> Result<Option<(ApiKey, User)>, StoreError>;

    /// Notes that a key was seen.
    async fn touch(&self, id: KeyId, now: Timestamp) -> Result<(), StoreError>;

    /// A page of a user's keys that are not revoked; an older one has the smaller id.
    async fn page(&self, user: UserId, request: PageRequest<KeyId>) -> Result<Page<ApiKey>, StoreError>;

    /// Revokes a key of a user; false when there is none such.
    async fn revoke(&self, user: UserId, id: KeyId, now: Timestamp) -> Result<bool, StoreError>;
}

/// The outcome of checking a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordCheck {
    /// It is the right one.
    pub right: bool,
    /// It was hashed with weaker parameters than today's.
    pub outdated: bool,
}

/// All hashing slots are taken and the queue before them is full.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Ask again in a moment.
    #[error("too many passwords are being hashed")]
    Busy,
    /// The hash in the database cannot be read, or the machine refused.
    #[error("password hashing failed: {0}")]
    Failed(String),
}

/// Turns passwords into hashes, slowly on purpose and never on a thread that serves requests.
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// The PHC string of a new password.
    async fn hash(&self, password: SecretString) -> Result<String, HashError>;

    /// Checks a password. Without a hash (no such user, or no password) it takes as long and says wrong.
    async fn check(&self, password: SecretString, hash: Option<String>) -> Result<PasswordCheck, HashError>;
}

/// What a session token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenClaims {
    /// Whose.
    pub user: UserId,
    /// Which login.
    pub session: SessionId,
    /// When it was signed.
    pub issued_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// Signs and checks session tokens.
pub trait TokenSigner: Send + Sync {
    /// The token that says `claims`; the same claims give the same token.
    fn sign(&self, claims: &TokenClaims) -> SecretString;

    /// What the token says, if it is ours and its time is not over.
    fn verify(&self, token: &str, now: Timestamp) -> Option<TokenClaims>;
}

/// Makes API keys and hashes them.
pub trait KeyMaker: Send + Sync {
    /// The key of that id and its hash: always the same, so that a retried request gets the key that
    /// it has made, though only the hash is stored. Without the server's secret nobody can tell it.
    fn make(&self, id: KeyId) -> (SecretString, KeyHash);

    /// The hash of a key that somebody sent.
    fn hash(&self, key: &str) -> KeyHash;

    /// A keyed hash of a request's body, for [`OnceKey::fingerprint`].
    fn fingerprint(&self, body: &[u8]) -> Vec<u8>;
}

/// Counts attempts; may forget them at a restart.
#[async_trait]
pub trait Limiter: Send + Sync {
    /// Takes one of the registrations that an address may make an hour.
    ///
    /// # Errors
    /// How long to wait.
    async fn registration(&self, address: String) -> Result<(), Duration>;

    /// Asks whether a login for this name may be tried now.
    ///
    /// # Errors
    /// How long to wait.
    async fn login(&self, username: String) -> Result<(), Duration>;

    /// Notes a failed login.
    async fn login_failed(&self, username: String);

    /// Notes a good login: the count begins anew.
    async fn login_succeeded(&self, username: String);

    /// False where requests are not limited: then nobody asks [`Limiter::request`].
    fn counts_requests(&self) -> bool;

    /// Takes one of the requests that a key may make a minute; the minute begins with the first of them.
    ///
    /// # Errors
    /// How long to wait.
    async fn request(&self, key: KeyId) -> Result<(), Duration>;
}

/// Who a credential stands for, remembered for a few seconds so that not every request asks the store.
pub trait IdentityCache: Send + Sync {
    /// What is remembered, at most 5 s old.
    fn get(&self, credential: &Credential) -> Option<crate::access::Identity>;

    /// Remembers.
    fn put(&self, credential: Credential, identity: crate::access::Identity);

    /// Forgets everything about a user: something of theirs was revoked.
    fn forget_user(&self, user: UserId);
}

/// What a caller shows to say who it is, a token or a key, as its hash: the same text is the same caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Credential(pub KeyHash);
