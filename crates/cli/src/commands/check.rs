//! `maru check`

use super::{in_words, open};
use crate::output::Output;
use crate::progress;
use maru_app::Settings;
use maru_domain::error::BoxError;
use serde_json::json;
use std::process::ExitCode;

/// Looks through the whole store; fails when something is not as it should be.
pub async fn run(settings: &Settings, output: &Output) -> Result<ExitCode, BoxError> {
    let store = maru_app::database::shown(settings)?;
    let wired = open(settings).await?;
    let look = async {
        let database = wired.store.integrity().await;
        let broken = wired.services.upkeep.broken().await;
        (database, broken)
    };
    let (database, broken) = progress::waiting(output, &format!("looking through {store}"), look).await;
    let database = database.map_err(|error| format!("{error}: {}", cause(&error)))?;
    let broken = broken.map_err(|fault| in_words(&fault))?;
    let sound = database.is_empty() && broken.is_empty();
    let rules =
        broken.iter().map(|broken| json!({ "rule": broken.rule, "room": broken.room, "what": broken.what }));
    let value =
        json!({ "store": store, "sound": sound, "database": database, "rules": rules.collect::<Vec<_>>() });
    let mut lines: Vec<String> = database.iter().map(|fault| format!("database: {fault}")).collect();
    lines.extend(broken.iter().map(|broken| format!("{}: it is not so that {}", broken.what, broken.rule)));
    lines.push(if sound {
        format!("{store} is sound")
    } else {
        format!(
            "{store} is not sound. Nothing was changed. Keep a copy (`maru backup`, or the file itself), see what the \
             last backup says (`maru restore` into another --store, then `maru check`), and report it"
        )
    });
    output.say(&value, &lines.join("\n"));
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn cause(error: &dyn std::error::Error) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}
