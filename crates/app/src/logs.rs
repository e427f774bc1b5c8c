//! Logs: structured, to standard error, for people or for machines. Standard output is the banner's.

use crate::settings::{LogFormat, LogSettings};
use crate::telemetry::Traces;
use std::io::IsTerminal;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// What says nothing at a start that the banner does not say. Who wants to hear it names it in `log.level`.
const QUIET: &str = "actix_server=warn";

/// Starts logging, and sending `traces` on; once per process.
///
/// # Errors
/// When the level is not a filter that can be read.
pub fn start(settings: &LogSettings, traces: Option<Traces>) -> Result<(), String> {
    let filter = EnvFilter::try_new(format!("{QUIET},{}", settings.level))
        .map_err(|error| format!("log.level: {error}"))?;
    let colours = std::io::stderr().is_terminal();
    // A log on a full disk must not end a request: a line that could not be written would be told with `eprintln!`,
    // which panics when it cannot be written either.
    let Some(traces) = traces else {
        let logs = tracing_subscriber::fmt().log_internal_errors(false);
        let logs = logs.with_env_filter(filter).with_writer(std::io::stderr);
        // A second start (in tests) keeps the first.
        let _ = match settings.format {
            LogFormat::Pretty => logs.with_target(false).with_ansi(colours).try_init(),
            LogFormat::Json => logs.json().flatten_event(true).try_init(),
        };
        return Ok(());
    };
    // The log's level is the log's own: spans are sent on whatever it is.
    let logs = tracing_subscriber::fmt::layer().log_internal_errors(false).with_writer(std::io::stderr);
    let both = tracing_subscriber::registry().with(traces);
    let _ = match settings.format {
        LogFormat::Pretty => {
            both.with(logs.with_target(false).with_ansi(colours).with_filter(filter)).try_init()
        }
        LogFormat::Json => both.with(logs.json().flatten_event(true).with_filter(filter)).try_init(),
    };
    Ok(())
}
