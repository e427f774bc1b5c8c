//! `maru user`

use super::{confirmed, in_words, open, read_password, user};
use crate::arguments::UserCommand;
use crate::output::{Output, table};
use maru_app::Settings;
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
            let password = read_password("password: ")?;
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
            let password = read_password("new password: ")?;
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
            let rooms = wired.services.rooms.owned(found.id).await.map_err(|fault| in_words(&fault))?;
            accounts.delete(found.id).await.map_err(|fault| in_words(&fault))?;
            wired.services.rooms.tell_gone(rooms.iter().map(|room| room.get().id).collect()).await;
            output.say(
                &shape(&found),
                &format!("{} is deleted with everything that was theirs", found.username),
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn set_active(
    wired: &maru_app::wire::Wired,
    username: &str,
    active: bool,
    output: &Output,
) -> Result<(), BoxError> {
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
