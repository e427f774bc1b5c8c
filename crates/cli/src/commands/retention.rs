//! `maru retention`

use super::{in_words, open};
use crate::arguments::RetentionArguments;
use crate::output::{Output, counted, table};
use crate::progress;
use maru_app::Settings;
use maru_domain::error::BoxError;
use maru_domain::rooms::Room;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Duration;

/// Less is a slip of the finger.
const LEAST: Duration = Duration::from_secs(3600);

/// Lists the rooms that nobody has used, and deletes them when told to.
pub async fn run(
    arguments: &RetentionArguments,
    settings: &Settings,
    output: &Output,
) -> Result<ExitCode, BoxError> {
    let idle = humantime::parse_duration(&arguments.idle_for).ok().filter(|idle| *idle >= LEAST);
    let idle = idle.ok_or("--idle-for is a length of time of at least an hour, such as 90d")?;
    let wired = open(settings).await?;
    let upkeep = &wired.services.upkeep;
    let before = wired.services.clock.now().checked_sub(idle)?;
    let found = upkeep.idle(before).await.map_err(|fault| in_words(&fault))?;
    let messages: i64 = found.iter().map(|room| room.message_count).sum();
    if !arguments.delete {
        let rows: Vec<Vec<String>> = found.iter().map(row).collect();
        let value = json!({ "before": before, "deleted": false, "rooms": found.iter().map(shape).collect::<Vec<_>>() });
        let list = table(&["NUMBER", "KIND", "MESSAGES", "LAST", "NAME"], &rows);
        let have = if found.len() == 1 { "has" } else { "have" };
        let told = format!("{} {have} been idle since {before:.0}", these(found.len(), messages));
        let text = if found.is_empty() {
            told
        } else {
            format!("{list}\n{told}; nothing was deleted: say --delete")
        };
        output.say(&value, &text);
        return Ok(ExitCode::SUCCESS);
    }
    let bar = progress::bar(output, found.len() as u64);
    bar.set_message("rooms");
    let mut gone: Vec<&Room> = Vec::new();
    for room in &found {
        // Somebody may have come back to it.
        if upkeep.delete_idle(room, before).await.map_err(|fault| in_words(&fault))? {
            gone.push(room);
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let messages: i64 = gone.iter().map(|room| room.message_count).sum();
    let value = json!({ "before": before, "deleted": true, "rooms": gone.iter().map(|room| shape(room)).collect::<Vec<_>>() });
    let are = if gone.len() == 1 { "is" } else { "are" };
    let text = format!("{} {are} deleted, idle since {before:.0}", these(gone.len(), messages));
    output.say(&value, &text);
    Ok(ExitCode::SUCCESS)
}

fn these(rooms: usize, messages: i64) -> String {
    format!("{} with {}", counted(rooms, "room"), counted(messages, "message"))
}

fn shape(room: &Room) -> Value {
    json!({
        "id": room.id,
        "number": room.number,
        "kind": room.kind.as_str(),
        "owner_id": room.owner,
        "name": room.name,
        "messages": room.message_count,
        "last_message_at": room.last_message_at,
        "updated_at": room.updated_at,
    })
}

fn row(room: &Room) -> Vec<String> {
    vec![
        room.number.to_string(),
        room.kind.as_str().to_owned(),
        room.message_count.to_string(),
        format!("{:.0}", room.last_message_at.unwrap_or(room.created_at)),
        room.name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
    ]
}
