//! `maru import`

mod chatgpt;
mod file;
mod librechat;
mod open_webui;
mod own;
mod shape;

use super::{in_words, open, user};
use crate::arguments::ImportArguments;
use crate::output::{Output, counted};
use crate::progress;
use maru_app::Settings;
use maru_app::wire::Wired;
use maru_domain::error::BoxError;
use maru_domain::ids::UserId;
use maru_domain::upkeep::Taken;
use serde_json::{Value, json};
use shape::{Item, Left};
use std::process::ExitCode;

/// What became of a conversation.
struct Outcome {
    name: String,
    /// `added`, `known`, `empty` or `refused`; without a database to ask, `good` for one that could be added.
    word: &'static str,
    room: Option<i64>,
    messages: usize,
    left: Left,
    error: Option<String>,
}

/// Takes conversations over and says of each what became of it; fails when one was refused.
pub async fn run(
    arguments: &ImportArguments,
    settings: &Settings,
    output: &Output,
) -> Result<ExitCode, BoxError> {
    let path = &arguments.file;
    let wanted = file::Wanted { from: arguments.from, all_branches: arguments.all_branches };
    let items = file::read(path, wanted).map_err(|error| format!("{}: {error}", path.display()))?;
    let wired = open(settings).await?;
    let owner = user(&wired, &arguments.user).await?.id;
    let bar = progress::bar(output, items.len() as u64);
    bar.set_message("conversations");
    let mut report = Vec::new();
    for item in items {
        let taken = take(&wired, owner, item, arguments.dry_run).await;
        if taken.is_err() {
            bar.finish_and_clear();
            tell(&report, output);
        }
        report.push(taken?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    tell(&report, output);
    let refused = report.iter().any(|outcome| outcome.word == "refused");
    Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// An error means that the store cannot be used: what was added before stays, and the same command goes on.
async fn take(wired: &Wired, owner: UserId, item: Item, dry: bool) -> Result<Outcome, BoxError> {
    let mut outcome =
        Outcome { name: item.name, word: "refused", room: None, messages: 0, left: item.left, error: None };
    let room = match item.room {
        Ok(room) => room,
        Err(wrong) => {
            outcome.error = Some(wrong);
            return Ok(outcome);
        }
    };
    outcome.messages = room.said.len();
    if room.said.is_empty() {
        outcome.word = "empty";
    } else if dry {
        outcome.word = "good";
    } else {
        match wired.services.upkeep.take_over(owner, room).await.map_err(|fault| in_words(&fault))? {
            Taken::Added(number) => (outcome.word, outcome.room) = ("added", Some(number)),
            Taken::Known => outcome.word = "known",
        }
    }
    Ok(outcome)
}

fn tell(report: &[Outcome], output: &Output) {
    let count = |word: &str| report.iter().filter(|outcome| outcome.word == word).count();
    let items = report.iter().enumerate().map(|(index, outcome)| {
        json!({
            "item": index + 1,
            "name": outcome.name,
            "outcome": outcome.word,
            "room": outcome.room,
            "messages": outcome.messages,
            "left_out": outcome.left.shape(),
            "error": outcome.error,
        })
    });
    let lines = report.iter().enumerate().map(|(index, outcome)| {
        let head = format!("{}: {}: {}", index + 1, outcome.word, outcome.name);
        let messages = counted(outcome.messages, "message");
        let left = outcome.left.told();
        match (&outcome.error, outcome.room) {
            (Some(wrong), _) => format!("{head}: {wrong}"),
            (None, Some(room)) => format!("{head}: room {room}, {messages}{left}"),
            (None, None) => format!("{head}: {messages}{left}"),
        }
    });
    let words = ["added", "known", "empty", "good", "refused"];
    let counted: Vec<String> = words
        .into_iter()
        .filter(|word| count(word) > 0 || matches!(*word, "added" | "refused"))
        .map(|word| format!("{} {word}", count(word)))
        .collect();
    let mut value = json!({});
    if let Value::Object(fields) = &mut value {
        for word in words {
            fields.insert(word.to_owned(), count(word).into());
        }
        fields.insert("items".to_owned(), items.collect());
    }
    output.say(&value, &format!("{}\n{}", lines.collect::<Vec<_>>().join("\n"), counted.join(", ")));
}
