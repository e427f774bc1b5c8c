//! `maru serve`

use maru_app::Settings;
use maru_domain::error::BoxError;
use std::process::ExitCode;

/// Serves until told to stop.
pub async fn run(settings: Settings) -> Result<ExitCode, BoxError> {
    maru_app::serve(settings).await?;
    Ok(ExitCode::SUCCESS)
}
