//! `maru key`

use super::room::newest;
use super::{in_words, open, user};
use crate::arguments::KeyCommand;
use crate::output::{Output, table};
use maru_app::Settings;
use maru_domain::accounts::ApiKey;
use maru_domain::error::BoxError;
use maru_domain::once::Once;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Does what was asked with keys.
pub async fn run(command: KeyCommand, settings: &Settings, output: &Output) -> Result<ExitCode, BoxError> {
    let wired = open(settings).await?;
    let accounts = &wired.services.accounts;
    match command {
        KeyCommand::Create { username, name, expires_in } => {
            let owner = user(&wired, &username).await?;
            let lasts = expires_in.map(|text| humantime::parse_duration(&text)).transpose();
            let lasts = lasts.map_err(|_| "--expires-in is a length of time such as 90d")?;
            let now = wired.services.clock.now();
            let expires_at = lasts.map(|lasts| now.checked_add(lasts)).transpose()?;
            let made = accounts
                .create_key(owner.id, &name, expires_at, None)
                .await
                .map_err(|fault| in_words(&fault))?;
            let (Once::Done((key, secret)) | Once::Replayed((key, secret))) = made else {
                return Err("the key was not made".into());
            };
            let mut value = shape(&key);
            if let Value::Object(fields) = &mut value {
                fields.insert("key".to_owned(), json!(secret.expose_secret()));
            }
            output.say(&value, secret.expose_secret());
            output.hint("keep it now: it is not shown again\n");
        }
        KeyCommand::List { username } => {
            let owner = user(&wired, &username).await?;
            let page = |request| accounts.keys(owner.id, request);
            let (keys, _) = newest(usize::MAX, |key: &ApiKey| key.id, page).await?;
            let rows: Vec<Vec<String>> = keys.iter().map(row).collect();
            let text = table(&["ID", "NAME", "SINCE", "EXPIRES", "LAST USED"], &rows);
            output.say(&Value::Array(keys.iter().map(shape).collect()), &text);
        }
        KeyCommand::Revoke { username, id } => {
            let owner = user(&wired, &username).await?;
            let id = id.parse().map_err(|_| "a key's id is a UUID; `maru key list NAME` shows them")?;
            accounts.revoke_key(owner.id, id).await.map_err(|fault| in_words(&fault))?;
            output.say(&json!({ "id": id, "revoked": true }), &format!("{id} is revoked"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn shape(key: &ApiKey) -> Value {
    json!({
        "id": key.id,
        "name": key.name,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
    })
}

fn row(key: &ApiKey) -> Vec<String> {
    let time = |time: Option<maru_domain::clock::Timestamp>| {
        time.map_or("never".to_owned(), |time| format!("{time:.0}"))
    };
    vec![
        key.id.to_string(),
        key.name.clone(),
        format!("{:.0}", key.created_at),
        time(key.expires_at),
        time(key.last_used_at),
    ]
}
