//! Logging in and out, and registering.

use super::answer::{self, Trouble};
use super::form::{Asked, Form};
use super::frame::{Field, Frame};
use super::language::Language;
use super::rooms::{LIST, of_query};
use super::session;
use crate::http::answer::{add_retry_after, status_of};
use crate::http::visitor::Visitor;
use crate::http::{State, client};
use actix_web::http::StatusCode;
use actix_web::http::header::SET_COOKIE;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use maru_domain::access::{Actor, Via};
use maru_domain::accounts::{Origin, PasswordRule, Registration, SignedIn};
use maru_domain::error::{Fault, FieldRule, Kind, codes};
use maru_domain::once::Once;
use secrecy::SecretString;

const RULE: PasswordRule = PasswordRule { min_chars: 8 };

/// The form to log in or to register.
#[derive(Template)]
#[template(path = "account.html")]
pub struct LoginPage {
    frame: Frame,
    title: &'static str,
    is_new: bool,
    note: Option<&'static str>,
    wrong: Option<&'static str>,
    next: String,
    next_encoded: String,
    username: Field,
    email: Field,
    password: Field,
}

impl LoginPage {
    fn new(language: Language, is_new: bool, next: &str) -> Self {
        let frame = Frame::bare(language);
        let title = if is_new { frame.words.register } else { frame.words.log_in };
        Self {
            frame,
            title,
            is_new,
            note: None,
            wrong: None,
            next: back(next),
            next_encoded: encoded(&back(next)),
            username: Field::of("username", ""),
            email: Field::of("email", ""),
            password: Field::of("password", ""),
        }
    }

    /// In place of a page that not everybody may see.
    pub fn asking(language: Language, next: &str, note: &'static str) -> Self {
        Self { note: Some(note), ..Self::new(language, false, next) }
    }

    fn of_form(request: &HttpRequest, form: &Form, is_new: bool) -> Self {
        let page = Self::new(Language::of(request.headers()), is_new, &form.text("next"));
        Self {
            username: Field::of("username", form.text("username").trim()),
            email: Field::of("email", form.text("email").trim()),
            ..page
        }
    }

    /// Says what a use case has to say, where it belongs.
    fn answer(mut self, fault: Fault) -> Result<HttpResponse, Trouble> {
        let language = self.frame.language;
        let words = self.frame.words;
        if !fault.fields.is_empty() {
            for field in [&mut self.username, &mut self.email, &mut self.password] {
                field.take(language, &fault.fields);
            }
            return Ok(answer::page(StatusCode::OK, &self));
        }
        let (status, wrong) = match fault.code {
            code if *code == codes::WRONG_CREDENTIALS => (StatusCode::OK, words.wrong_login),
            code if *code == codes::ACCOUNT_INACTIVE => (StatusCode::OK, words.inactive),
            code if code.kind == Kind::TooMany => (status_of(code), words.too_many_hint),
            _ => return Err(fault.into()),
        };
        self.wrong = Some(wrong);
        let mut response = answer::page(status, &self);
        add_retry_after(&mut response, &fault);
        Ok(response)
    }
}

/// Where to log in, and where to go then.
pub fn login_address(back: &str) -> String {
    format!("/login/?next={}", encoded(back))
}

fn encoded(text: &str) -> String {
    serde_urlencoded::to_string([("", text)]).unwrap_or_default().trim_start_matches('=').to_owned()
}

/// A page of ours to go back to. An address that leads elsewhere is not followed.
fn back(next: &str) -> String {
    let ours = next.starts_with("/chat/") && !next.contains(['\\', '\r', '\n']) && !next.contains("//");
    if ours { next.to_owned() } else { LIST.to_owned() }
}

/// The form to log in.
#[utoipa::path(get, path = "/login/", operation_id = "pages_login", tag = "pages", params(
    ("next" = Option<String>, Query, description = "The page to go to then."),
), responses((status = 200, description = "The form.", content_type = "text/html")))]
pub async fn log_in_form(request: HttpRequest) -> HttpResponse {
    form_of(&request, false)
}

/// The form to register.
#[utoipa::path(get, path = "/register/", operation_id = "pages_register", tag = "pages", params(
    ("next" = Option<String>, Query, description = "The page to go to then."),
), responses((status = 200, description = "The form.", content_type = "text/html")))]
pub async fn register_form(request: HttpRequest) -> HttpResponse {
    form_of(&request, true)
}

fn form_of(request: &HttpRequest, is_new: bool) -> HttpResponse {
    let next = of_query(request, "next").unwrap_or_default();
    answer::page(StatusCode::OK, &LoginPage::new(Language::of(request.headers()), is_new, &next))
}

/// Opens a session and keeps it in a cookie.
#[utoipa::path(post, path = "/login/", operation_id = "pages_log_in", tag = "pages", responses(
    (status = 302, description = "Logged in: the page that was asked for, or the rooms."),
    (status = 200, description = "The form again, with what is wrong.", content_type = "text/html"),
    (status = 403, description = "Another site's form."),
    (status = 429, description = "Too many failed logins for this name; see Retry-After."),
    (status = 503, description = "The database is away, or too many logins wait."),
))]
pub async fn log_in(
    request: HttpRequest,
    state: web::Data<State>,
    form: Form,
) -> Result<HttpResponse, Trouble> {
    let mut page = LoginPage::of_form(&request, &form, false);
    let (language, password) = (page.frame.language, form.text("password"));
    if page.username.value.is_empty() {
        page.username.breaks(language, FieldRule::Required);
    }
    if password.is_empty() {
        page.password.breaks(language, FieldRule::Required);
    }
    if !page.username.wrong.is_empty() || !page.password.wrong.is_empty() {
        return Ok(answer::page(StatusCode::OK, &page));
    }
    let done = state.services.accounts.login(&page.username.value, SecretString::from(password), None).await;
    signed_in(&request, &state, page, done)
}

/// Makes an account and logs in.
#[utoipa::path(post, path = "/register/", operation_id = "pages_make_account", tag = "pages", responses(
    (status = 302, description = "Registered and logged in."),
    (status = 200, description = "The form again, with what is wrong.", content_type = "text/html"),
    (status = 403, description = "Another site's form."),
    (status = 429, description = "Too many registrations from this address; see Retry-After."),
    (status = 503, description = "The database is away, or too many logins wait."),
))]
pub async fn register(
    request: HttpRequest,
    state: web::Data<State>,
    form: Form,
) -> Result<HttpResponse, Trouble> {
    let mut page = LoginPage::of_form(&request, &form, true);
    page.password.value = form.text("password");
    let registration = Registration {
        username: page.username.value.clone(),
        email: page.email.value.clone(),
        password: SecretString::from(form.text("password")),
        rule: RULE,
        unread: Vec::new(),
    };
    let origin = Origin { address: client::address(&request) };
    let done = state.services.accounts.register(registration, &origin, None).await;
    signed_in(&request, &state, page, done)
}

fn signed_in(
    request: &HttpRequest,
    state: &State,
    page: LoginPage,
    done: Result<Once<SignedIn>, Fault>,
) -> Result<HttpResponse, Trouble> {
    let (signed_in, _) = match done {
        Ok(done) => done.made()?,
        Err(fault) => return page.answer(fault),
    };
    let mut response = answer::go_to(&page.next);
    let cookie = session::begun(request, &signed_in, state.services.clock.now());
    let cookie = cookie.ok_or_else(|| Fault::new(&codes::INTERNAL).detail("a token that is no cookie"))?;
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}

/// Ends the session.
#[utoipa::path(post, path = "/logout/", operation_id = "pages_log_out", tag = "pages", security((), ("token" = [])), responses(
    (status = 302, description = "Logged out: the rooms, or the form to log in."),
    (status = 200, description = "Not here: 302."),
    (status = 401, description = "The session had ended already; its cookie is gone."),
    (status = 403, description = "Another site's form."),
))]
pub async fn log_out(state: web::Data<State>, Asked(visitor, _): Asked) -> Result<HttpResponse, Trouble> {
    if let Some((user, session)) = session_of(&visitor) {
        match state.services.accounts.revoke_session(user, session).await {
            Err(fault) if *fault.code != codes::SESSION_NOT_FOUND => return Err(fault.into()),
            _ => {}
        }
    }
    let mut response = answer::go_to(LIST);
    for cookie in session::forgotten() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

fn session_of(visitor: &Visitor) -> Option<(maru_domain::ids::UserId, maru_domain::ids::SessionId)> {
    match visitor.actor() {
        Actor::User(identity) => match identity.via {
            Via::Session(session) => Some((identity.user.id, session)),
            Via::Key(_) => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_are_gone_back_to() {
        for good in ["/chat/", "/chat/12/", "/chat/?before=3", "/chat/12/edit/"] {
            assert_eq!(back(good), good);
        }
        for bad in [
            "",
            "/",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example/chat/",
            "/chat//evil.example",
            "/chat/\\..",
            "/chat/\r\nX: y",
            "javascript:alert(1)",
            "/logout/",
        ] {
            assert_eq!(back(bad), LIST, "{bad:?}");
        }
        assert_eq!(login_address("/chat/?before=3&x"), "/login/?next=%2Fchat%2F%3Fbefore%3D3%26x");
    }
}
