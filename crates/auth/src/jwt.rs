//! Session tokens: HS256 and nothing else, for us and nobody else, by the clock we are given.

#[cfg(test)]
mod mutants;

use crate::purpose::derive;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use maru_domain::accounts::ports::{TokenClaims, TokenSigner};
use maru_domain::clock::Timestamp;
use maru_domain::ids::{SessionId, UserId};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The only kind of token there is (RFC 9068's type, so that no other kind can be mistaken for it).
const TYP: &str = "at+jwt";
/// Who signs, and whom it is for.
const MARU: &str = "maru";
/// How far two clocks may differ, in seconds.
const SKEW: i64 = 60;
/// Ours have under 400 bytes; whatever is longer is not looked at.
const LONGEST: usize = 2 * 1024;

/// All that a token may say: an unknown claim, `nbf` too, is somebody else's token.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: SessionId,
    iat: i64,
    exp: i64,
}

/// Signs and checks session tokens with one secret.
pub struct JwtSigner {
    signing: EncodingKey,
    checking: DecodingKey,
    header: Header,
    validation: Validation,
}

impl JwtSigner {
    /// A signer for the server's secret.
    #[must_use]
    pub fn new(secret: SecretString) -> Self {
        let key = derive(&secret, "maru session tokens v1");
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some(TYP.to_owned());
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        validation.set_issuer(&[MARU]);
        validation.set_audience(&[MARU]);
        // The library asks the system's clock; we are told the time.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self {
            signing: EncodingKey::from_secret(&*key),
            checking: DecodingKey::from_secret(&*key),
            header,
            validation,
        }
    }

    fn encode(&self, claims: &Claims) -> jsonwebtoken::errors::Result<String> {
        jsonwebtoken::encode(&self.header, claims, &self.signing)
    }
}

impl fmt::Debug for JwtSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtSigner").finish_non_exhaustive()
    }
}

impl TokenSigner for JwtSigner {
    fn sign(&self, claims: &TokenClaims) -> SecretString {
        let claims = Claims {
            iss: MARU.to_owned(),
            aud: MARU.to_owned(),
            sub: claims.user,
            sid: claims.session,
            iat: claims.issued_at.as_second(),
            exp: rounded_up(claims.expires_at),
        };
        // HMAC takes any key and these claims are plain JSON, so this does not fail; if it ever did,
        // an empty token is one that opens nothing.
        let token = self.encode(&claims).unwrap_or_else(|error| {
            tracing::error!(%error, "a session token could not be signed");
            String::new()
        });
        SecretString::from(token)
    }

    fn verify(&self, token: &str, now: Timestamp) -> Option<TokenClaims> {
        if token.len() > LONGEST {
            return None;
        }
        let token = jsonwebtoken::decode::<Claims>(token, &self.checking, &self.validation).ok()?;
        // Our header and no other: no `kid`, `jku`, `jwk`, `x5u`, `crit` and none that nobody thought of yet.
        if token.header != self.header {
            return None;
        }
        let Claims { sub: user, sid: session, iat, exp, .. } = token.claims;
        let issued_at = Timestamp::from_second(iat).ok()?;
        let expires_at = Timestamp::from_second(exp).ok()?;
        let now = now.as_second();
        let from_the_future = iat > now.saturating_add(SKEW);
        let over = exp.saturating_add(SKEW) <= now;
        (!from_the_future && !over).then_some(TokenClaims { user, session, issued_at, expires_at })
    }
}

/// Whole seconds, never before the session's own end.
fn rounded_up(time: Timestamp) -> i64 {
    let seconds = time.as_second() + i64::from(time.subsec_nanosecond() > 0);
    seconds.min(Timestamp::MAX.as_second())
}
