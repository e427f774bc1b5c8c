//! The commands.

pub mod config;
pub mod doctor;
pub mod key;
pub mod migrate;
pub mod plc;
pub mod serve;
pub mod user;

use maru_app::Settings;
use maru_app::wire::{Wired, wire};
use maru_domain::accounts::User;
use maru_domain::error::{BoxError, Fault, FieldRule};

/// The use cases, on a database that is up to date. A server may run on it meanwhile.
async fn open(settings: &Settings) -> Result<Wired, BoxError> {
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
    let fields = fault.fields.iter().map(|field| format!("{} {}", field.field, rule_in_words(field.rule)));
    let fields: Vec<String> = fields.collect();
    let cause = fault.source.as_ref().map(|source| format!(" ({source})")).unwrap_or_default();
    if fields.is_empty() { format!("{fault}{cause}") } else { fields.join("; ") }
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

/// Reads a password: one line of standard input, without its end.
fn read_password(output: &crate::output::Output, prompt: &str) -> Result<secrecy::SecretString, BoxError> {
    output.hint(prompt);
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let password = line.trim_end_matches(['\n', '\r']).to_owned();
    if password.is_empty() {
        return Err(
            "no password on standard input; write it as one line, such as `echo … | maru user create NAME`"
                .into(),
        );
    }
    Ok(secrecy::SecretString::from(password))
}
