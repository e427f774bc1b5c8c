//! Variables of the environment that are not ours, and stand in for what is not set: OpenAI's and OpenTelemetry's.

use super::{Hidden, LlmSettings, ProviderSettings, TelemetrySettings, Words};
use config::Map;
use std::path::PathBuf;

/// Where a provider is when nothing else is said.
const OPENAI: &str = "https://api.openai.com/v1";
/// OpenAI's own variables, which its other programs read too.
pub(super) const OPENAI_KEY: &str = "OPENAI_API_KEY";
pub(super) const OPENAI_URL: &str = "OPENAI_BASE_URL";
/// OpenTelemetry's own variables.
const OTLP_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

/// The provider `openai` is there as soon as something asks for it, and reads OpenAI's own variables.
pub(super) fn add_openai(llm: &mut LlmSettings, environment: &Map<String, String>) {
    let variable = |name: &str| environment.get(name).filter(|value| !value.is_empty()).cloned();
    let (key, url) = (variable(OPENAI_KEY), variable(OPENAI_URL));
    if key.is_some() || llm.model.starts_with("openai/") {
        llm.providers.entry("openai".to_owned()).or_insert_with(|| ProviderSettings {
            kind: "openai".to_owned(),
            base_url: String::new(),
            api_key: Hidden::default(),
            models: Words::default(),
            path: PathBuf::new(),
        });
    }
    if let Some(openai) = llm.providers.get_mut("openai") {
        if openai.base_url.is_empty() {
            openai.base_url = url.unwrap_or_else(|| OPENAI.to_owned());
        }
        if openai.api_key.expose().is_empty() {
            openai.api_key = Hidden::new(key.unwrap_or_default());
        }
    }
}

/// What OpenTelemetry's own variables say stands in for what is not set.
pub(super) fn complete(
    telemetry: &mut TelemetrySettings,
    environment: &Map<String, String>,
    wrong: &mut Vec<String>,
) {
    let variable =
        |name: &str| environment.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
    let mut named = "telemetry.otlp_endpoint";
    if telemetry.otlp_endpoint.is_empty()
        && let Some(endpoint) = variable(OTLP_ENDPOINT)
    {
        (named, telemetry.otlp_endpoint) = (OTLP_ENDPOINT, endpoint.to_owned());
    }
    if telemetry.service_name.is_empty() {
        telemetry.service_name = variable(SERVICE_NAME).unwrap_or("maru").to_owned();
    }
    let endpoint = &telemetry.otlp_endpoint;
    if endpoint.is_empty() {
        return;
    }
    let url = url::Url::parse(endpoint)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    match url {
        None => wrong
            .push(format!("{named}: must be an http:// or https:// address, such as http://localhost:4318")),
        // It would be shown wherever the address is.
        Some(url) if !url.username().is_empty() || url.password().is_some() || url.query().is_some() => {
            wrong.push(format!(
                "{named}: no name, password or query may be in it; OTEL_EXPORTER_OTLP_HEADERS takes a secret"
            ));
        }
        Some(_) => {}
    }
}
