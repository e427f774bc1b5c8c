//! Bodies that nobody reads to their end.
//!
//! Once the reader of a chunked body is gone, actix goes on reading and throwing away for as long as the client
//! sends, without any limit of time, and keeps the connection. While the reader is there it answers, waits a
//! second for the client to notice, and closes. So the reader stays until the answer is out.

use actix_web::body::{BodySize, EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header::TRANSFER_ENCODING;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};
use futures_util::Stream;
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// Keeps the reader of a chunked body until the answer is out.
pub async fn hold(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody, Holding<impl MessageBody>>>, Error> {
    if !request.headers().contains_key(TRANSFER_ENCODING) {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    }
    let held = Held(Rc::new(RefCell::new(request.take_payload())));
    let payload: Pin<Box<dyn Stream<Item = Result<web::Bytes, PayloadError>>>> = Box::pin(held.clone());
    request.set_payload(Payload::from(payload));
    let response = next.call(request).await?;
    Ok(response.map_body(|_, body| EitherBody::right(Holding { body: Box::pin(body), _held: held })))
}

/// A body that two may read.
#[derive(Clone)]
struct Held(Rc<RefCell<Payload>>);

impl Stream for Held {
    type Item = Result<web::Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(context)
    }
}

/// An answer that holds on to the body of its request.
pub struct Holding<B> {
    body: Pin<Box<B>>,
    _held: Held,
}

impl<B: MessageBody> MessageBody for Holding<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<web::Bytes, Self::Error>>> {
        self.body.as_mut().poll_next(context)
    }
}
