//! Accounts: register, log in and out, sessions, keys (contract §8).

use super::bodies::{KeyBody, LoginBody, PasswordBody, RegisterBody};
use super::body::Body;
use super::caller::{Asked, Caller};
use super::query::{self, Paging};
use super::shapes::{self, KeyShape, PageShape, SessionShape, SignedInShape, UserShape};
use super::{Problem, answers, etag};
use crate::http::{State, client, once};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use maru_domain::accounts::{ApiKey, Origin, PasswordRule, Registration, Session, SignedIn};
use maru_domain::clock::Timestamp;
use maru_domain::error::{Fault, FieldRule, codes};
use maru_domain::once::Once;
use maru_domain::page::Order;
use secrecy::{ExposeSecret, SecretString};

const RULE: PasswordRule = PasswordRule { min_chars: 8 };

/// Makes an account and signs in.
#[utoipa::path(post, path = "/v1/auth/register", operation_id = "v1_register", tag = "accounts", request_body = RegisterBody, responses(
    (status = 201, description = "Registered; the token works at once.", body = SignedInShape),
))]
pub async fn register(
    request: HttpRequest,
    state: web::Data<State>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let registration = Registration {
        username: body.required("username").trim().to_owned(),
        email: body.text("email").unwrap_or_default().trim().to_owned(),
        password: SecretString::from(body.required("password")),
        rule: RULE,
        unread: body.unread(),
    };
    let origin = Origin { address: client::address(&request) };
    let key = once::key(&request, &state, format!("address:{}", origin.address), &body.bytes)?;
    let done = state.services.accounts.register(registration, &origin, key).await?;
    signed_in(StatusCode::CREATED, done)
}

/// Opens a session.
#[utoipa::path(post, path = "/v1/auth/login", operation_id = "v1_login", tag = "accounts", request_body = LoginBody, responses(
    (status = 200, description = "Logged in, with a token of this session.", body = SignedInShape),
))]
pub async fn login(
    request: HttpRequest,
    state: web::Data<State>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let (username, password) = (body.required("username"), SecretString::from(body.required("password")));
    body.check()?;
    let key = once::key(&request, &state, format!("address:{}", client::address(&request)), &body.bytes)?;
    // A key that stands for another request is told before its password is looked at.
    if let Some(kept) = once::kept(&state, key.as_ref()).await? {
        return Ok(kept);
    }
    let done = state.services.accounts.login(username.trim(), password, key).await?;
    signed_in(StatusCode::OK, done)
}

fn signed_in(status: StatusCode, done: Once<SignedIn>) -> Result<HttpResponse, Problem> {
    answers::once(status, done, |signed_in| SignedInShape {
        token: signed_in.token.expose_secret().to_owned(),
        expires_at: shapes::time(signed_in.session.expires_at),
        user: shapes::user(&signed_in.user),
    })
}

/// Ends the session of the token that asks. An API key has none: it is revoked by its own route.
#[utoipa::path(post, path = "/v1/auth/logout", operation_id = "v1_logout", tag = "accounts", security(("bearer" = [])), responses(
    (status = 204, description = "The token works no more."),
))]
pub async fn logout(
    request: HttpRequest,
    state: web::Data<State>,
    Asked(caller, body): Asked,
) -> Result<HttpResponse, Problem> {
    let key = once::key(&request, &state, caller.id().to_string(), &body.bytes)?;
    let act = async {
        let session = caller.session().ok_or_else(|| Fault::new(&codes::SESSION_NOT_FOUND))?;
        state.services.accounts.revoke_session(caller.id(), session).await?;
        Ok(answers::nothing())
    };
    once::repeatable(&state, key, act).await
}

/// Changes the password, and ends every other session.
#[utoipa::path(post, path = "/v1/auth/password", operation_id = "v1_password", tag = "accounts", request_body = PasswordBody, security(("bearer" = [])), responses(
    (status = 204, description = "Changed; only this session goes on."),
))]
pub async fn password(
    request: HttpRequest,
    state: web::Data<State>,
    Asked(caller, body): Asked,
) -> Result<HttpResponse, Problem> {
    let (old, new) = (body.required("old"), body.required("new"));
    body.check()?;
    let key = once::key(&request, &state, caller.id().to_string(), &body.bytes)?;
    let act = async {
        let (old, new) = (SecretString::from(old), SecretString::from(new));
        let accounts = &state.services.accounts;
        accounts.change_password(caller.user(), old, new, RULE, caller.session()).await?;
        Ok(answers::nothing())
    };
    once::repeatable(&state, key, act).await
}

/// Who the token belongs to.
#[utoipa::path(get, path = "/v1/me", operation_id = "v1_me", tag = "accounts", security(("bearer" = [])), responses(
    (status = 200, description = "The user.", body = UserShape),
))]
pub async fn me(caller: Caller) -> HttpResponse {
    HttpResponse::Ok().json(shapes::user(caller.user()))
}

/// A page of the live sessions, newest first.
#[utoipa::path(get, path = "/v1/me/sessions", operation_id = "v1_sessions", tag = "accounts", security(("bearer" = [])), params(
    ("limit" = Option<u16>, Query, description = "1 to 200; 50 when missing.", minimum = 1, maximum = 200),
    ("after" = Option<String>, Query, description = "A cursor: what follows it in this order."),
    ("before" = Option<String>, Query, description = "A cursor: what comes just before it in this order."),
    ("order" = Option<String>, Query, description = "`desc`, the newest first, or `asc`."),
    ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer."),
), responses(
    (status = 200, description = "A page, with an `ETag`.", body = PageShape<SessionShape>),
    (status = 304, description = "As it was under that `ETag`."),
))]
pub async fn sessions(
    request: HttpRequest,
    state: web::Data<State>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let wanted = Paging::of(&request)?.request(Order::Descending)?;
    let page = state.services.accounts.sessions(caller.id(), wanted).await?;
    let own = caller.session();
    let shape = |session: Session| shapes::session(&session, own == Some(session.id));
    let body = answers::text(&query::shape(page, &wanted, |session| session.id, shape))?;
    Ok(etag::by_bytes(&request, &state, body))
}

/// Ends a session. Its tokens stop working within seconds, on open streams too.
#[utoipa::path(delete, path = "/v1/me/sessions/{id}", operation_id = "v1_delete_session", tag = "accounts", security(("bearer" = [])), params(
    ("id" = uuid::Uuid, Path, description = "The session's id."),
), responses((status = 204, description = "Ended.")))]
pub async fn delete_session(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = id.parse().map_err(|_| Fault::new(&codes::SESSION_NOT_FOUND))?;
    state.services.accounts.revoke_session(caller.id(), id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Makes an API key. The key is in this answer and in no other.
#[utoipa::path(post, path = "/v1/keys", operation_id = "v1_create_key", tag = "accounts", request_body = KeyBody, security(("bearer" = [])), responses(
    (status = 201, description = "The key, with `key`.", body = KeyShape),
))]
pub async fn create_key(
    request: HttpRequest,
    state: web::Data<State>,
    Asked(caller, body): Asked,
) -> Result<HttpResponse, Problem> {
    let name = body.required("name");
    let expires_at = body.parsed("expires_at", FieldRule::Choice, |text| text.parse::<Timestamp>().ok());
    body.check()?;
    let key = once::key(&request, &state, caller.id().to_string(), &body.bytes)?;
    let made = state.services.accounts.create_key(caller.id(), &name, expires_at, key).await?;
    answers::once(StatusCode::CREATED, made, |(key, secret)| shapes::key(key, Some(secret.expose_secret())))
}

/// A page of the keys that are not revoked, newest first.
#[utoipa::path(get, path = "/v1/keys", operation_id = "v1_keys", tag = "accounts", security(("bearer" = [])), params(
    ("limit" = Option<u16>, Query, description = "1 to 200; 50 when missing.", minimum = 1, maximum = 200),
    ("after" = Option<String>, Query, description = "A cursor: what follows it in this order."),
    ("before" = Option<String>, Query, description = "A cursor: what comes just before it in this order."),
    ("order" = Option<String>, Query, description = "`desc`, the newest first, or `asc`."),
    ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer."),
), responses(
    (status = 200, description = "A page of them, without `key`, with an `ETag`.", body = PageShape<KeyShape>),
    (status = 304, description = "As it was under that `ETag`."),
))]
pub async fn keys(
    request: HttpRequest,
    state: web::Data<State>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let wanted = Paging::of(&request)?.request(Order::Descending)?;
    let page = state.services.accounts.keys(caller.id(), wanted).await?;
    let shape = |key: ApiKey| shapes::key(&key, None);
    let body = answers::text(&query::shape(page, &wanted, |key| key.id, shape))?;
    Ok(etag::by_bytes(&request, &state, body))
}

/// Revokes a key.
#[utoipa::path(delete, path = "/v1/keys/{id}", operation_id = "v1_delete_key", tag = "accounts", security(("bearer" = [])), params(
    ("id" = uuid::Uuid, Path, description = "The key's id."),
), responses((status = 204, description = "Revoked.")))]
pub async fn delete_key(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = id.parse().map_err(|_| Fault::new(&codes::KEY_NOT_FOUND))?;
    state.services.accounts.revoke_key(caller.id(), id).await?;
    Ok(HttpResponse::NoContent().finish())
}
