//! Traces to a collector, by OpenTelemetry's protocol: requests, turns and calls to providers (ADR 0020).
//!
//! Spans are tracing's own; a layer sends those of maru on. They go into a bounded queue that a thread of its own
//! empties: nothing here waits for the collector, and what does not fit is dropped. No event, and with it no text
//! of ours or of anybody else's, is part of a span.

mod context;
mod sending;

pub use context::{Followed, adopt, answered, following, headers};

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use sending::Sending;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::runtime::Handle;
use tracing::Metadata;
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, registry::Registry};

/// What is appended to an address that names no path of its own.
const TRACES: &str = "/v1/traces";

/// Where traces go, and under what name.
#[derive(Clone, Debug)]
pub struct TelemetrySettings {
    /// The collector's base address, or the full one of its traces.
    pub endpoint: String,
    /// What this service is called there.
    pub service: String,
    /// Which release it is.
    pub version: String,
}

/// Why traces cannot be sent at all.
#[derive(Debug, thiserror::Error)]
#[error("telemetry.otlp_endpoint: {0}")]
pub struct TelemetryError(String);

/// There is one for the process, as there is one log.
static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// True when spans are sent somewhere.
#[must_use]
pub fn is_on() -> bool {
    PROVIDER.get().is_some()
}

/// The layer that sends spans on. The collector is not asked for: it may come later, or never. A second start in a
/// process keeps the first.
///
/// # Errors
/// When the address is none.
pub fn start(
    settings: &TelemetrySettings,
    runtime: Handle,
) -> Result<Box<dyn Layer<Registry> + Send + Sync>, TelemetryError> {
    let wrong = |error: &dyn std::fmt::Display| TelemetryError(error.to_string());
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Sending::new(runtime).map_err(|error| wrong(&error))?)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(address(&settings.endpoint))
        .build()
        .map_err(|error| wrong(&error))?;
    let named = Resource::builder().with_service_name(settings.service.clone());
    let version = opentelemetry::KeyValue::new("service.version", settings.version.clone());
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(named.with_attribute(version).build())
        .build();
    Ok(layer(PROVIDER.get_or_init(|| provider)))
}

fn layer<S>(provider: &SdkTracerProvider) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("maru"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_context_activation(false);
    Box::new(layer.with_filter(FilterFn::new(is_ours)))
}

/// Spans of maru's own, whatever the log's level is. A request that declares no kind is a probe's: it is not sent.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.is_span()
        && metadata.target().starts_with("maru")
        && (metadata.name() != "request" || metadata.fields().field("otel.kind").is_some())
}

/// A base address gets the protocol's path; one with a path of its own stays.
fn address(endpoint: &str) -> String {
    let endpoint = endpoint.trim().trim_end_matches('/');
    if endpoint.ends_with(TRACES) { endpoint.to_owned() } else { format!("{endpoint}{TRACES}") }
}

/// Sends what is still in the queue, for at most `patience`. Blocks.
pub fn finish(patience: Duration) {
    if let Some(provider) = PROVIDER.get()
        && let Err(error) = provider.shutdown_with_timeout(patience)
    {
        tracing::warn!(%error, "some spans did not reach the collector");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_to_the_traces() {
        for (given, meant) in [
            ("http://collector:4318", "http://collector:4318/v1/traces"),
            ("http://collector:4318/", "http://collector:4318/v1/traces"),
            ("https://host/otlp", "https://host/otlp/v1/traces"),
            ("https://host/otlp/v1/traces", "https://host/otlp/v1/traces"),
        ] {
            assert_eq!(address(given), meant);
        }
    }
}
