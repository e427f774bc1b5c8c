//! Answers of the pages: HTML that may load, run and frame nothing but our own.

use super::accounts::{self, LoginPage};
use super::frame::Frame;
use super::language::Language;
use super::place::Place;
use super::words::Words;
use super::{assets, session};
use crate::http::answer::{add_retry_after, log, status_of};
use crate::http::surround;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY, SET_COOKIE,
    VARY, X_FRAME_OPTIONS,
};
use actix_web::{HttpResponse, ResponseError};
use askama::Template;
use maru_domain::error::{Fault, Kind, codes};
use std::fmt;

/// Nothing comes from elsewhere, nothing is sent elsewhere, and no text becomes a script: the one policy
/// for trusted types is in `maru.js`.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types default";

const OTHERS: [(HeaderName, &str); 7] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    // A form that is sent without a referrer has no origin either, and would be refused.
    (REFERRER_POLICY, "same-origin"),
    (X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (CACHE_CONTROL, "no-store"),
    (VARY, "Accept-Language, Cookie, HX-Request"),
];

/// The same answer, with the headers that all pages have.
#[must_use]
pub fn secured(mut response: HttpResponse) -> HttpResponse {
    for (name, value) in OTHERS {
        if !response.headers().contains_key(&name) {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }
    response
}

/// A page, or a piece of one.
pub fn page(status: StatusCode, template: &impl Template) -> HttpResponse {
    match template.render() {
        Ok(html) => piece(status, html),
        Err(error) => {
            log(&Fault::new(&codes::INTERNAL).caused_by(error));
            secured(HttpResponse::InternalServerError().finish())
        }
    }
}

/// HTML that is there already.
pub fn piece(status: StatusCode, html: String) -> HttpResponse {
    secured(HttpResponse::build(status).content_type("text/html; charset=utf-8").body(html))
}

/// Come and look there.
pub fn go_to(address: &str) -> HttpResponse {
    secured(HttpResponse::Found().insert_header((LOCATION, address)).finish())
}

/// What a handler says no with.
#[derive(Debug)]
pub struct Trouble(Fault);

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self(fault)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Trouble {
    fn status_code(&self) -> StatusCode {
        status_of(self.0.code)
    }

    fn error_response(&self) -> HttpResponse {
        refused(&self.0)
    }
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct TroublePage {
    frame: Frame,
    status: u16,
    title: &'static str,
    hint: &'static str,
    request_id: Option<String>,
}

/// A fault as a page; or as a line of one, for who wants no more.
pub fn refuse(fault: Fault) -> HttpResponse {
    refused(&fault)
}

fn refused(fault: &Fault) -> HttpResponse {
    log(fault);
    let place = surround::place();
    let status = status_of(fault.code);
    let mut response = if fault.kind() == Kind::Unauthenticated {
        stranger(fault, &place)
    } else if place.wants_piece {
        piece(status, line(words(fault, place.language)))
    } else {
        page(status, &trouble(fault, status, place.language))
    };
    add_retry_after(&mut response, fault);
    response
}

/// A sentence that stands where the form is.
fn line(words: &str) -> String {
    format!("<p class=\"wrong\">{words}</p>")
}

/// What to say beside a form about a message that was not taken.
pub fn words(fault: &Fault, language: Language) -> &'static str {
    let words = language.words();
    match fault.code {
        code if *code == codes::QUEUE_FULL => words.queue_full,
        code if *code == codes::NOT_LAST_TURN => words.not_last,
        code if *code == codes::TURN_IN_PROGRESS => words.in_progress,
        code if *code == codes::ROOM_ENDED => words.ended,
        code if *code == codes::BODY_TOO_LARGE => words.too_long_body,
        code if *code == codes::CROSS_SITE => words.forbidden_hint,
        code => match code.kind {
            Kind::Unauthenticated => log_in(fault, words),
            Kind::NotFound => words.not_found_hint,
            Kind::TooMany => words.too_many_hint,
            Kind::Unavailable => words.away_hint,
            Kind::Internal => words.trouble,
            Kind::Invalid | Kind::Conflict | Kind::Unprocessable => words.bad_request_hint,
        },
    }
}

fn trouble(fault: &Fault, status: StatusCode, language: Language) -> TroublePage {
    let words = language.words();
    let title = match fault.code {
        code if *code == codes::CROSS_SITE => words.forbidden,
        code => match code.kind {
            Kind::NotFound => words.not_found,
            Kind::TooMany => words.too_many,
            Kind::Unavailable => words.away,
            Kind::Internal => words.broken,
            Kind::Invalid | Kind::Conflict | Kind::Unprocessable | Kind::Unauthenticated => words.bad_request,
        },
    };
    let is_ours = fault.kind() == Kind::Internal;
    let hint = if is_ours { words.broken_hint } else { self::words(fault, language) };
    let request_id = is_ours.then(surround::request_id).filter(|id| !id.is_empty());
    TroublePage { frame: Frame::bare(language), status: status.as_u16(), title, hint, request_id }
}

/// Why somebody has to log in. Only of a session that there was can it be said that it has ended.
fn log_in(fault: &Fault, words: &'static Words) -> &'static str {
    match fault.code {
        code if *code == codes::NOT_AUTHENTICATED => words.log_in_first,
        code if *code == codes::ACCOUNT_INACTIVE => words.inactive,
        _ => words.log_in_again,
    }
}

/// Somebody who has to log in first.
fn stranger(fault: &Fault, place: &Place) -> HttpResponse {
    let words = place.language.words();
    let note = log_in(fault, words);
    let mut response = if place.wants_piece {
        let mut response = piece(StatusCode::UNAUTHORIZED, line(note));
        let login = accounts::login_address(&place.back);
        if let Ok(login) = HeaderValue::from_str(&login) {
            response.headers_mut().insert(HeaderName::from_static("hx-redirect"), login);
        }
        response
    } else {
        page(StatusCode::UNAUTHORIZED, &LoginPage::asking(place.language, &place.back, note))
    };
    if *fault.code != codes::NOT_AUTHENTICATED {
        // A session that has ended must not be shown again.
        for cookie in session::forgotten() {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }
    response
}

/// A part of the pages that never changes under its address.
pub fn part(name: &str, is_this_one: bool) -> Option<HttpResponse> {
    let (kind, bytes) = assets::find(name)?;
    let keep = if is_this_one { "public, max-age=31536000, immutable" } else { "no-cache" };
    Some(secured(HttpResponse::Ok().content_type(kind).insert_header((CACHE_CONTROL, keep)).body(bytes)))
}
