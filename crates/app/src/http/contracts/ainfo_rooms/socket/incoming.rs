//! What a client sends, bounded: actix-ws would collect a frame of any announced length before it
//! refuses it.

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::web::{self, Bytes};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, MessageStream, ProtocolError};
use futures_util::Stream;
use std::cell::Cell;
use std::io::ErrorKind;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// The largest message, in one frame or in several.
const MESSAGE_BYTES: usize = 1024 * 1024;
/// The bytes that may come before a message is whole: the message, the heads of its frames, and what
/// was read together with it.
const ALLOWANCE: usize = 2 * MESSAGE_BYTES;

/// How many bytes may still come before the next message.
#[derive(Clone)]
pub struct Allowance(Rc<Cell<usize>>);

type BoxedBody = Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>>;

/// The same bytes, and an end when too many come without making a message.
pub fn bounded(payload: web::Payload) -> (BoxedBody, Allowance) {
    let allowance = Allowance(Rc::new(Cell::new(ALLOWANCE)));
    let body = Bounded { payload: payload.into_inner(), allowance: allowance.clone() };
    (Box::pin(body), allowance)
}

struct Bounded {
    payload: Payload,
    allowance: Allowance,
}

impl Stream for Bounded {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = Pin::new(&mut self.payload).poll_next(context);
        let Poll::Ready(Some(Ok(bytes))) = next else { return next };
        match self.allowance.0.get().checked_sub(bytes.len()) {
            Some(left) => {
                self.allowance.0.set(left);
                Poll::Ready(Some(Ok(bytes)))
            }
            None => Poll::Ready(Some(Err(PayloadError::Overflow))),
        }
    }
}

/// The messages of a client.
pub struct Incoming {
    frames: AggregatedMessageStream,
    allowance: Allowance,
}

impl Incoming {
    pub fn new(frames: MessageStream, allowance: Allowance) -> Self {
        let frames = frames.max_frame_size(MESSAGE_BYTES).aggregate_continuations();
        Self { frames: frames.max_continuation_size(MESSAGE_BYTES), allowance }
    }

    /// The next message; `None` when the client has gone.
    ///
    /// # Errors
    /// The code to close with, for a client that breaks the protocol.
    pub async fn next(&mut self) -> Option<Result<AggregatedMessage, CloseCode>> {
        let next = self.frames.recv().await?;
        self.allowance.0.set(ALLOWANCE);
        Some(next.map_err(|error| match error {
            ProtocolError::Overflow => CloseCode::Size,
            ProtocolError::Io(error) if error.kind() == ErrorKind::InvalidData => CloseCode::Invalid,
            ProtocolError::Io(_) => CloseCode::Size,
            _ => CloseCode::Protocol,
        }))
    }
}
