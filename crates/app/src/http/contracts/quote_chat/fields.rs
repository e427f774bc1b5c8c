//! What a request names: a thread, and for a send what is said.

use super::refusal::{FIELD_MISSING, PARAMETER_MISSING, Refusal};
use crate::http::body;
use crate::http::visitor::Visitor;
use actix_web::dev::Payload;
use actix_web::{Error, FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use maru_domain::error::{Fault, codes};
use maru_domain::quotes::{THREAD_ID_CHARS, ThreadName};
use maru_domain::text::{CleanText, TextFault};
use serde_json::{Map, Value};

/// A caller and the message that is to be sent. The body is read for nobody who is not let in.
pub struct Asked {
    pub visitor: Visitor,
    pub name: ThreadName,
    pub content: CleanText,
    /// The body as it came.
    pub bytes: web::Bytes,
}

impl FromRequest for Asked {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let visitor = Visitor::from_request(&request, &mut payload).await?;
            let bytes = body::read(&request, &mut payload).await.map_err(Refusal::from)?;
            let values = parse(&request, &bytes);
            let (name, content) = message(&values)?;
            Ok(Self { visitor, name, content, bytes })
        })
    }
}

/// What is no JSON object has no fields, as in the original.
fn parse(request: &HttpRequest, bytes: &[u8]) -> Map<String, Value> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(values)) if body::says_json(request) => values,
        _ => Map::new(),
    }
}

fn message(values: &Map<String, Value>) -> Result<(ThreadName, CleanText), Refusal> {
    let text = |field: &str| match values.get(field) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.as_str()),
        _ => Err(Refusal::bad(FIELD_MISSING)),
    };
    // The client's time must be there and is not read: the server's counts (contract §5.1).
    let (user, thread, content, _) =
        (text("userId")?, text("threadNum")?, text("content")?, text("timestamp")?);
    let name = ThreadName::of(user, thread).ok_or_else(|| {
        Refusal::bad(format!("userId와 threadNum은 제어 문자 없이 {THREAD_ID_CHARS}자까지 쓸 수 있습니다."))
    })?;
    let content = CleanText::message(content.to_owned()).map_err(|fault| match fault {
        TextFault::Blank => Refusal::bad(FIELD_MISSING),
        TextFault::TooLong(most) => Refusal::bad(format!("content는 {most}자까지 쓸 수 있습니다.")),
        TextFault::Control => Refusal::bad("content에는 제어 문자를 쓸 수 없습니다."),
    })?;
    Ok((name, content))
}

/// The thread that the query names. One whose name nobody could have given is not there.
pub fn of_query(request: &HttpRequest) -> Result<ThreadName, Refusal> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(request.query_string()).unwrap_or_default();
    let value = |name: &str| {
        let found = pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        found.filter(|value| !value.is_empty()).ok_or_else(|| Refusal::bad(PARAMETER_MISSING))
    };
    let (user, thread) = (value("userId")?, value("threadNum")?);
    ThreadName::of(user, thread).ok_or_else(|| Fault::new(&codes::ROOM_NOT_FOUND).into())
}
