//! Which trace something belongs to: taken over from a caller, handed to tasks, sent to providers (W3C Trace Context).

use opentelemetry::Context;
use opentelemetry::context::{FutureExt, WithContext};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{Status, TraceContextExt};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// What a caller says of its trace.
struct Given<'a> {
    parent: &'a str,
    state: Option<&'a str>,
}

impl Extractor for Given<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            "traceparent" => Some(self.parent),
            "tracestate" => self.state,
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}

#[derive(Default)]
struct Taken(Vec<(String, String)>);

impl Injector for Taken {
    fn set(&mut self, key: &str, value: String) {
        if !value.is_empty() {
            self.0.push((key.to_owned(), value));
        }
    }
}

/// Puts a span into the trace that the caller's headers name, if they name one.
pub fn adopt<'a>(span: &Span, header: impl Fn(&str) -> Option<&'a str>) {
    let Some(parent) = header("traceparent") else { return };
    let given = Given { parent, state: header("tracestate") };
    let caller = TraceContextPropagator::new().extract_with_context(&Context::new(), &given);
    if caller.span().span_context().is_valid() {
        // Refused for a span that was sent or is not ours: then there is nothing to put anywhere.
        let _ = span.set_parent(caller);
    }
}

/// The headers that tell another server which span asks it; none outside of a trace.
#[must_use]
pub fn headers() -> Vec<(String, String)> {
    if !crate::is_on() {
        return Vec::new();
    }
    let mut taken = Taken::default();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut taken);
    taken.0
}

/// A task with the trace that it belongs to.
pub type Followed<F> = WithContext<F>;

/// Spans of the task belong beneath the span in which it is begun. That one ends when it ends: it is not held.
/// A task that is begun outside of any span begins traces of its own.
pub fn following<F: Future>(task: F) -> Followed<F> {
    let span = Span::current();
    let of = if span.is_none() { Context::new() } else { span.context() };
    task.with_context(of)
}

/// What became of a request, in the words of OpenTelemetry's conventions.
pub fn answered(span: &Span, method: &str, route: &str, status: u16) {
    // The span may have begun for the collector long ago: a field that names it would come too late.
    span.context().span().update_name(format!("{method} {route}"));
    span.set_attribute("http.request.method", method.to_owned());
    span.set_attribute("http.route", route.to_owned());
    span.set_attribute("http.response.status_code", i64::from(status));
    if status >= 500 {
        span.set_status(Status::error(""));
    }
}
