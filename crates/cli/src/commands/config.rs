//! `maru config`

use crate::output::Output;
use maru_app::Settings;
use maru_domain::error::BoxError;
use std::process::ExitCode;

/// Prints the settings in effect, with secrets hidden.
pub fn run(settings: &Settings, output: &Output) -> Result<ExitCode, BoxError> {
    output.say(&serde_json::to_value(settings)?, &toml::to_string(settings)?);
    Ok(ExitCode::SUCCESS)
}
