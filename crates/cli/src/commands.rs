//! The commands.

pub mod backup;
pub mod check;
pub mod config;
pub mod doctor;
pub mod health;
pub mod import;
pub mod key;
pub mod manual;
pub mod migrate;
#[cfg(feature = "local")]
pub mod model;
pub mod moving;
pub mod plc;
pub mod quote;
pub mod restore;
pub mod retention;
pub mod room;
pub mod serve;
pub mod user;

use crate::output::Output;
use maru_app::Settings;
use maru_app::wire::{Wired, wire};
use maru_domain::accounts::User;
use maru_domain::error::{BoxError, Fault, FieldFault, FieldRule};
use secrecy::SecretString;
use std::io::IsTerminal;

/// The use cases, on a database that is up to date. A server may run on it meanwhile.
async fn open(settings: &Settings) -> Result<Wired, BoxError> {
    if let Some(path) = maru_app::database::absent(settings)? {
        return Err(format!(
            "there is no database at {}: check --store (or store.url), or make a new one with `maru serve` or `maru migrate`",
            path.display()
        )
        .into());
    }
    let missing = maru_app::database::pending(settings).await?;
    if !missing.is_empty() {
        return Err("the database is not up to date; run `maru migrate` first".into());
    }
    wire(settings).await
}

async fn user(wired: &Wired, username: &str) -> Result<User, BoxError> {
    wired.services.accounts.named(username).await.map_err(|fault| in_words(&fault).into())
}

/// A fault for a person at a terminal.
fn in_words(fault: &Fault) -> String {
    let fields: Vec<String> = fault.fields.iter().map(field_in_words).collect();
    let cause = fault.source.as_ref().map(|source| format!(" ({source})")).unwrap_or_default();
    if fields.is_empty() { format!("{fault}{cause}") } else { fields.join("; ") }
}

/// A field that breaks a rule, for a person at a terminal.
fn field_in_words(field: &FieldFault) -> String {
    format!("{} {}", field.field, rule_in_words(field.rule))
}

/// What a field must be.
fn rule_in_words(rule: FieldRule) -> String {
    match rule {
        FieldRule::Required | FieldRule::Null | FieldRule::Blank => "must not be empty".to_owned(),
        FieldRule::NotAString => "must be text".to_owned(),
        FieldRule::TooLong(most) => format!("may have at most {most} characters"),
        FieldRule::TooShort(least) => format!("must have at least {least} characters"),
        FieldRule::Choice => "has a value that is not allowed".to_owned(),
        FieldRule::Past => "is over already".to_owned(),
        FieldRule::Characters => "has characters that are not allowed".to_owned(),
        FieldRule::Email => "is not an e-mail address".to_owned(),
        FieldRule::Taken => "is taken".to_owned(),
    }
}

/// Asks a person, who types `answer` to confirm; a script must say `--yes`.
fn confirmed(output: &Output, what: &str, question: &str, answer: &str) -> Result<bool, BoxError> {
    if !std::io::stdin().is_terminal() {
        return Err(format!("deleting {what} cannot be undone; say --yes").into());
    }
    output.hint(question);
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim() == answer)
}

/// Reads a password: typed blind at a terminal, or one line of standard input, without its end. `command` is
/// named in what is said when there is none.
fn read_password(prompt: &str, command: &str) -> Result<SecretString, BoxError> {
    let password = if std::io::stdin().is_terminal() {
        rpassword::prompt_password(prompt)?
    } else {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        line.trim_end_matches(['\n', '\r']).to_owned()
    };
    if password.is_empty() {
        return Err(format!(
            "no password; type one, or write it to standard input as one line, such as `echo … | maru {command} NAME`"
        )
        .into());
    }
    Ok(SecretString::from(password))
}
