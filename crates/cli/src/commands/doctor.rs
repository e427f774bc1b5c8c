//! `maru doctor`

use crate::output::Output;
use maru_app::Settings;
use maru_app::doctor::{Verdict, examine};
use maru_domain::error::BoxError;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Prints every finding; fails when one of them stops maru from working or endangers messages.
pub async fn run(settings: &Settings, output: &Output) -> Result<ExitCode, BoxError> {
    let findings = examine(settings).await;
    let value = findings.iter().map(|finding| {
        json!({ "check": finding.check, "verdict": finding.verdict.as_str(), "found": finding.found, "remedy": finding.remedy })
    });
    let lines = findings.iter().map(|finding| {
        let remedy =
            finding.remedy.as_ref().map(|remedy| format!("\n          → {remedy}")).unwrap_or_default();
        format!("{:<8}  {}: {}{remedy}", finding.verdict.as_str(), finding.check, finding.found)
    });
    output.say(&Value::Array(value.collect()), &lines.collect::<Vec<_>>().join("\n"));
    let failed = findings.iter().any(|finding| finding.verdict == Verdict::Fails);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
