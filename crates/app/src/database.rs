//! The database's state, for operators: what it lacks, and bringing it up to date.

use crate::settings::Settings;
use maru_domain::error::BoxError;
pub use maru_store::{Contents, Kept, Levels, Moved, Restored, Step, Told};
use std::path::{Path, PathBuf};

/// Which database, without its password.
///
/// # Errors
/// When the URL is of neither kind.
pub fn shown(settings: &Settings) -> Result<String, BoxError> {
    Ok(settings.location()?.shown())
}

/// The SQLite file that is named and is not there.
///
/// # Errors
/// When the URL is of neither kind.
pub fn absent(settings: &Settings) -> Result<Option<PathBuf>, BoxError> {
    Ok(match settings.location()? {
        maru_store::Location::Sqlite(path) if !path.exists() => Some(path),
        _ => None,
    })
}

/// How far its tables have come; nowhere when it is not there yet.
///
/// # Errors
/// When it cannot be reached.
pub async fn levels(settings: &Settings) -> Result<Levels, BoxError> {
    Ok(maru_store::levels(&settings.location()?).await?)
}

/// The migrations that it lacks; all of them when it is not there yet.
///
/// # Errors
/// When it cannot be reached, or a newer maru has been at work on it.
pub async fn pending(settings: &Settings) -> Result<Vec<String>, BoxError> {
    Ok(maru_store::pending(&settings.location()?).await?)
}

/// What was done to bring a database up to date.
#[derive(Clone, Debug, Default)]
pub struct Migrated {
    /// The migrations that were run.
    pub applied: Vec<String>,
    /// Where it is kept as it was before.
    pub kept: Option<PathBuf>,
}

/// Brings it up to date, making it if need be. A SQLite file must not be served meanwhile.
///
/// # Errors
/// When it cannot be reached, is served, or a migration fails.
pub async fn migrate(settings: &Settings) -> Result<Migrated, BoxError> {
    let location = settings.location()?;
    if maru_store::pending(&location).await?.is_empty() {
        return Ok(Migrated::default());
    }
    let _held = maru_store::lock(&location)?;
    migrate_held(settings).await
}

/// The same for whoever holds the lock.
///
/// # Errors
/// When it cannot be reached, or a migration fails.
pub async fn migrate_held(settings: &Settings) -> Result<Migrated, BoxError> {
    let location = settings.location()?;
    let kept = if settings.store.migration_backup {
        maru_store::keep_before_migrating(&location).await?
    } else {
        None
    };
    Ok(Migrated { applied: maru_store::migrate(&location).await?, kept })
}

/// Copies it into a file, while servers go on writing.
///
/// # Errors
/// When it cannot be read or the file cannot be written.
pub async fn backup(settings: &Settings, to: &Path) -> Result<Kept, BoxError> {
    Ok(maru_store::backup(&settings.location()?, to).await?)
}

/// Takes away what a backup that is not waited for has left of a copy.
pub fn abandon_backup(to: &Path) {
    maru_store::abandon_backup(to);
}

/// Puts a backup in its place.
///
/// # Errors
/// When the backup is not whole, or when there is a database and it is not to be overwritten.
pub async fn restore(settings: &Settings, from: &Path, overwrite: bool) -> Result<Restored, BoxError> {
    Ok(maru_store::restore(from, &settings.location()?, overwrite).await?)
}

/// Moves everything of one database into an empty one of the other kind. Neither may be served meanwhile.
///
/// # Errors
/// When a URL is none, one of them cannot be used, the new place holds something, or the two do not agree in the end.
pub async fn transfer(from: &str, to: &str, start_over: bool, told: Told<'_>) -> Result<Moved, BoxError> {
    let location =
        |url: &str, flag: &str| maru_store::Location::parse(url).map_err(|error| format!("{flag}: {error}"));
    Ok(maru_store::transfer(&location(from, "--from")?, &location(to, "--to")?, start_over, told).await?)
}
