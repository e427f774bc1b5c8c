//! Reads an answer: events or one JSON text, never more of it than is allowed.

use super::answer::{Answer, End};
use super::{Limits, fault};
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt};
use maru_domain::turns::Usage;
use maru_domain::turns::ports::{Finish, ModelError, ModelFault, Piece, Pieces};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use sse_stream::{Sse, SseByteStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// So much of an error's body is read, and so long is it waited for: the status says enough.
const ERROR_BODY: usize = 16 * 1024;
const ERROR_BODY_WAIT: Duration = Duration::from_secs(2);
/// So long the end of the transfer is waited for after the end of the reply; mostly it is there.
const READ_OUT: Duration = Duration::from_millis(20);
/// So much white space may stand before an answer.
const BLANK: usize = 1024;

/// The body's bytes, counted before anything is kept of them.
type Body = BoxStream<'static, Result<Bytes, Broken>>;

/// Why there are no more bytes.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Broken(ModelError);

/// The pieces of an answer, once it is known what sort of answer it is.
pub(super) async fn pieces(
    answer: reqwest::Response,
    limits: Limits,
    key: &str,
) -> Result<Pieces, ModelError> {
    let status = answer.status();
    if status != reqwest::StatusCode::OK {
        let headers = answer.headers().clone();
        let body = error_body(answer).await;
        return Err(fault::of_status(status, &headers, &body, key));
    }
    // Asked for was `identity`: what comes packed would have to be unpacked to count it.
    if answer.headers().get(CONTENT_ENCODING).is_some_and(|packed| packed != "identity") {
        return Err(ModelError::new(ModelFault::Malformed, "a packed answer, which was not asked for"));
    }
    let media = answer.headers().get(CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
    if media.trim_start().to_ascii_lowercase().starts_with("text/html") {
        return Err(ModelError::new(ModelFault::Malformed, "a web page instead of an answer"));
    }
    let since_event = Arc::new(AtomicUsize::new(0));
    let mut body = counted(answer, limits, Arc::clone(&since_event));
    // What the server calls it does not matter: both kinds come under either name.
    let (begin, first) = begin(&mut body).await?;
    let body = stream::iter([Ok(begin)]).chain(body).boxed();
    match first {
        Some(b'{') => whole(body, &since_event, limits, key).await,
        Some(b'<') => Err(ModelError::new(ModelFault::Malformed, "a web page instead of an answer")),
        _ => Ok(Events::new(body, since_event, limits, key).into_pieces()),
    }
}

async fn error_body(answer: reqwest::Response) -> Vec<u8> {
    let mut body = answer.bytes_stream();
    let mut read = Vec::new();
    let reading = async {
        while let Some(Ok(chunk)) = body.next().await {
            let room = ERROR_BODY - read.len();
            read.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if read.len() >= ERROR_BODY {
                return;
            }
        }
    };
    // Late is the same as short.
    timeout(ERROR_BODY_WAIT, reading).await.ok();
    read
}

/// The body with its two limits: in all, and since the last event. The parser holds what belongs to
/// no event yet and has no limit of its own.
fn counted(answer: reqwest::Response, limits: Limits, since_event: Arc<AtomicUsize>) -> Body {
    let mut total = 0_u64;
    let count = move |chunk: Result<Bytes, reqwest::Error>| {
        let chunk = chunk.map_err(|error| Broken(fault::of_reading(&error)))?;
        total += chunk.len() as u64;
        let since = since_event.fetch_add(chunk.len(), Ordering::Relaxed) + chunk.len();
        let (over, what) =
            if total > limits.stream { (true, "the answer") } else { (since > limits.event, "a line") };
        if over {
            return Err(Broken(ModelError::new(
                ModelFault::TooLarge,
                format!("{what} is larger than allowed"),
            )));
        }
        Ok(chunk)
    };
    answer.bytes_stream().map(count).boxed()
}

/// Reads up to the first byte that is not blank.
async fn begin(body: &mut Body) -> Result<(Bytes, Option<u8>), ModelError> {
    let mut begin = BytesMut::new();
    loop {
        let text = begin.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&begin);
        let first = text.iter().copied().find(|byte| !byte.is_ascii_whitespace());
        // A byte order mark that has not come whole is not a first byte.
        let whole = begin.len() >= 3 || begin.first() != Some(&0xEF);
        if (first.is_some() && whole) || begin.len() > BLANK {
            return Ok((begin.freeze(), first));
        }
        match body.next().await {
            Some(Ok(chunk)) => begin.extend_from_slice(&chunk),
            Some(Err(Broken(error))) => return Err(error),
            None => return Ok((begin.freeze(), first)),
        }
    }
}

/// A server that does not stream answers in one JSON text.
async fn whole(
    mut body: Body,
    since_event: &AtomicUsize,
    limits: Limits,
    key: &str,
) -> Result<Pieces, ModelError> {
    let mut text = BytesMut::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|Broken(error)| error)?;
        // It has no lines: the limit of the answer is the one that counts.
        since_event.store(0, Ordering::Relaxed);
        if text.len() + chunk.len() > limits.answer {
            return Err(ModelError::new(ModelFault::TooLarge, "the answer is larger than allowed"));
        }
        text.extend_from_slice(&chunk);
    }
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&text);
    let told = understood(text, key)?.told();
    let finish = match told.finish {
        Some(End::Failed) => return Err(failed()),
        Some(End::Finished(finish)) => finish,
        None => Finish::Stop,
    };
    let said = (!told.text.is_empty()).then_some(Piece::Text(told.text));
    let pieces = said.into_iter().chain([Piece::End { finish, usage: told.usage }]);
    Ok(stream::iter(pieces.map(Ok).collect::<Vec<_>>()).boxed())
}

fn understood(json: &[u8], key: &str) -> Result<Answer, ModelError> {
    let answer: Answer = serde_json::from_slice(json).map_err(|error| {
        // Only where, not what: serde repeats the text, and that is somebody's conversation.
        let place =
            format!("not the protocol's JSON: {:?} error in column {}", error.classify(), error.column());
        ModelError::new(ModelFault::Malformed, place)
    })?;
    if let Some(error) = answer.error() {
        return Err(fault::of_object(error, key));
    }
    if answer.is_bare_error() {
        let object = serde_json::from_slice(json).unwrap_or_default();
        return Err(fault::of_object(&object, key));
    }
    if answer.is_foreign() {
        return Err(ModelError::new(ModelFault::Malformed, "JSON that is not the protocol's"));
    }
    Ok(answer)
}

fn failed() -> ModelError {
    ModelError::new(ModelFault::Failing, "the provider ended the reply with an error")
}

/// A stream of events, as far as it is read.
struct Events {
    events: SseByteStream<Body>,
    since_event: Arc<AtomicUsize>,
    limits: Limits,
    key: String,
    answer: usize,
    any: bool,
    finish: Option<(Finish, Instant)>,
    usage: Option<Usage>,
    over: bool,
}

impl Events {
    fn new(body: Body, since_event: Arc<AtomicUsize>, limits: Limits, key: &str) -> Self {
        Self {
            events: SseByteStream::new(body),
            since_event,
            limits,
            key: key.to_owned(),
            answer: 0,
            any: false,
            finish: None,
            usage: None,
            over: false,
        }
    }

    fn into_pieces(self) -> Pieces {
        stream::unfold(self, |mut events| async move {
            if events.over {
                return None;
            }
            let piece = events.piece().await;
            if matches!(piece, Ok(Piece::End { .. })) {
                events.read_out().await;
            }
            events.over = !matches!(piece, Ok(Piece::Text(_)));
            Some((piece, events))
        })
        .boxed()
    }

    /// The next piece. Text may be empty: then the model thinks, and that is a sign of life.
    async fn piece(&mut self) -> Result<Piece, ModelError> {
        loop {
            let event = match self.finish {
                // The reply is whole; only the usage is still waited for, and not for long.
                Some((finish, until)) => match timeout_at(until, self.events.next()).await {
                    Ok(Some(Ok(event))) => event,
                    _ => return Ok(self.end(finish)),
                },
                None => match self.events.next().await {
                    Some(Ok(event)) => event,
                    Some(Err(error)) => return Err(broken(error)),
                    None => return Err(self.cut_off()),
                },
            };
            self.since_event.store(0, Ordering::Relaxed);
            if let Some(piece) = self.take(event)? {
                return Ok(piece);
            }
        }
    }

    /// Reads what little may follow a whole reply: only a connection that was read to the end of the
    /// answer can serve the next one, and saves it the handshakes.
    async fn read_out(&mut self) {
        let rest = async { while let Some(Ok(_)) = self.events.next().await {} };
        timeout(READ_OUT, rest).await.ok();
    }

    fn take(&mut self, event: Sse) -> Result<Option<Piece>, ModelError> {
        // Names and ids of events mean nothing here, so none can be forged; only data counts.
        let Some(data) = event.data.filter(|data| !data.trim().is_empty()) else {
            return Ok(None);
        };
        self.any = true;
        if data.trim() == "[DONE]" {
            let finish = self.finish.map_or(Finish::Stop, |(finish, _)| finish);
            return Ok(Some(self.end(finish)));
        }
        let told = match understood(data.as_bytes(), &self.key) {
            Ok(answer) => answer.told(),
            // The reply was whole before this came.
            Err(_) if self.finish.is_some() => return Ok(None),
            // Some servers send signs of life as named events with data of their own.
            Err(_) if matches!(event.event.as_deref(), Some("ping" | "keepalive" | "heartbeat")) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        self.usage = told.usage.or(self.usage);
        if let Some((finish, _)) = self.finish {
            return Ok(told.usage.is_some().then(|| self.end(finish)));
        }
        match told.finish {
            Some(End::Failed) => return Err(failed()),
            Some(End::Finished(finish)) => {
                self.finish = Some((finish, Instant::now() + self.limits.after_finish))
            }
            None => {}
        }
        self.answer += told.text.len();
        if self.answer > self.limits.answer {
            return Err(ModelError::new(ModelFault::TooLarge, "the reply is larger than allowed"));
        }
        Ok((told.thinking || !told.text.is_empty()).then_some(Piece::Text(told.text)))
    }

    fn end(&self, finish: Finish) -> Piece {
        Piece::End { finish, usage: self.usage }
    }

    /// The stream is over and nobody has said so.
    fn cut_off(&self) -> ModelError {
        let events = if self.any { "in the middle" } else { "before the first event" };
        ModelError::new(ModelFault::Truncated, format!("the stream stopped {events}"))
    }
}

fn broken(error: sse_stream::Error) -> ModelError {
    match error {
        sse_stream::Error::Body(error) => match error.downcast::<Broken>() {
            Ok(broken) => broken.0,
            Err(error) => ModelError::new(ModelFault::Truncated, error.to_string()),
        },
        sse_stream::Error::Utf8Parse(_) => ModelError::new(ModelFault::Malformed, "text that is not UTF-8"),
        _ => ModelError::new(ModelFault::Malformed, "events that cannot be read"),
    }
}
