//! `maru migrate`

use crate::arguments::MigrateArguments;
use crate::output::Output;
use maru_app::{Settings, database};
use maru_domain::error::BoxError;
use serde_json::json;
use std::process::ExitCode;

/// Brings the database up to date, or says how far it has come.
pub async fn run(
    arguments: &MigrateArguments,
    settings: &Settings,
    output: &Output,
) -> Result<ExitCode, BoxError> {
    let store = database::shown(settings)?;
    if arguments.status {
        return status(&store, settings, output).await;
    }
    let done = database::migrate(settings).await?;
    let kept = done.kept.map(|kept| kept.display().to_string());
    let mut text = if done.applied.is_empty() {
        format!("{store} was up to date")
    } else {
        format!("{store} is up to date; applied {}", done.applied.join(", "))
    };
    if let Some(kept) = &kept {
        text += &format!("\nas it was before, it is kept as {kept}; remove it when nobody misses it");
    }
    output.say(&json!({ "store": store, "applied": done.applied, "kept": kept }), &text);
    Ok(ExitCode::SUCCESS)
}

async fn status(store: &str, settings: &Settings, output: &Output) -> Result<ExitCode, BoxError> {
    let levels = database::levels(settings).await?;
    let level = levels.applied.last().map_or("no table yet", String::as_str);
    let text = match (levels.pending.as_slice(), levels.unknown.as_slice()) {
        _ if levels.half_moved => {
            format!(
                "a move into {store} was cut off, so that only a part is there; run `maru move` again to end it"
            )
        }
        ([], []) => format!("{store} is up to date ({level})"),
        (pending, []) => {
            format!("{store} is at {level} and lacks {}; run `maru migrate`", pending.join(", "))
        }
        (_, unknown) => format!(
            "{store} has migrations that this maru does not know ({}): a newer one made them; run that one, or \
             `maru restore` a backup from before",
            unknown.join(", ")
        ),
    };
    let value = json!({ "store": store, "applied": levels.applied, "pending": levels.pending, "unknown": levels.unknown, "half_moved": levels.half_moved });
    output.say(&value, &text);
    let good = levels.pending.is_empty() && levels.unknown.is_empty() && !levels.half_moved;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
