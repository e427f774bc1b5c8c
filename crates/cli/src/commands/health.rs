//! `maru health`

use crate::arguments::HealthArguments;
use crate::output::Output;
use maru_app::{Settings, health};
use maru_domain::error::BoxError;
use serde_json::Value;
use std::process::ExitCode;

/// Says how the running server is; fails when it is not well.
pub async fn run(
    arguments: &HealthArguments,
    settings: &Settings,
    output: &Output,
) -> Result<ExitCode, BoxError> {
    let path = if arguments.ready { "/readyz" } else { "/livez" };
    let answer = health::ask(settings, path).await?;
    let value = serde_json::from_str(&answer).unwrap_or_else(|_| Value::String(answer.clone()));
    output.say(&value, &answer);
    Ok(ExitCode::SUCCESS)
}
