//! Who shows a token or a key.

use super::ports::Credential;
use super::{Accounts, KEY_PREFIX, KeyHash, User};
use crate::access::{Identity, Via};
use crate::clock::Timestamp;
use crate::error::{Fault, StoreError, codes};
use crate::ids::SessionId;
use std::sync::Arc;
use std::time::Duration;

/// A session's last use is noted at most this often: it is for people to look at, not for rules.
const TOUCH_EVERY: Duration = Duration::from_mins(1);

impl Accounts {
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

    async fn key_identity(&self, hash: KeyHash, now: Timestamp) -> Result<Identity, Fault> {
        let found = self.ports.keys.identify(hash).await?;
        let live =
            found.filter(|(key, _)| key.revoked_at.is_none() && key.expires_at.is_none_or(|end| end > now));
        let (key, user) = live.ok_or_else(|| Fault::new(&codes::INVALID_TOKEN))?;
        if is_stale(key.last_used_at, now) {
            noted(self.ports.keys.touch(key.id, now).await);
        }
        identity(user, Via::Key(key.id), key.expires_at)
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
