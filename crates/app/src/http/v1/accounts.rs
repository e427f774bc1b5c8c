//! Accounts: register, log in and out, sessions, keys (contract §8).

use super::body::Body;
use super::caller::Caller;
use super::{Problem, shapes};
use crate::http::{State, client, once};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use maru_domain::accounts::{Origin, PasswordRule, Registration, SignedIn};
use maru_domain::clock::Timestamp;
use maru_domain::error::{Fault, codes};
use maru_domain::once::Once;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

const RULE: PasswordRule = PasswordRule { min_chars: 8 };

/// POST /v1/auth/register
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

/// POST /v1/auth/login
pub async fn login(
    request: HttpRequest,
    state: web::Data<State>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let (username, password) = (body.required("username"), SecretString::from(body.required("password")));
    body.check()?;
    let key = once::key(&request, &state, format!("address:{}", client::address(&request)), &body.bytes)?;
    match state.services.accounts.login(username.trim(), password, key).await {
        Ok(done) => signed_in(StatusCode::OK, done),
        Err(fault) => Err(fault.into()),
    }
}

fn signed_in(status: StatusCode, done: Once<SignedIn>) -> Result<HttpResponse, Problem> {
    let answer = |signed_in: &SignedIn| {
        HttpResponse::build(status).json(json!({
            "token": signed_in.token.expose_secret(),
            "expires_at": shapes::time(signed_in.session.expires_at),
            "user": shapes::user(&signed_in.user),
        }))
    };
    match done {
        Once::Done(signed_in) => Ok(answer(&signed_in)),
        Once::Replayed(signed_in) => Ok(once::replayed(answer(&signed_in))),
        Once::KeyReused => Err(Fault::new(&codes::IDEMPOTENCY_KEY_REUSED).into()),
    }
}

/// POST /v1/auth/logout
pub async fn logout(state: web::Data<State>, caller: Caller) -> Result<HttpResponse, Problem> {
    // A key is not a session: it is revoked by its own route.
    let session = caller.session().ok_or_else(|| Fault::new(&codes::SESSION_NOT_FOUND))?;
    state.services.accounts.revoke_session(caller.id(), session).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// POST /v1/auth/password
pub async fn password(state: web::Data<State>, caller: Caller, body: Body) -> Result<HttpResponse, Problem> {
    let (old, new) = (body.required("old"), body.required("new"));
    body.check()?;
    let (old, new) = (SecretString::from(old), SecretString::from(new));
    state.services.accounts.change_password(caller.user(), old, new, RULE, caller.session()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// GET /v1/me
pub async fn me(caller: Caller) -> HttpResponse {
    HttpResponse::Ok().json(shapes::user(caller.user()))
}

/// GET /v1/me/sessions
pub async fn sessions(state: web::Data<State>, caller: Caller) -> Result<HttpResponse, Problem> {
    let sessions = state.services.accounts.sessions(caller.id()).await?;
    let own = caller.session();
    let data = sessions.iter().map(|session| shapes::session(session, own == Some(session.id)));
    Ok(HttpResponse::Ok().json(whole_list(data.collect())))
}

/// DELETE /v1/me/sessions/{id}
pub async fn delete_session(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = id.parse().map_err(|_| Fault::new(&codes::SESSION_NOT_FOUND))?;
    state.services.accounts.revoke_session(caller.id(), id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// POST /v1/keys
pub async fn create_key(
    state: web::Data<State>,
    caller: Caller,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let name = body.required("name");
    let expires_at = body.word("expires_at", |text| text.parse::<Timestamp>().ok());
    body.check()?;
    let (key, secret) = state.services.accounts.create_key(caller.id(), &name, expires_at).await?;
    let mut shape = shapes::key(&key);
    if let Value::Object(fields) = &mut shape {
        fields.insert("key".to_owned(), json!(secret.expose_secret()));
    }
    Ok(HttpResponse::Created().json(shape))
}

/// GET /v1/keys
pub async fn keys(state: web::Data<State>, caller: Caller) -> Result<HttpResponse, Problem> {
    let keys = state.services.accounts.keys(caller.id()).await?;
    Ok(HttpResponse::Ok().json(whole_list(keys.iter().map(shapes::key).collect())))
}

/// DELETE /v1/keys/{id}
pub async fn delete_key(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = id.parse().map_err(|_| Fault::new(&codes::KEY_NOT_FOUND))?;
    state.services.accounts.revoke_key(caller.id(), id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A list that is short by nature, in the shape of every list.
fn whole_list(data: Vec<Value>) -> Value {
    json!({ "data": data, "next": null, "has_more": false })
}
