//! Who calls: the token in the `Authorization` header (contract §1.1, §2).

use super::language::{Language, Stranger};
use super::{Fields, Refusal};
use crate::http::State;
use crate::http::credentials;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use maru_domain::access::{Actor, Identity};
use maru_domain::accounts::User;
use maru_domain::error::{Fault, codes};
use maru_domain::ids::UserId;
use std::marker::PhantomData;

/// A caller with a good token or key.
pub struct Caller<L>(Identity, PhantomData<L>);

impl<L> Caller<L> {
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

impl<L: Language> FromRequest for Caller<L> {
    type Error = Refusal<L>;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal<L>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let key = key(&request)?;
            let state = request.app_data::<web::Data<State>>();
            let state = state.ok_or_else(|| Fault::new(&codes::INTERNAL))?;
            Ok(Self(state.services.accounts.admit(key).await?, PhantomData))
        })
    }
}

/// A caller and the fields of the body, which is read for nobody else.
pub struct Asked<L> {
    /// Who calls.
    pub caller: Caller<L>,
    /// What the body says.
    pub fields: Fields<L>,
}

impl<L: Language> FromRequest for Asked<L> {
    type Error = Refusal<L>;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal<L>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            // Two extractors side by side would run at once, and a bad body could be told to nobody known.
            let caller = Caller::from_request(&request, &mut payload).await?;
            let fields = Fields::from_request(&request, &mut payload).await?;
            Ok(Self { caller, fields })
        })
    }
}

/// The one key of the header, or the words for what is wrong with it.
fn key<L: Language>(request: &HttpRequest) -> Result<&str, Refusal<L>> {
    credentials::key(request).map_err(|why| Refusal::stranger(Stranger::NoKey(why)))
}

#[cfg(test)]
mod tests {
    use super::super::English;
    use super::*;
    use actix_web::http::header::AUTHORIZATION;
    use actix_web::test::TestRequest;

    fn outcome(header: Option<&str>) -> Result<String, String> {
        let mut request = TestRequest::default();
        if let Some(header) = header {
            request = request.insert_header((AUTHORIZATION, header));
        }
        key::<English>(&request.to_http_request()).map(str::to_owned).map_err(|refusal| refusal.to_string())
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
