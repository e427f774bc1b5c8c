//! `maru serve`

use crate::output::Output;
use maru_app::Settings;
use maru_domain::error::BoxError;
use std::process::ExitCode;

/// Serves until told to stop. A model of the catalogue that is not here is fetched first.
#[cfg_attr(not(feature = "local"), expect(unused_mut, unused_variables, reason = "nothing is fetched"))]
pub async fn run(mut settings: Settings, output: &Output) -> Result<ExitCode, BoxError> {
    #[cfg(feature = "local")]
    super::model::fetch_default(&mut settings, output).await;
    maru_app::serve(settings).await?;
    Ok(ExitCode::SUCCESS)
}
