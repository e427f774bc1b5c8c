//! `maru restore`

use super::backup::{shape, told};
use crate::arguments::RestoreArguments;
use crate::output::Output;
use crate::progress;
use maru_app::Settings;
use maru_app::database;
use maru_domain::error::BoxError;
use serde_json::json;
use std::process::ExitCode;

/// Puts a backup in the database's place.
pub async fn run(
    arguments: &RestoreArguments,
    settings: &Settings,
    output: &Output,
) -> Result<ExitCode, BoxError> {
    let store = database::shown(settings)?;
    let from = arguments.from.display().to_string();
    let work = database::restore(settings, &arguments.from, arguments.overwrite);
    let restored = progress::waiting(output, &format!("putting {from} back"), work).await?;
    let missing = database::pending(settings).await?;
    let kept = restored.kept.as_ref().map(|kept| kept.display().to_string());
    let value = json!({ "store": store, "file": from, "contents": shape(&restored.contents), "kept": kept, "pending": missing });
    let mut text = format!("{store} holds {}, as in {from}", told(&restored.contents));
    if let Some(kept) = &kept {
        text += &format!("\nwhat was there is kept as {kept}; remove it when nobody misses it");
    }
    if !missing.is_empty() {
        text += &format!(
            "\nit lacks {}; the next start, or `maru migrate`, brings it up to date",
            missing.join(", ")
        );
    }
    output.say(&value, &text);
    Ok(ExitCode::SUCCESS)
}
