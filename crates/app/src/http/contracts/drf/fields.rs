//! The fields of a body, which may be JSON, a form or a multipart form (contract §0.7).

use super::Refusal;
use super::language::{Language, Phrase};
use crate::http::body;
use actix_multipart::Multipart;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use futures_util::{StreamExt, TryStreamExt, stream};
use maru_domain::error::FieldRule;
use serde_json::{Map, Value};
use std::marker::PhantomData;

/// The fields of a body, and its bytes for a fingerprint.
pub struct Fields<L> {
    /// The fields by name; those of forms are strings.
    pub values: Map<String, Value>,
    /// The body as it came.
    pub bytes: web::Bytes,
    language: PhantomData<L>,
}

/// How a declared text field is read.
#[derive(Clone, Copy, Debug)]
pub struct TextRule {
    /// Cut white space off both ends.
    pub trim: bool,
}

impl<L> Fields<L> {
    /// A field that is text, if it is there; a number counts as its text.
    ///
    /// # Errors
    /// The rule that the value breaks.
    pub fn text(&self, name: &str, rule: TextRule) -> Result<Option<String>, FieldRule> {
        let text = match self.values.get(name) {
            None => return Ok(None),
            Some(Value::Null) => return Err(FieldRule::Null),
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(_) => return Err(FieldRule::NotAString),
        };
        Ok(Some(if rule.trim { text.trim().to_owned() } else { text }))
    }

    /// A flag that may be missing: `true`, a number that is not 0, or one of the words true, 1 and yes.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        match self.values.get(name) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::Number(number)) => number.as_f64().is_some_and(|number| number != 0.0),
            Some(Value::String(word)) => matches!(word.trim().to_lowercase().as_str(), "true" | "1" | "yes"),
            _ => false,
        }
    }
}

impl<L: Language> FromRequest for Fields<L> {
    type Error = Refusal<L>;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal<L>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let bytes = body::read(&request, &mut payload).await.map_err(Refusal::of_body)?;
            let values = if bytes.is_empty() { Map::new() } else { parse(&request, &bytes).await? };
            Ok(Self { values, bytes, language: PhantomData })
        })
    }
}

async fn parse<L: Language>(
    request: &HttpRequest,
    bytes: &web::Bytes,
) -> Result<Map<String, Value>, Refusal<L>> {
    let content_type =
        request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => json(bytes),
        "application/x-www-form-urlencoded" => {
            let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(bytes)
                .map_err(|_| Refusal::phrase(StatusCode::BAD_REQUEST, Phrase::MalformedForm))?;
            Ok(pairs.into_iter().map(|(name, value)| (name, Value::String(value))).collect())
        }
        "multipart/form-data" => multipart(request, bytes).await.map_err(|error| {
            Refusal::detail(StatusCode::BAD_REQUEST, format!("Multipart form parse error - {error}"))
        }),
        _ => Err(Refusal::phrase(StatusCode::UNSUPPORTED_MEDIA_TYPE, Phrase::MediaType(content_type))),
    }
}

fn json<L: Language>(bytes: &[u8]) -> Result<Map<String, Value>, Refusal<L>> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let what = error.to_string();
        let what = what.split(" at line ").next().unwrap_or("malformed").to_owned();
        Refusal::detail(
            StatusCode::BAD_REQUEST,
            format!("JSON parse error - {what}: line {line} column {column}"),
        )
    })?;
    let kind = match value {
        Value::Object(fields) => return Ok(fields),
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
    };
    let message = L::say(Phrase::NotAnObject(kind));
    Err(Refusal::fields(Map::from_iter([(
        "non_field_errors".to_owned(),
        Value::Array(vec![Value::String(message)]),
    )])))
}

/// The text fields of a multipart form. Files have no place in this contract and are left out.
pub async fn multipart(request: &HttpRequest, bytes: &web::Bytes) -> Result<Map<String, Value>, String> {
    let body = stream::iter([Ok::<_, actix_web::error::PayloadError>(bytes.clone())]);
    let mut form = Multipart::new(request.headers(), body);
    let mut fields = Map::new();
    while let Some(field) = form.next().await {
        let field = field.map_err(|error| error.to_string())?;
        let disposition = field.content_disposition();
        let is_file = disposition.is_some_and(|disposition| disposition.get_filename().is_some());
        let name = field.name().unwrap_or_default().to_owned();
        let chunks: Vec<web::Bytes> = field.try_collect().await.map_err(|error| error.to_string())?;
        if !is_file {
            let text = String::from_utf8(chunks.concat()).map_err(|_| format!("{name} is not UTF-8"))?;
            fields.insert(name, Value::String(text));
        }
    }
    Ok(fields)
}
