//! Who calls: a session token or an API key.

use super::Problem;
use super::body::Body;
use crate::http::State;
use crate::http::credentials::{NoKey, key, of_event_source};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use maru_domain::access::{Actor, Identity, Via};
use maru_domain::accounts::User;
use maru_domain::error::{Fault, codes};
use maru_domain::ids::{SessionId, UserId};

/// A caller with a good token or key, and what it showed: streams ask again while they are open.
#[derive(Clone)]
pub struct Caller {
    identity: Identity,
    /// The token or key.
    pub key: String,
}

impl Caller {
    /// Who calls, for any contract that wants a token.
    ///
    /// # Errors
    /// `NOT_AUTHENTICATED`, `INVALID_TOKEN`, `ACCOUNT_INACTIVE`, or when the store is away.
    pub async fn of(request: &HttpRequest) -> Result<Self, Fault> {
        let key = match key(request) {
            Ok(key) => key.to_owned(),
            Err(why) => of_event_source(request).filter(|_| why == NoKey::Missing).ok_or(why)?,
        };
        let state = request.app_data::<web::Data<State>>();
        let state = state.ok_or_else(|| Fault::new(&codes::INTERNAL))?;
        let identity = state.services.accounts.admit(&key).await?;
        Ok(Self { identity, key })
    }

    pub fn id(&self) -> UserId {
        self.identity.user.id
    }

    pub fn user(&self) -> &User {
        &self.identity.user
    }

    pub fn actor(&self) -> Actor {
        Actor::User(self.identity.clone())
    }

    /// The session, when the caller has shown a session's token.
    pub fn session(&self) -> Option<SessionId> {
        match self.identity.via {
            Via::Session(id) => Some(id),
            Via::Key(_) => None,
        }
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Ok(Self::of(&request).await?) })
    }
}

/// A caller and the body, which is read for nobody else. Two extractors side by side would run at
/// once, and a bad body could be told to nobody known.
pub struct Asked(pub Caller, pub Body);

impl FromRequest for Asked {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let caller = Caller::from_request(&request, &mut payload).await?;
            let body = Body::from_request(&request, &mut payload).await?;
            Ok(Self(caller, body))
        })
    }
}
