//! `maru move`

use crate::arguments::MoveArguments;
use crate::output::{Output, counted};
use crate::progress;
use maru_app::database::{self, Step};
use maru_domain::error::BoxError;
use serde_json::json;
use std::process::ExitCode;

/// Moves everything and says what was moved.
pub async fn run(arguments: &MoveArguments, output: &Output) -> Result<ExitCode, BoxError> {
    let bar = progress::bar(output, 0);
    let told = |step: Step| match step {
        Step::Rows(rows) => {
            bar.set_message("copying rows");
            bar.set_length(rows);
        }
        Step::Checks(rows) => {
            bar.set_message("reading both again");
            bar.set_length(rows);
            bar.set_position(0);
        }
        Step::Resumed(rows) | Step::Copied(rows) | Step::Checked(rows) => bar.inc(rows),
    };
    let moved = database::transfer(&arguments.from, &arguments.to, arguments.start_over, &told).await;
    bar.finish_and_clear();
    let moved = moved?;
    let rows: u64 = moved.tables.iter().map(|(_, rows, _)| rows).sum();
    let tables =
        moved.tables.iter().map(|(name, rows, sum)| json!({ "name": name, "rows": rows, "checksum": sum }));
    let value = json!({ "rows": rows, "resumed": moved.resumed, "tables": tables.collect::<Vec<_>>() });
    let lines = moved.tables.iter().map(|(name, rows, sum)| format!("{name:<16} {rows:>12} rows  {sum}"));
    let lines: Vec<String> = lines.collect();
    let again = match moved.resumed {
        0 => String::new(),
        rows => format!(" ({rows} of them by a move that was cut off)"),
    };
    let text = format!(
        "{}\n{} moved{again}; both databases hold the same. Set store.url to the new one, take auth.secret \
         along, and keep the old one until you are content",
        lines.join("\n"),
        counted(rows, "row")
    );
    output.say(&value, &text);
    Ok(ExitCode::SUCCESS)
}
