//! Traces, where somebody collects them: what the rest of the app says to `maru-telemetry`, and nothing where that
//! is not built in (ADR 0020).

use crate::settings::Settings;
use tokio::runtime::Handle;
use tracing_subscriber::registry::Registry;

/// What sends spans on, beside the log.
pub type Traces = Box<dyn tracing_subscriber::Layer<Registry> + Send + Sync>;

#[cfg(feature = "otel")]
pub(crate) use maru_telemetry::{adopt, answered, following, is_on};
#[cfg(feature = "otel")]
use std::time::Duration;

/// How long the end of the server waits for the last spans.
#[cfg(feature = "otel")]
const LAST_SPANS: Duration = Duration::from_secs(2);

/// What sends spans to the collector of the settings, if one is set; nothing is asked of it.
///
/// # Errors
/// When the address is none, or spans cannot be sent by this build.
pub fn start(settings: &Settings, runtime: Handle) -> Result<Option<Traces>, String> {
    if settings.telemetry.otlp_endpoint.is_empty() {
        return Ok(None);
    }
    open(settings, runtime).map(Some)
}

#[cfg(feature = "otel")]
fn open(settings: &Settings, runtime: Handle) -> Result<Traces, String> {
    maru_telemetry::start(&crate::wire::telemetry(settings), runtime).map_err(|error| error.to_string())
}

/// Sends the spans that are left; a collector that does not answer holds the end up for a moment at most.
#[cfg(feature = "otel")]
pub(crate) async fn finish() {
    if is_on() {
        // It blocks, and needs the runtime meanwhile.
        let _ = tokio::task::spawn_blocking(|| maru_telemetry::finish(LAST_SPANS)).await;
    }
}

#[cfg(not(feature = "otel"))]
pub(crate) use without::{adopt, answered, finish, following, is_on, open};

#[cfg(not(feature = "otel"))]
mod without {
    use super::{Handle, Settings, Traces};
    use tracing::Span;

    pub fn open(_: &Settings, _: Handle) -> Result<Traces, String> {
        Err("telemetry.otlp_endpoint: this maru was built without the feature `otel`".to_owned())
    }

    pub const fn is_on() -> bool {
        false
    }

    pub fn adopt<'a>(_: &Span, _: impl Fn(&str) -> Option<&'a str>) {}

    pub fn answered(_: &Span, _: &str, _: &str, _: u16) {}

    pub fn following<F: Future>(task: F) -> F {
        task
    }

    pub async fn finish() {}
}
