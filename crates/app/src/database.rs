//! The database's state, for operators: what it lacks, and bringing it up to date.

use crate::settings::Settings;
use maru_domain::error::BoxError;

/// Which database, without its password.
///
/// # Errors
/// When the URL is of neither kind.
pub fn shown(settings: &Settings) -> Result<String, BoxError> {
    Ok(settings.location()?.shown())
}

/// The migrations that it lacks; all of them when it is not there yet.
///
/// # Errors
/// When it cannot be reached.
pub async fn pending(settings: &Settings) -> Result<Vec<String>, BoxError> {
    Ok(maru_store::pending(&settings.location()?).await?)
}

/// Brings it up to date, making it if need be; answers the migrations that were run.
///
/// # Errors
/// When it cannot be reached, or a migration fails.
pub async fn migrate(settings: &Settings) -> Result<Vec<String>, BoxError> {
    Ok(maru_store::migrate(&settings.location()?).await?)
}
