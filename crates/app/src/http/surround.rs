//! What surrounds every request: an id, a line in the log, a count, a limit, and a net for panics.

use super::State;
use super::contracts::Contract;
use super::pages::Place;
use super::routing::Met;
use crate::telemetry;
use actix_web::body::{BodySize, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::http::{ConnectionType, Method, StatusCode, Version};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};
use futures_util::FutureExt;
use maru_domain::error::{Fault, codes};
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tracing::{Instrument, Span};
use uuid::Uuid;

/// Requests at a time, over all connections; more are told to come again.
const IN_FLIGHT: usize = 10_000;
/// The longest path with its query, in bytes.
const PATH_BYTES: usize = 8 * 1024;
/// Asked all the time, by machines: nobody wants traces of that.
const PROBES: [&str; 3] = ["/livez", "/readyz", "/metrics"];

tokio::task_local! {
    /// The id of the request that this task serves.
    static REQUEST: Served;
}

/// What is kept beside a request that is being served.
#[derive(Clone)]
struct Served {
    id: String,
    /// Where a reader of the pages is.
    place: Option<Place>,
}

/// The id of the request that is being served; empty outside of one.
pub fn request_id() -> String {
    REQUEST.try_with(|served| served.id.clone()).unwrap_or_default()
}

/// Where the reader of the page is that is being served.
pub fn place() -> Place {
    let place = REQUEST.try_with(|served| served.place.clone()).ok().flatten();
    place.unwrap_or_else(|| Place::of(&Method::GET, "/", &HeaderMap::new()))
}

fn served(request: &ServiceRequest, id: &str) -> Served {
    let uri = request.uri();
    let is_page = Contract::of_path(request.path()) == Contract::Pages;
    let place = is_page.then(|| {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Place::of(request.method(), path, request.headers())
    });
    Served { id: id.to_owned(), place }
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives each request an id, which its answer and its lines in the log carry.
pub async fn surround(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    let state = request.app_data::<web::Data<State>>().cloned();
    let Some(state) = state else { return Ok(next.call(request).await?.map_into_left_body()) };
    let clock = &state.services.clock;
    let started = clock.elapsed();
    let id = new_request_id();
    let (span, method) = (span_of(&request, &id), request.method().clone());
    let (_in_flight, requests) = state.status.enter();
    let (refused, served) = (refusal(&request, requests), served(&request, &id));
    let response = async {
        match refused {
            Some(fault) => {
                let contract = Contract::of_path(request.path());
                let response = contract.refuse(fault);
                Ok(request.into_response(response).map_into_right_body())
            }
            None => next.call(request).await.map(ServiceResponse::map_into_left_body),
        }
    }
    .instrument(span.clone());
    let mut response = REQUEST.scope(served, response).await?;
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    tell_the_end_by_closing(&mut response);
    let (status, took) = (response.status(), clock.elapsed().saturating_sub(started));
    let route = response.request().extensions().get::<Met>().map_or("unknown", |met| met.0);
    metrics::counter!("maru_requests_total", "route" => route, "status" => status.as_str().to_owned())
        .increment(1);
    metrics::histogram!("maru_request_seconds", "route" => route).record(took.as_secs_f64());
    span.in_scope(|| log(status, took));
    if telemetry::is_on() && !span.is_disabled() {
        telemetry::answered(&span, method.as_str(), route, status.as_u16());
    }
    Ok(response)
}

/// A client of HTTP/1.0 knows no chunks: an answer whose length nobody knows ends where its connection does.
fn tell_the_end_by_closing(response: &mut ServiceResponse<impl MessageBody>) {
    let is_old = response.request().version() < Version::HTTP_11;
    if is_old && response.response().body().size() == BodySize::Stream {
        let head = response.response_mut().head_mut();
        head.no_chunking(true);
        head.set_connection_type(ConnectionType::Close);
    }
}

/// What the lines of a request in the log say of it, and what is told of it to a collector, if there is one: under
/// the trace of whoever asks. Never the query: it may hold a token.
fn span_of(request: &ServiceRequest, id: &str) -> Span {
    let (method, path) = (request.method(), request.path());
    if !telemetry::is_on() || PROBES.contains(&path) {
        return tracing::info_span!("request", %id, %method, path);
    }
    let kind = "server";
    let span = tracing::info_span!("request", otel.kind = kind, %id, %method, path);
    telemetry::adopt(&span, |name| request.headers().get(name).and_then(|value| value.to_str().ok()));
    span
}

fn new_request_id() -> String {
    Uuid::from_u128(fastrand::u128(..)).simple().to_string()
}

fn refusal(request: &ServiceRequest, requests: usize) -> Option<Fault> {
    if requests > IN_FLIGHT {
        return Some(Fault::new(&codes::OVERLOADED).retry_after(Duration::from_secs(1)));
    }
    let uri = request.uri();
    let bytes = uri.path().len() + uri.query().map_or(0, str::len);
    (bytes > PATH_BYTES).then(|| Fault::new(&codes::ADDRESS_TOO_LONG))
}

fn log(status: StatusCode, took: Duration) {
    let (status, millis) = (status.as_u16(), took.as_secs_f64() * 1000.0);
    if status >= 500 {
        tracing::warn!(status, millis, "answered");
    } else {
        tracing::debug!(status, millis, "answered");
    }
}

/// A panic in a handler is a bug of ours: the client gets an answer and the server lives on.
pub async fn catch_panics(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    // Nothing of the request may be held over the call: the router takes it apart.
    let contract = Contract::of_path(request.path());
    match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            metrics::counter!("maru_panics_total").increment(1);
            tracing::error!("a handler has panicked");
            let mut response = contract.refuse(Fault::new(&codes::INTERNAL));
            if let Ok(id) = HeaderValue::from_str(&request_id()) {
                response.headers_mut().insert(REQUEST_ID, id);
            }
            Err(InternalError::from_response("a handler has panicked", response).into())
        }
    }
}
