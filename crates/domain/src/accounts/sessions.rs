//! Sessions: begun with a token that names them, listed and ended.

use super::ports::{NewSession, TokenClaims};
use super::{Accounts, Session, SignedIn, User};
use crate::clock::Timestamp;
use crate::error::{Fault, codes};
use crate::ids::{SessionId, UserId};
use crate::page::{Page, PageRequest};

impl Accounts {
    pub(super) fn new_session(&self, now: Timestamp) -> NewSession {
        let expires_at = now.checked_add(self.token_ttl).unwrap_or(Timestamp::MAX);
        NewSession { id: SessionId(self.ports.ids.next()), created_at: now, expires_at }
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

    pub(super) fn signed_in(&self, user: User, session: Option<Session>) -> Result<SignedIn, Fault> {
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
