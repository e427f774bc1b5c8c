//! Bodies, read field by field: what is not known is left alone, what is known must have its type, and
//! whatever is wrong is told by its path (contract §6.1).

use super::Refusal;
use crate::http::State;
use crate::http::body;
use crate::http::v1::caller::Caller;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use maru_domain::error::{Fault, codes};
use maru_domain::text::{CleanText, MESSAGE_CHARS, TextFault};
use serde_json::{Map, Value};
use std::ops::RangeInclusive;

/// The most pairs of notes, and the longest name and value.
const PAIRS: usize = 16;
const NAME_CHARS: usize = 64;
const VALUE_CHARS: usize = 512;

/// A caller of this contract.
pub struct Known(pub Caller);

impl FromRequest for Known {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Ok(Self(Caller::of(&request).await?)) })
    }
}

/// A caller and the body, which is read for nobody else.
pub struct Asked(pub Caller, pub Body);

impl FromRequest for Asked {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let caller = Caller::of(&request).await?;
            let bytes = body::read(&request, &mut payload).await?;
            let values = if bytes.is_empty() { Map::new() } else { parse(&request, &bytes)? };
            Ok(Self(caller, Body { values, bytes }))
        })
    }
}

/// A body as it came, and its fields.
pub struct Body {
    values: Map<String, Value>,
    /// As it came.
    pub bytes: web::Bytes,
}

impl Body {
    /// Its fields.
    pub fn fields(&self) -> Fields<'_> {
        Fields { values: &self.values, path: String::new() }
    }
}

fn parse(request: &HttpRequest, bytes: &[u8]) -> Result<Map<String, Value>, Fault> {
    if !body::says_json(request) {
        return Err(Fault::new(&codes::UNSUPPORTED_MEDIA_TYPE));
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(values)) => Ok(values),
        Ok(_) => Err(Fault::new(&codes::INVALID_JSON).detail("the body must be a JSON object")),
        Err(error) => Err(Fault::new(&codes::INVALID_JSON).detail(format!("the body is not JSON: {error}"))),
    }
}

/// The fields of an object somewhere in a body.
pub struct Fields<'v> {
    values: &'v Map<String, Value>,
    path: String,
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A value of the wrong type.
pub fn wrong_type(path: String, expected: &str, value: &Value) -> Refusal {
    let message = format!("Invalid type for '{path}': expected {expected}, but got {} instead.", kind(value));
    Refusal::param(path, "invalid_type", message)
}

/// A text as it may be stored.
pub fn clean(path: &str, text: String, max: usize) -> Result<CleanText, Refusal> {
    CleanText::bounded(text, max).map_err(|fault| of_text(path, fault))
}

/// A message as it may be sent.
pub fn message(path: &str, text: CleanText) -> Result<CleanText, Refusal> {
    CleanText::message(text.into_string()).map_err(|fault| of_text(path, fault))
}

fn of_text(path: &str, fault: TextFault) -> Refusal {
    match fault {
        TextFault::Blank => Refusal::value(path, "it must not be empty or blank"),
        TextFault::TooLong(most) => Refusal::value(path, format!("it may have at most {most} characters")),
        TextFault::Control => Refusal::value(path, "it holds control characters, which are not allowed"),
    }
}

impl<'v> Fields<'v> {
    /// The fields of an object at a path.
    pub fn of(value: &'v Value, path: String, expected: &str) -> Result<Self, Refusal> {
        match value {
            Value::Object(values) => Ok(Self { values, path }),
            other => Err(wrong_type(path, expected, other)),
        }
    }

    /// A field's path.
    pub fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// A field that is there and not null.
    pub fn get(&self, name: &str) -> Option<&'v Value> {
        self.values.get(name).filter(|value| !value.is_null())
    }

    fn typed<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl Fn(&'v Value) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => match read(value) {
                Some(read) => Ok(Some(read)),
                None => Err(wrong_type(self.at(name), expected, value)),
            },
        }
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<Option<&'v str>, Refusal> {
        self.typed(name, "a string", Value::as_str)
    }

    /// A text that must be there.
    pub fn required(&self, name: &str) -> Result<&'v str, Refusal> {
        self.text(name)?.ok_or_else(|| Refusal::missing(self.at(name)))
    }

    /// A longer text, for a model.
    pub fn prose(&self, name: &str) -> Result<Option<CleanText>, Refusal> {
        let text = self.text(name)?;
        text.map(|text| clean(&self.at(name), text.to_owned(), MESSAGE_CHARS)).transpose()
    }

    /// A flag.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        self.typed(name, "a boolean", Value::as_bool)
    }

    /// A list.
    pub fn list(&self, name: &str) -> Result<Option<&'v Vec<Value>>, Refusal> {
        self.typed(name, "an array", Value::as_array)
    }

    /// A list of texts; empty when it is not there.
    pub fn texts(&self, name: &str) -> Result<Vec<&'v str>, Refusal> {
        let items = self.list(name)?.map_or(&[][..], Vec::as_slice);
        let text = |(n, item): (usize, &'v Value)| {
            item.as_str().ok_or_else(|| wrong_type(format!("{}[{n}]", self.at(name)), "a string", item))
        };
        items.iter().enumerate().map(text).collect()
    }

    /// An object.
    pub fn object(&self, name: &str) -> Result<Option<Self>, Refusal> {
        let object = self.typed(name, "an object", Value::as_object)?;
        Ok(object.map(|values| Self { values, path: self.at(name) }))
    }

    /// A number within bounds.
    pub fn number(&self, name: &str, range: RangeInclusive<f64>) -> Result<Option<f64>, Refusal> {
        let Some(number) = self.typed(name, "a number", Value::as_f64)? else { return Ok(None) };
        if range.contains(&number) {
            return Ok(Some(number));
        }
        Err(Refusal::value(
            self.at(name),
            format!("it must lie between {} and {}", range.start(), range.end()),
        ))
    }

    /// A whole number within bounds.
    pub fn whole(&self, name: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, Refusal> {
        let Some(number) = self.typed(name, "an integer", Value::as_i64)? else { return Ok(None) };
        if range.contains(&number) {
            return Ok(Some(number));
        }
        Err(Refusal::value(
            self.at(name),
            format!("it must lie between {} and {}", range.start(), range.end()),
        ))
    }

    /// The client's own notes: a few short texts by name.
    pub fn metadata(&self) -> Result<Option<Map<String, Value>>, Refusal> {
        let Some(notes) = self.typed("metadata", "an object", Value::as_object)? else { return Ok(None) };
        let path = self.at("metadata");
        if notes.len() > PAIRS {
            return Err(Refusal::value(path, format!("it may have at most {PAIRS} pairs")));
        }
        for (name, value) in notes {
            let at = format!("{path}.{name}");
            clean(&path, name.clone(), NAME_CHARS)?;
            match value {
                Value::String(text) => drop(clean(&at, text.clone(), VALUE_CHARS)?),
                other => return Err(wrong_type(at, "a string", other)),
            }
        }
        Ok(Some(notes.clone()))
    }
}

/// The model of that name, or a refusal that names it.
pub fn check_model(state: &State, model: Option<&str>) -> Result<(), Refusal> {
    match model {
        Some(name) if state.services.models.resolve(Some(name)).is_none() => Err(Refusal::no_model(name)),
        _ => Ok(()),
    }
}

/// The name of the model that answers where none is named.
pub fn default_model(state: &State) -> String {
    state.services.models.names().into_iter().next().unwrap_or_default()
}
