//! `maru migrate`

use crate::arguments::MigrateArguments;
use crate::output::Output;
use maru_app::{Settings, database};
use maru_domain::error::BoxError;
use serde_json::json;
use std::process::ExitCode;

/// Brings the database up to date, or says what it lacks.
pub async fn run(
    arguments: &MigrateArguments,
    settings: &Settings,
    output: &Output,
) -> Result<ExitCode, BoxError> {
    let store = database::shown(settings)?;
    if arguments.status {
        let missing = database::pending(settings).await?;
        let text = if missing.is_empty() {
            format!("{store} is up to date")
        } else {
            format!("{store} lacks {}; run `maru migrate`", missing.join(", "))
        };
        output.say(&json!({ "store": store, "pending": missing }), &text);
        return Ok(if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let done = database::migrate(settings).await?;
    let text = if done.is_empty() {
        format!("{store} was up to date")
    } else {
        format!("{store} is up to date; applied {}", done.join(", "))
    };
    output.say(&json!({ "store": store, "applied": done }), &text);
    Ok(ExitCode::SUCCESS)
}
