//! Who calls an open contract: somebody with a token, or anybody at all where the settings allow it
//! (contract §0.3).

use super::State;
use super::contracts::Contract;
use super::credentials::{self, NoKey};
use super::pages;
use actix_web::dev::Payload;
use actix_web::error::InternalError;
use actix_web::{Error, FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use maru_domain::access::Actor;
use maru_domain::error::{Fault, Kind, codes};

/// The caller of an open contract. One who shows a token must show a good one: a token that is
/// wrong never makes a caller anonymous.
pub struct Visitor {
    actor: Actor,
    key: Option<String>,
}

impl Visitor {
    /// For the rules of access.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Whose idempotency keys this caller uses: its own, or those of its address.
    pub fn scope(&self, request: &HttpRequest) -> String {
        match self.actor.owner() {
            Some(owner) => owner.to_string(),
            None => format!("address:{}", super::client::address(request)),
        }
    }

    /// One who has shown a good key elsewhere.
    pub fn known(actor: Actor, key: String) -> Self {
        Self { actor, key: Some(key) }
    }

    /// False once the token of this caller has stopped working; open streams ask.
    pub async fn may_go_on(&self, state: &State) -> bool {
        let Some(key) = &self.key else { return true };
        let known = state.services.accounts.recognise(key).await;
        // A store that is away for a moment is no reason to end a stream.
        !known.is_err_and(|fault| fault.kind() == Kind::Unauthenticated)
    }

    async fn of(request: &HttpRequest) -> Result<Self, Fault> {
        let state = request.app_data::<web::Data<State>>();
        let state = state.ok_or_else(|| Fault::new(&codes::INTERNAL))?;
        let Some(key) = shown(request)? else {
            if state.anonymous {
                return Ok(Self { actor: Actor::Anonymous, key: None });
            }
            return Err(Fault::new(&codes::NOT_AUTHENTICATED));
        };
        let identity = state.services.accounts.admit(&key).await?;
        Ok(Self { actor: Actor::User(identity), key: Some(key) })
    }
}

/// The one key that a request shows. On the pages a browser shows its cookie; elsewhere a cookie is nobody's.
fn shown(request: &HttpRequest) -> Result<Option<String>, Fault> {
    match credentials::key(request) {
        Ok(key) => Ok(Some(key.to_owned())),
        Err(NoKey::Missing) if Contract::of_path(request.path()) == Contract::Pages => {
            Ok(pages::key_of_cookie(request))
        }
        Err(NoKey::Missing) => Ok(credentials::of_event_source(request)),
        Err(unusable) => Err(unusable.into()),
    }
}

impl FromRequest for Visitor {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            Self::of(&request).await.map_err(|fault| {
                let refusal = Contract::of_path(request.path()).refuse(fault);
                InternalError::from_response("the caller is not known", refusal).into()
            })
        })
    }
}
