//! Register, login and the token's test (contract §1.2–§1.4).

use super::super::drf::TextRule;
use super::shapes::{LoginBody, RegisterBody, SignedInShape, UserShape};
use super::{Caller, Fields, Refusal};
use crate::http::{State, client, once};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use maru_domain::accounts::{Origin, PasswordRule, Registration, SignedIn};
use maru_domain::error::{Fault, FieldFault, FieldRule, codes};
use maru_domain::once::Once;
use secrecy::{ExposeSecret, SecretString};

const TRIMMED: TextRule = TextRule { trim: true };
const AS_SENT: TextRule = TextRule { trim: false };
/// This contract has no rule for strength.
const ANY_PASSWORD: PasswordRule = PasswordRule { min_chars: 1 };

/// Makes an account and signs in.
#[utoipa::path(post, path = "/api/register/", tag = "token chats", request_body = RegisterBody, responses(
    (status = 200, description = "Registered; the token works at once.", body = SignedInShape),
    (status = 400, description = "Fields that break a rule, all at once, by name."),
    (status = 413, description = "The body is too large."),
    (status = 415, description = "The body is neither JSON nor a form."),
    (status = 422, description = "The Idempotency-Key was used for another request."),
    (status = 429, description = "Too many registrations from this address; see Retry-After."),
    (status = 503, description = "The database is away; see Retry-After."),
))]
pub async fn register(
    request: HttpRequest,
    state: web::Data<State>,
    fields: Fields,
) -> Result<HttpResponse, Refusal> {
    let registration = registration(&fields);
    let origin = Origin { address: client::address(&request) };
    let once = once::key(&request, &state, format!("address:{}", origin.address), &fields.bytes)?;
    let done = state.services.accounts.register(registration, &origin, once).await?;
    Ok(signed_in("Registered successfully!", done))
}

fn registration(fields: &Fields) -> Registration {
    let mut unread = Vec::new();
    let username = read(fields, "username", TRIMMED, true, &mut unread);
    let email = read(fields, "email", TRIMMED, false, &mut unread);
    let password = SecretString::from(read(fields, "password", AS_SENT, true, &mut unread));
    Registration { username, email, password, rule: ANY_PASSWORD, unread }
}

/// A field's text; what cannot be read is noted, so that all wrong fields are told at once.
fn read(
    fields: &Fields,
    field: &'static str,
    rule: TextRule,
    required: bool,
    unread: &mut Vec<FieldFault>,
) -> String {
    let rule = match fields.text(field, rule) {
        Ok(Some(text)) => return text,
        Ok(None) if !required => return String::new(),
        Ok(None) => FieldRule::Required,
        Err(rule) => rule,
    };
    unread.push(FieldFault { field, rule });
    String::new()
}

/// Opens a session.
#[utoipa::path(post, path = "/api/login/", tag = "token chats", request_body = LoginBody, responses(
    (status = 200, description = "Logged in, with a token of this session.", body = SignedInShape),
    (status = 400, description = "Wrong name or password, without saying which; or a field is missing."),
    (status = 401, description = "The account is disabled."),
    (status = 422, description = "The Idempotency-Key was used for another request."),
    (status = 429, description = "Too many failed logins for this name; see Retry-After."),
    (status = 503, description = "The database is away, or too many logins wait; see Retry-After."),
))]
pub async fn login(
    request: HttpRequest,
    state: web::Data<State>,
    fields: Fields,
) -> Result<HttpResponse, Refusal> {
    let mut wrong = Vec::new();
    let username = read(&fields, "username", TRIMMED, true, &mut wrong);
    let password = read(&fields, "password", AS_SENT, true, &mut wrong);
    for (field, text) in [("username", &username), ("password", &password)] {
        if text.is_empty() && wrong.iter().all(|fault| fault.field != field) {
            wrong.push(FieldFault { field, rule: FieldRule::Blank });
        }
    }
    if !wrong.is_empty() {
        return Err(Fault::fields(wrong).into());
    }
    let once = once::key(&request, &state, format!("address:{}", client::address(&request)), &fields.bytes)?;
    // A key that stands for another request is told before its password is looked at.
    if let Some(kept) = once::kept(&state, once.as_ref()).await? {
        return Ok(kept);
    }
    match state.services.accounts.login(&username, SecretString::from(password), once).await {
        Ok(done) => Ok(signed_in("Logged-In successfully!", done)),
        Err(fault) if *fault.code == codes::WRONG_CREDENTIALS => {
            Err(Refusal::detail(StatusCode::BAD_REQUEST, "Not found".to_owned()))
        }
        Err(fault) => Err(fault.into()),
    }
}

fn signed_in(message: &'static str, done: Once<SignedIn>) -> HttpResponse {
    let answer = |signed_in: &SignedIn| {
        let user = UserShape::from(&signed_in.user);
        HttpResponse::Ok().json(SignedInShape { message, token: signed_in.token.expose_secret(), user })
    };
    match done {
        Once::Done(signed_in) => answer(&signed_in),
        Once::Replayed(signed_in) => once::replayed(answer(&signed_in)),
        Once::KeyReused => Refusal::from_fault(&Fault::new(&codes::IDEMPOTENCY_KEY_REUSED)).into_response(),
    }
}

/// Says whose token it is.
#[utoipa::path(get, path = "/api/test_token/", tag = "token chats", security(("token" = [])), responses(
    (status = 200, description = "`[\"Passed for john.doe@example.com\"]`", body = Vec<String>),
    (status = 401, description = "No token, or one that does not work."),
))]
pub async fn test_token(caller: Caller) -> HttpResponse {
    HttpResponse::Ok().json([format!("Passed for {}", caller.user().email)])
}
