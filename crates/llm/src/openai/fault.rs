//! What went wrong, in the words of the domain. The provider's own words go into the detail, for the
//! log: cut short, on one line, and without our key even when the provider repeats it.

use maru_domain::turns::ports::{ModelError, ModelFault};
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use serde_json::Value;
use std::error::Error;
use std::time::{Duration, SystemTime};

/// So much of a provider's words is kept, in characters.
const WORDS: usize = 300;
/// No provider means more than this; the figure also keeps later sums from overflowing.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// A call that got no head of an answer.
pub(super) fn of_sending(error: &reqwest::Error) -> ModelError {
    let detail = chain(error);
    let fault = match (error.is_timeout(), error.is_connect(), hyper_error(error)) {
        (true, ..) => ModelFault::TimedOut,
        (_, true, _) => ModelFault::Unreachable,
        (_, _, Some(hyper)) if hyper.is_parse() => ModelFault::Malformed,
        // Connected, and then nothing: closed or reset before it answered.
        _ => ModelFault::Failing,
    };
    ModelError::new(fault, detail)
}

/// An answer with a status that is not 200.
pub(super) fn of_status(status: StatusCode, headers: &HeaderMap, body: &[u8], key: &str) -> ModelError {
    let value = match serde_json::from_slice(body) {
        // Some wrap the one error in a list.
        Ok(Value::Array(list)) => list.into_iter().next().unwrap_or_default(),
        Ok(value) => value,
        Err(_) => Value::Null,
    };
    let object = value.get("error").or_else(|| value.get("detail")).unwrap_or(&value);
    let fault = if status.as_u16() == 429 && is_spent(object) {
        ModelFault::Refused
    } else {
        by_status(status.as_u16())
    };
    let words = if value.is_null() { String::from_utf8_lossy(body).into_owned() } else { words(object) };
    let mut error = ModelError::new(fault, clean(&format!("status {}: {words}", status.as_u16()), key));
    error.retry_after = retry_after(headers);
    error
}

/// An error object where a part of the answer should be.
pub(super) fn of_object(object: &Value, key: &str) -> ModelError {
    let code = object.get("code");
    let number = code.and_then(Value::as_u64).or_else(|| object.get("status").and_then(Value::as_u64));
    let fault = match number.and_then(|number| u16::try_from(number).ok()) {
        _ if is_spent(object) => ModelFault::Refused,
        Some(status @ 400..=599) => by_status(status),
        _ => by_name(&format!("{} {}", text(code), text(object.get("type")))),
    };
    ModelError::new(fault, clean(&format!("an error in the answer: {}", words(object)), key))
}

/// A body that broke off.
pub(super) fn of_reading(error: &reqwest::Error) -> ModelError {
    ModelError::new(ModelFault::Truncated, chain(error))
}

fn by_status(status: u16) -> ModelFault {
    match status {
        401 | 403 => ModelFault::Unauthorized,
        404 => ModelFault::UnknownModel,
        408 => ModelFault::TimedOut,
        429 => ModelFault::RateLimited,
        // A conflict at the provider passes by itself; OpenAI's own clients ask again, too.
        409 | 500..=599 => ModelFault::Failing,
        400..=499 => ModelFault::Refused,
        // Redirects above all: never followed, wherever they point.
        _ => ModelFault::Malformed,
    }
}

fn by_name(name: &str) -> ModelFault {
    let is = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    if is(&["rate_limit", "too_many_requests"]) {
        ModelFault::RateLimited
    } else if is(&["model_not_found"]) {
        ModelFault::UnknownModel
    } else if is(&["invalid_api_key", "authentication", "permission"]) {
        ModelFault::Unauthorized
    } else if is(&["invalid_request", "context_length", "content_filter", "content_policy"]) {
        ModelFault::Refused
    } else {
        ModelFault::Failing
    }
}

/// A 429 that no waiting helps: the account has no money left.
fn is_spent(object: &Value) -> bool {
    let name = format!("{} {}", text(object.get("code")), text(object.get("type")));
    name.contains("insufficient_quota") || name.contains("billing")
}

fn words(object: &Value) -> String {
    match object {
        Value::String(text) => text.clone(),
        Value::Object(_) => {
            let parts = ["type", "code", "message"].map(|name| text(object.get(name)));
            parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
        }
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// One short line without the key.
pub(super) fn clean(words: &str, key: &str) -> String {
    let words = if key.is_empty() { words.to_owned() } else { words.replace(key, "[our key]") };
    let line = words.chars().map(|c| if c.is_control() { ' ' } else { c });
    line.take(WORDS).collect()
}

/// When the provider wants to be asked again. Anything that cannot be understood is as good as nothing.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let wait = |number: &str, unit: f64| {
        let wait = number.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)?;
        Some(Duration::try_from_secs_f64(wait * unit).map_or(LONGEST_WAIT, |wait| wait.min(LONGEST_WAIT)))
    };
    if let Some(wait) = text("retry-after-ms").and_then(|number| wait(number, 0.001)) {
        return Some(wait);
    }
    let value = text(RETRY_AFTER.as_str())?;
    if let Some(wait) = wait(value, 1.0) {
        return Some(wait);
    }
    let then = httpdate::parse_http_date(value).ok()?;
    // By the provider's own clock, where it says what that is: ours may differ by minutes.
    let now = text(DATE.as_str()).and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or_else(now);
    Some(then.duration_since(now).unwrap_or_default().min(LONGEST_WAIT))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a date of the provider is compared with the wall clock and not stored"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

fn hyper_error(error: &reqwest::Error) -> Option<&hyper::Error> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(hyper) = error.downcast_ref::<hyper::Error>() {
            return Some(hyper);
        }
        source = error.source();
    }
    None
}

/// The error with what caused it, but for the first, which holds the address.
fn chain(error: &reqwest::Error) -> String {
    let mut words = Vec::new();
    let mut source = error.source();
    while let Some(error) = source {
        words.push(error.to_string());
        source = error.source();
    }
    if words.is_empty() { "the request failed".to_owned() } else { clean(&words.join(": "), "") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (
                HeaderName::from_bytes(name.as_bytes()).expect("name"),
                HeaderValue::from_str(value).expect("value"),
            )
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn retry_after_in_every_form() {
        let date = ("date", "Sat, 21 Nov 2026 10:00:00 GMT");
        for (given, wait) in [
            (vec![], None),
            (vec![("retry-after", "0")], Some(0)),
            (vec![("retry-after", "5")], Some(5_000)),
            (vec![("retry-after", "1.5")], Some(1_500)),
            (vec![("retry-after", "3600")], Some(3_600_000)),
            (vec![("retry-after-ms", "250"), ("retry-after", "9")], Some(250)),
            (vec![("retry-after", "Sat, 21 Nov 2026 10:00:07 GMT"), date], Some(7_000)),
            (vec![("retry-after", "Sat, 21 Nov 2026 09:00:00 GMT"), date], Some(0)),
            (vec![("retry-after", "soon")], None),
            (vec![("retry-after", "-1")], None),
            (vec![("retry-after", "NaN")], None),
            (vec![("retry-after", "inf")], None),
            (vec![("retry-after", "1e300")], Some(86_400_000)),
            (vec![("retry-after-ms", "soon"), ("retry-after", "2")], Some(2_000)),
        ] {
            assert_eq!(retry_after(&headers(&given)), wait.map(Duration::from_millis), "{given:?}");
        }
    }

    #[test]
    fn statuses_and_what_they_mean() {
        for (status, fault) in [
            (302, ModelFault::Malformed),
            (400, ModelFault::Refused),
            (401, ModelFault::Unauthorized),
            (403, ModelFault::Unauthorized),
            (404, ModelFault::UnknownModel),
            (408, ModelFault::TimedOut),
            (409, ModelFault::Failing),
            (413, ModelFault::Refused),
            (429, ModelFault::RateLimited),
            (500, ModelFault::Failing),
            (529, ModelFault::Failing),
        ] {
            assert_eq!(by_status(status), fault, "{status}");
        }
        let spent = br#"{"error":{"message":"You exceeded your quota","type":"insufficient_quota","code":"insufficient_quota"}}"#;
        assert_eq!(
            of_status(StatusCode::TOO_MANY_REQUESTS, &HeaderMap::new(), spent, "").fault,
            ModelFault::Refused
        );
    }

    #[test]
    fn an_error_in_a_list_is_found() {
        let list = br#"[{"error":{"code":400,"message":"in a list"}}]"#;
        let error = of_status(StatusCode::BAD_REQUEST, &HeaderMap::new(), list, "");
        assert_eq!(error.detail, "status 400: 400: in a list");
    }

    #[test]
    fn error_objects_of_many_providers() {
        for (json, fault) in [
            (r#"{"code":502,"message":"bad gateway"}"#, ModelFault::Failing),
            (r#"{"code":429,"message":"slow down"}"#, ModelFault::RateLimited),
            (r#"{"code":"rate_limit_exceeded","type":"requests"}"#, ModelFault::RateLimited),
            (r#"{"type":"invalid_request_error","code":"model_not_found"}"#, ModelFault::UnknownModel),
            (r#"{"type":"invalid_request_error","code":"context_length_exceeded"}"#, ModelFault::Refused),
            (r#"{"type":"server_error"}"#, ModelFault::Failing),
            (r#""overloaded""#, ModelFault::Failing),
            ("true", ModelFault::Failing),
        ] {
            let object = serde_json::from_str(json).expect("JSON");
            assert_eq!(of_object(&object, "").fault, fault, "{json}");
        }
    }

    #[test]
    fn the_key_is_never_kept() {
        let body = br#"{"error":{"message":"Incorrect key sk-secret-1\n given: sk-secret-1","code":"invalid_api_key"}}"#;
        let error = of_status(StatusCode::UNAUTHORIZED, &HeaderMap::new(), body, "sk-secret-1");
        assert!(
            !error.detail.contains("sk-secret-1") && error.detail.contains("[our key]"),
            "{}",
            error.detail
        );
        assert!(!error.detail.contains('\n'));
        assert!(clean(&"x".repeat(10_000), "").len() <= WORDS);
    }
}
