//! JSON bodies, read field by field so that everything wrong is told at once, by name.

use super::Problem;
use crate::http::body;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use maru_domain::error::{Fault, FieldFault, FieldRule, codes};
use maru_domain::text::{CleanText, TextFault};
use serde_json::{Map, Value};
use std::cell::RefCell;

/// The fields of a body. Unknown ones are left alone.
pub struct Body {
    values: Map<String, Value>,
    /// The body as it came.
    pub bytes: web::Bytes,
    faults: RefCell<Vec<FieldFault>>,
}

impl FromRequest for Body {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let bytes = body::read(&request, &mut payload).await?;
            let values = if bytes.is_empty() { Map::new() } else { parse(&request, &bytes)? };
            Ok(Self { values, bytes, faults: RefCell::default() })
        })
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

impl Body {
    fn refuse(&self, field: &'static str, rule: FieldRule) {
        self.faults.borrow_mut().push(FieldFault { field, rule });
    }

    /// The faults so far, for a use case that has more to add.
    pub fn unread(&self) -> Vec<FieldFault> {
        self.faults.borrow().clone()
    }

    /// Everything that was wrong with the fields read so far.
    pub fn check(&self) -> Result<(), Problem> {
        let faults = self.unread();
        if faults.is_empty() { Ok(()) } else { Err(Fault::fields(faults).into()) }
    }

    /// True when the field is there, null or not.
    pub fn has(&self, field: &str) -> bool {
        self.values.contains_key(field)
    }

    /// A text that may be missing or null.
    pub fn text(&self, field: &'static str) -> Option<String> {
        match self.values.get(field) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => {
                self.refuse(field, FieldRule::NotAString);
                None
            }
        }
    }

    /// A text that must be there.
    pub fn required(&self, field: &'static str) -> String {
        match self.values.get(field) {
            None => self.refuse(field, FieldRule::Required),
            Some(Value::Null) => self.refuse(field, FieldRule::Null),
            Some(_) => return self.text(field).unwrap_or_default(),
        }
        String::new()
    }

    /// A text of at most `max` characters; empty when missing.
    pub fn bounded(&self, field: &'static str, max: usize) -> Option<CleanText> {
        let text = self.text(field)?;
        self.clean(field, CleanText::bounded(text, max))
    }

    /// A message, which must be there.
    pub fn content(&self) -> Option<CleanText> {
        let text = self.required("content");
        if self.faults.borrow().iter().any(|fault| fault.field == "content") {
            return None;
        }
        self.clean("content", CleanText::message(text))
    }

    fn clean(&self, field: &'static str, text: Result<CleanText, TextFault>) -> Option<CleanText> {
        match text {
            Ok(text) => return Some(text),
            Err(TextFault::Blank) => self.refuse(field, FieldRule::Blank),
            Err(TextFault::TooLong(most)) => self.refuse(field, FieldRule::TooLong(most)),
            Err(TextFault::Control) => self.refuse(field, FieldRule::Characters),
        }
        None
    }

    /// A flag that may be missing.
    pub fn flag(&self, field: &'static str) -> Option<bool> {
        match self.values.get(field) {
            None | Some(Value::Null) => None,
            Some(Value::Bool(flag)) => Some(*flag),
            Some(_) => {
                self.refuse(field, FieldRule::NotAString);
                None
            }
        }
    }

    /// An object that may be missing.
    pub fn object(&self, field: &'static str) -> Option<Map<String, Value>> {
        match self.values.get(field) {
            None | Some(Value::Null) => None,
            Some(Value::Object(object)) => {
                // PostgreSQL's jsonb cannot hold NUL, so nobody may send it.
                if object.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)) {
                    self.refuse(field, FieldRule::Characters);
                }
                Some(object.clone())
            }
            Some(_) => {
                self.refuse(field, FieldRule::NotAString);
                None
            }
        }
    }

    /// A text with a meaning that may be missing; `rule` is what is said of any other.
    pub fn parsed<T>(
        &self,
        field: &'static str,
        rule: FieldRule,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let parsed = parse(&self.text(field)?);
        if parsed.is_none() {
            self.refuse(field, rule);
        }
        parsed
    }
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
