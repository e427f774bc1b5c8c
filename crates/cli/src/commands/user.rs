//! `maru user`

use super::{confirmed, in_words, open, read_password, user};
use crate::arguments::UserCommand;
use crate::output::{Output, counted, table};
use crate::progress;
use maru_app::Settings;
use maru_app::wire::Wired;
use maru_domain::accounts::{PasswordRule, Registration, User};
use maru_domain::error::BoxError;
use serde_json::{Value, json};
use std::process::ExitCode;

/// What an operator sets must be a fair password, whatever the contracts allow.
const RULE: PasswordRule = PasswordRule { min_chars: 8 };
/// Accounts read at a time.
const PAGE: i64 = 500;

/// Does what was asked with accounts.
pub async fn run(command: UserCommand, settings: &Settings, output: &Output) -> Result<ExitCode, BoxError> {
    let wired = open(settings).await?;
    let accounts = &wired.services.accounts;
    match command {
        UserCommand::Create { username, email } => {
            let password = read_password("password: ", "user create")?;
            let registration = Registration { username, email, password, rule: RULE, unread: Vec::new() };
            let made = accounts.create(registration).await.map_err(|fault| in_words(&fault))?;
            output.say(&shape(&made), &format!("made {} (number {})", made.username, made.number));
        }
        UserCommand::List => {
            let mut all = Vec::new();
            let mut after = 0;
            loop {
                let page = accounts.list(after, PAGE).await.map_err(|fault| in_words(&fault))?;
                let Some(last) = page.last() else { break };
                after = last.number;
                all.extend(page);
            }
            let rows: Vec<Vec<String>> = all.iter().map(row).collect();
            let text = table(&["NUMBER", "NAME", "E-MAIL", "STATE", "SINCE"], &rows);
            output.say(&Value::Array(all.iter().map(shape).collect()), &text);
        }
        UserCommand::Password { username } => {
            let found = user(&wired, &username).await?;
            let password = read_password("new password: ", "user password")?;
            accounts.reset_password(found.id, password, RULE).await.map_err(|fault| in_words(&fault))?;
            output.say(
                &shape(&found),
                &format!("{} has a new password; all sessions have ended", found.username),
            );
        }
        UserCommand::Disable { username } => set_active(&wired, &username, false, output).await?,
        UserCommand::Enable { username } => set_active(&wired, &username, true, output).await?,
        UserCommand::Delete { username, yes } => {
            let found = user(&wired, &username).await?;
            let name = &found.username;
            let question = format!("delete {name} with all rooms and messages? type the name to confirm: ");
            if !yes && !confirmed(output, "an account", &question, name)? {
                return Err("nothing was deleted".into());
            }
            delete(&wired, &found, output).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Running replies end first, then the rooms go one by one: a server that runs goes on meanwhile.
async fn delete(wired: &Wired, user: &User, output: &Output) -> Result<(), BoxError> {
    let bar = progress::bar(output, 0);
    bar.set_message("rooms");
    let told = || bar.inc(1);
    let gone = wired.services.upkeep.delete_user(user, &told).await;
    bar.finish_and_clear();
    let gone = gone.map_err(|fault| in_words(&fault))?;
    let mut value = shape(user);
    if let Value::Object(fields) = &mut value {
        fields.insert("rooms_deleted".to_owned(), gone.rooms.into());
        fields.insert("messages_deleted".to_owned(), gone.messages.into());
        fields.insert("turns_stopped".to_owned(), gone.stopped.into());
    }
    let text = format!(
        "{} is deleted with everything that was theirs: {}, {}",
        user.username,
        counted(gone.rooms, "room"),
        counted(gone.messages, "message")
    );
    output.say(&value, &text);
    Ok(())
}

async fn set_active(wired: &Wired, username: &str, active: bool, output: &Output) -> Result<(), BoxError> {
    let mut found = user(wired, username).await?;
    wired.services.accounts.set_active(found.id, active).await.map_err(|fault| in_words(&fault))?;
    found.active = active;
    let state = if active { "enabled" } else { "disabled; tokens and keys stop working within seconds" };
    output.say(&shape(&found), &format!("{} is {state}", found.username));
    Ok(())
}

fn shape(user: &User) -> Value {
    json!({
        "id": user.id,
        "number": user.number,
        "username": user.username,
        "email": user.email,
        "active": user.active,
        "created_at": user.created_at,
    })
}

fn row(user: &User) -> Vec<String> {
    let state = if user.active { "active" } else { "disabled" };
    vec![
        user.number.to_string(),
        user.username.clone(),
        user.email.clone(),
        state.to_owned(),
        format!("{:.0}", user.created_at),
    ]
}
