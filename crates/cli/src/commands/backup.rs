//! `maru backup`

use crate::arguments::BackupArguments;
use crate::output::{Output, counted};
use crate::progress;
use maru_app::Settings;
use maru_app::database::{self, Contents};
use maru_app::system::SystemClock;
use maru_domain::clock::Clock;
use maru_domain::error::BoxError;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// What a shell makes of SIGINT.
const INTERRUPTED: u8 = 130;

/// Copies the database and says what the copy holds.
pub async fn run(
    arguments: &BackupArguments,
    settings: &Settings,
    output: &Output,
) -> Result<ExitCode, BoxError> {
    let to = match &arguments.to {
        Some(to) => to.clone(),
        None => PathBuf::from(format!("maru-{}.db", SystemClock::new().now().strftime("%Y%m%d-%H%M%S"))),
    };
    let store = database::shown(settings)?;
    let what = format!("copying {store}");
    let kept = tokio::select! {
        kept = progress::waiting(output, &what, database::backup(settings, &to)) => kept?,
        _ = tokio::signal::ctrl_c() => {
            database::abandon_backup(&to);
            output.complain(&format!("interrupted: there is no {}", to.display()));
            return Ok(ExitCode::from(INTERRUPTED));
        }
    };
    let value = json!({
        "store": store,
        "file": kept.path.display().to_string(),
        "bytes": kept.bytes,
        "sha256": kept.sha256,
        "level": kept.contents.level,
        "rows": kept.contents.rows,
    });
    let text = format!(
        "{} holds {}\n{} bytes, tables as of {}, sha256 {}\nit was read again and is whole. Tokens are signed with a \
         secret that is not in it: keep auth.secret too",
        kept.path.display(),
        told(&kept.contents),
        kept.bytes,
        kept.contents.level,
        kept.sha256
    );
    output.say(&value, &text);
    Ok(ExitCode::SUCCESS)
}

/// What a copy holds, as far as a person asks for it.
pub fn told(contents: &Contents) -> String {
    let count =
        |table: &str, what: &str| counted(contents.rows.get(table).copied().unwrap_or_default(), what);
    format!("{}, {} and {}", count("users", "user"), count("rooms", "room"), count("messages", "message"))
}

/// The same for scripts.
pub fn shape(contents: &Contents) -> Value {
    json!({ "level": contents.level, "rows": contents.rows })
}
