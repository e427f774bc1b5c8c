//! Forms: who may send them, and what is in them.

use super::answer::Trouble;
use crate::http::body::{self, BodyFault};
use crate::http::contracts::drf::multipart;
use crate::http::visitor::Visitor;
use actix_web::dev::Payload;
use actix_web::http::header::{HOST, HeaderMap, ORIGIN};
use actix_web::{Error, FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use maru_domain::error::{Fault, codes};
use serde_json::{Map, Value};

/// A form that one of our own pages has sent, or a program that is no browser.
pub struct Form {
    fields: Map<String, Value>,
    /// The body as it came, for a fingerprint.
    pub bytes: web::Bytes,
}

impl Form {
    /// A field; empty when it is not there. Unknown fields, such as another framework's
    /// `csrfmiddlewaretoken`, are nobody's concern.
    pub fn text(&self, name: &str) -> String {
        self.fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

/// Browsers say where a form comes from. One that comes from another site was not meant by the person in
/// front of it (contract §3); whoever says nothing is no browser.
fn is_ours(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = text(ORIGIN.as_str()) else { return true };
    let host = text(HOST.as_str()).unwrap_or_default();
    origin.split_once("://").is_some_and(|(_, ours)| ours.eq_ignore_ascii_case(host))
}

impl FromRequest for Form {
    type Error = Trouble;
    type Future = LocalBoxFuture<'static, Result<Self, Trouble>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            if !is_ours(request.headers()) {
                return Err(Fault::new(&codes::CROSS_SITE).into());
            }
            let bytes = body::read(&request, &mut payload).await.map_err(fault_of)?;
            Ok(Self { fields: fields(&request, &bytes).await?, bytes })
        })
    }
}

fn fault_of(fault: BodyFault) -> Fault {
    Fault::new(match fault {
        BodyFault::TooLarge => &codes::BODY_TOO_LARGE,
        BodyFault::TooSlow => &codes::BODY_TOO_SLOW,
        BodyFault::Encoded => &codes::UNSUPPORTED_MEDIA_TYPE,
        BodyFault::Broken => &codes::INVALID_REQUEST,
    })
}

async fn fields(request: &HttpRequest, bytes: &web::Bytes) -> Result<Map<String, Value>, Fault> {
    let kind = body::media_type(request).to_ascii_lowercase();
    match kind.as_str() {
        _ if bytes.is_empty() => Ok(Map::new()),
        "application/x-www-form-urlencoded" => {
            let pairs: Result<Vec<(String, String)>, _> = serde_urlencoded::from_bytes(bytes);
            let pairs = pairs.map_err(|_| Fault::new(&codes::INVALID_REQUEST))?;
            Ok(pairs.into_iter().map(|(name, value)| (name, Value::String(value))).collect())
        }
        "multipart/form-data" => {
            multipart(request, bytes).await.map_err(|_| Fault::new(&codes::INVALID_REQUEST))
        }
        _ => Err(Fault::new(&codes::UNSUPPORTED_MEDIA_TYPE)),
    }
}

/// A visitor and their form, which is read for nobody else.
pub struct Asked(pub Visitor, pub Form);

impl FromRequest for Asked {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            if !is_ours(request.headers()) {
                return Err(Trouble::from(Fault::new(&codes::CROSS_SITE)).into());
            }
            let visitor = Visitor::from_request(&request, &mut payload).await?;
            let form = Form::from_request(&request, &mut payload).await?;
            Ok(Self(visitor, form))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    #[test]
    fn forms_of_other_sites_are_refused() {
        let cases: [(&[(&str, &str)], bool); 12] = [
            (&[], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "cross-site"), ("origin", "http://maru.example:80")], false),
            (&[("origin", "http://maru.example:80")], true),
            (&[("origin", "https://MARU.example:80")], true),
            (&[("origin", "http://maru.example")], false),
            (&[("origin", "http://evil.example")], false),
            (&[("origin", "null")], false),
            (&[("origin", "http://maru.example:80.evil.example")], false),
        ];
        for (headers, ours) in cases {
            let mut map = HeaderMap::new();
            map.insert(HOST, HeaderValue::from_static("maru.example:80"));
            for (name, value) in headers {
                map.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            assert_eq!(is_ours(&map), ours, "{headers:?}");
        }
    }
}
