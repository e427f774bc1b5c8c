//! Who calls: the token in the `Authorization` header (contract §1.1).

use super::super::drf::{Fields, Refusal};
use crate::http::State;
use crate::http::credentials::{self, NoKey};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use maru_domain::access::{Actor, Identity};
use maru_domain::accounts::User;
use maru_domain::error::{Fault, codes};
use maru_domain::ids::UserId;

/// A caller with a good token or key.
pub struct Caller(Identity);

impl Caller {
    /// Who.
    pub fn user(&self) -> &User {
        &self.0.user
    }

    /// Whose things it reaches.
    pub fn id(&self) -> UserId {
        self.0.user.id
    }

    /// For the rules of access.
    pub fn actor(&self) -> Actor {
        Actor::User(self.0.clone())
    }
}

impl FromRequest for Caller {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let key = key(&request)?;
            let state = request.app_data::<web::Data<State>>();
            let state = state.ok_or_else(|| Refusal::from(Fault::new(&codes::INTERNAL)))?;
            Ok(Self(state.services.accounts.recognise(key).await?))
        })
    }
}

/// A caller and the fields of the body, which is read for nobody else.
pub struct Asked(pub Caller, pub Fields);

impl FromRequest for Asked {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            // Two extractors side by side would run at once, and a bad body could be told to nobody known.
            let caller = Caller::from_request(&request, &mut payload).await?;
            let fields = Fields::from_request(&request, &mut payload).await?;
            Ok(Self(caller, fields))
        })
    }
}

/// The one key of the header, or this contract's words for what is wrong with it.
fn key(request: &HttpRequest) -> Result<&str, Refusal> {
    credentials::key(request).map_err(|why| {
        Refusal::unauthenticated(match why {
            NoKey::Missing => "Authentication credentials were not provided.",
            NoKey::Several => "Invalid token header. Send one Authorization header.",
            NoKey::Unreadable => "Invalid token header. Token string should not contain invalid characters.",
            NoKey::Empty => "Invalid token header. No credentials provided.",
            NoKey::Spaces => "Invalid token header. Token string should not contain spaces.",
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::AUTHORIZATION;
    use actix_web::test::TestRequest;

    fn outcome(header: Option<&str>) -> Result<String, String> {
        let mut request = TestRequest::default();
        if let Some(header) = header {
            request = request.insert_header((AUTHORIZATION, header));
        }
        key(&request.to_http_request()).map(str::to_owned).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn the_keyword_is_any_case_and_either_word() {
        for header in ["Token abc", "token abc", "TOKEN  abc", "Bearer abc", "bearer abc"] {
            assert_eq!(outcome(Some(header)), Ok("abc".to_owned()), "{header}");
        }
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        let cases = [
            (None, "were not provided"),
            (Some("Basic abc"), "were not provided"),
            (Some(""), "were not provided"),
            (Some("Token"), "No credentials provided"),
            (Some("Bearer "), "No credentials provided"),
            (Some("Token a b"), "should not contain spaces"),
        ];
        for (header, words) in cases {
            let refusal = outcome(header).unwrap_err();
            assert!(refusal.contains(words) && refusal.contains("401"), "{header:?}: {refusal}");
        }
    }
}
