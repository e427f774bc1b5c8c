//! What a request of this contract says, in its body or its query.

use super::Refusal;
use super::refusal::Word;
use crate::http::body;
use crate::http::visitor::Visitor;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{Error, FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use maru_domain::error::{Fault, codes};
use maru_domain::text::{CleanText, TextFault};
use serde_json::{Map, Value};

/// The fields of a JSON body, and its bytes for a fingerprint.
pub struct Fields {
    pub values: Map<String, Value>,
    pub bytes: web::Bytes,
}

/// A caller and the body, which is read for nobody else.
pub struct Asked(pub Visitor, pub Fields);

impl FromRequest for Asked {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            // Two extractors side by side would run at once, and a bad body could be told to nobody known.
            let visitor = Visitor::from_request(&request, &mut payload).await?;
            let bytes = body::read(&request, &mut payload).await.map_err(Refusal::from)?;
            let values = if bytes.is_empty() { Map::new() } else { parse(&request, &bytes)? };
            Ok(Self(visitor, Fields { values, bytes }))
        })
    }
}

fn parse(request: &HttpRequest, bytes: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if !body::says_json(request) {
        return Err(Fault::new(&codes::UNSUPPORTED_MEDIA_TYPE).into());
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(values)) => Ok(values),
        _ => Err(Fault::new(&codes::INVALID_JSON).into()),
    }
}

impl Fields {
    /// A text that may be missing; an empty one counts as missing.
    pub fn optional(&self, name: &'static str) -> Result<Option<String>, Refusal> {
        match text(self.values.get(name), name)? {
            Some(text) if text.trim().is_empty() => Ok(None),
            other => Ok(other),
        }
    }

    /// A short text that must be there.
    pub fn required(&self, name: &'static str, max: usize) -> Result<String, Refusal> {
        let text = self.optional(name)?.ok_or_else(|| Refusal::missing(name))?;
        bounded(name, text, max)
    }

    /// What is said. A blank message is wrong in a way of its own (contract §4.3).
    pub fn message(&self) -> Result<CleanText, Refusal> {
        let text = text(self.values.get("message"), "message")?.ok_or_else(|| Refusal::missing("message"))?;
        CleanText::message(text).map_err(|fault| {
            Refusal::new(
                StatusCode::BAD_REQUEST,
                Word::MessageInvalid,
                format!("message {}", text_words(&fault)),
            )
        })
    }

    /// A flag that must be there.
    pub fn flag(&self, name: &'static str) -> Result<bool, Refusal> {
        match self.values.get(name) {
            None | Some(Value::Null) => Err(Refusal::missing(name)),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(Refusal::invalid(name)),
        }
    }

    /// A list of objects that must be there.
    pub fn items(&self, name: &'static str) -> Result<Vec<Item<'_>>, Refusal> {
        match self.values.get(name) {
            None | Some(Value::Null) => Err(Refusal::missing(name)),
            _ => self.list(name),
        }
    }

    /// A list of texts that must be there.
    pub fn texts(&self, name: &'static str) -> Result<Vec<String>, Refusal> {
        let items = match self.values.get(name) {
            None | Some(Value::Null) => return Err(Refusal::missing(name)),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(Refusal::invalid(name)),
        };
        let texts = items.iter().map(|item| text(Some(item), name)?.ok_or_else(|| Refusal::invalid(name)));
        texts.collect()
    }

    /// A list of objects that may be missing.
    pub fn list(&self, name: &'static str) -> Result<Vec<Item<'_>>, Refusal> {
        let items = match self.values.get(name) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(Refusal::invalid(name)),
        };
        let objects = items.iter().enumerate().map(|(index, item)| {
            let fields = item.as_object().ok_or_else(|| Refusal::invalid(format!("{name}[{index}]")))?;
            Ok(Item { list: name, index, fields })
        });
        objects.collect()
    }
}

/// One object of a list in a body.
pub struct Item<'f> {
    list: &'static str,
    index: usize,
    fields: &'f Map<String, Value>,
}

impl Item<'_> {
    /// A text that may be missing.
    pub fn optional(&self, name: &str) -> Result<Option<String>, Refusal> {
        text(self.fields.get(name), &format!("{}[{}].{name}", self.list, self.index))
    }

    /// A text, empty when it is missing: the registry says which row lacks what.
    pub fn text(&self, name: &str) -> Result<String, Refusal> {
        Ok(self.optional(name)?.unwrap_or_default())
    }
}

/// A text; a number counts as its text.
fn text(value: Option<&Value>, name: &str) -> Result<Option<String>, Refusal> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(Refusal::invalid(name)),
    }
}

/// A text of at most so many characters.
pub fn bounded(name: &str, text: String, max: usize) -> Result<String, Refusal> {
    let text = CleanText::bounded(text, max);
    text.map(CleanText::into_string)
        .map_err(|fault| Refusal::invalid(format!("{name} {}", text_words(&fault))))
}

/// The parameters of the query.
pub struct Query(Vec<(String, String)>);

impl Query {
    pub fn of(request: &HttpRequest) -> Self {
        Self(serde_urlencoded::from_str(request.query_string()).unwrap_or_default())
    }

    /// A parameter that may be missing; an empty one counts as missing.
    pub fn optional(&self, name: &str) -> Option<String> {
        let found = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        found.filter(|value| !value.trim().is_empty())
    }

    /// A short text that may be missing.
    pub fn short(&self, name: &'static str, max: usize) -> Result<Option<String>, Refusal> {
        self.optional(name).map(|text| bounded(name, text, max)).transpose()
    }

    /// A short text that must be there.
    pub fn required(&self, name: &'static str, max: usize) -> Result<String, Refusal> {
        bounded(name, self.optional(name).ok_or_else(|| Refusal::missing(name))?, max)
    }

    /// A number in this range.
    pub fn number(&self, name: &'static str, default: i64, most: i64) -> Result<i64, Refusal> {
        let Some(text) = self.optional(name) else { return Ok(default) };
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| plain && (1..=most).contains(number));
        number.ok_or_else(|| Refusal::invalid(format!("{name}: 1..{most}")))
    }

    /// A flag that may be missing.
    pub fn flag(&self, name: &'static str) -> Result<Option<bool>, Refusal> {
        match self.optional(name).as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(Refusal::invalid(name)),
        }
    }
}

/// What a text must be, for the `detail` of a refusal.
pub fn text_words(fault: &TextFault) -> String {
    match fault {
        TextFault::Blank => "must not be blank".to_owned(),
        TextFault::TooLong(most) => format!("may have at most {most} characters"),
        TextFault::Control => "must not hold control characters".to_owned(),
    }
}
