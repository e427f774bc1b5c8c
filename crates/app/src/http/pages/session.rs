//! The cookie that holds a browser's session token. No script can read it, and it goes with no request
//! that another site makes, but for a link that is followed.

use crate::http::client;
use actix_web::HttpRequest;
use actix_web::http::header::{COOKIE, HeaderValue};
use maru_domain::accounts::SignedIn;
use maru_domain::clock::Timestamp;
use secrecy::ExposeSecret;

/// Over HTTPS the name keeps other hosts of the same domain from setting it.
const SECURE: &str = "__Host-maru_session";
const PLAIN: &str = "maru_session";

/// The token in the cookie of a request.
pub fn shown(request: &HttpRequest) -> Option<String> {
    let wanted = if client::is_https(request) { SECURE } else { PLAIN };
    let cookies = request.headers().get_all(COOKIE).filter_map(|header| header.to_str().ok());
    let mut pairs =
        cookies.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, token)| *name == wanted && !token.is_empty()).map(|(_, token)| token.to_owned())
}

/// The cookie for a session that has just begun.
pub fn begun(request: &HttpRequest, signed_in: &SignedIn, now: Timestamp) -> Option<HeaderValue> {
    let seconds = signed_in.session.expires_at.duration_since(now).as_secs().max(0);
    let token = signed_in.token.expose_secret();
    let cookie = if client::is_https(request) {
        format!("{SECURE}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax; Secure")
    } else {
        format!("{PLAIN}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax")
    };
    let mut cookie = HeaderValue::from_str(&cookie).ok()?;
    cookie.set_sensitive(true);
    Some(cookie)
}

/// What makes a browser forget it.
pub fn forgotten() -> [HeaderValue; 2] {
    [
        HeaderValue::from_static("maru_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"),
        HeaderValue::from_static("__Host-maru_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"),
    ]
}
