//! What is wrong with values that can be read, one line each.

use super::{AuthSettings, LlmSettings, RedisSettings, ServerSettings, StoreSettings};

pub(super) fn check_redis(
    redis: &RedisSettings,
    store: &StoreSettings,
    auth: &AuthSettings,
    wrong: &mut Vec<String>,
) {
    let shared = maru_store::Location::parse(store.url.expose())
        .is_ok_and(|location| matches!(location, maru_store::Location::Postgres(_)));
    let has_redis = !redis.url.expose().is_empty();
    if has_redis && shared && auth.secret.expose().is_empty() {
        wrong.push(
            "auth.secret: must be set, and be the same for all, when instances share a Redis; \
             `openssl rand -hex 32` makes one"
                .to_owned(),
        );
    }
    if redis.prefix.is_empty() {
        wrong.push("redis.prefix: at least one character".to_owned());
    }
    if redis.timeout.0.is_zero() {
        wrong.push("redis.timeout: longer than nothing".to_owned());
    }
    if redis.langchain_memory && !has_redis {
        wrong.push("redis.langchain_memory: needs redis.url".to_owned());
    }
}

pub(super) fn check(
    server: &ServerSettings,
    store: &StoreSettings,
    llm: &LlmSettings,
    auth: &AuthSettings,
    wrong: &mut Vec<String>,
) {
    if let Err(error) = maru_store::Location::parse(store.url.expose()) {
        wrong.push(format!("store.url: {error}"));
    }
    if store.pool_size == 0 {
        wrong.push("store.pool_size: at least 1".to_owned());
    }
    if server.body_limit < 1024 {
        wrong.push("server.body_limit: at least 1024 bytes".to_owned());
    }
    if llm.concurrency == 0 {
        wrong.push("llm.concurrency: at least 1".to_owned());
    }
    let local = &llm.local;
    if local.context < 256 || local.max_tokens == 0 || local.t5_max_tokens == 0 || local.at_once == 0 {
        wrong.push("llm.local: context at least 256, max_tokens and at_once at least 1".to_owned());
    }
    if !(1..=16).contains(&local.t5_beams) {
        wrong.push("llm.local.t5_beams: 1 to 16".to_owned());
    }
    let free = [local.temperature, local.t5_temperature, local.top_p, local.repeat_penalty];
    if free.iter().any(|number| !(0.0..=10.0).contains(number)) || local.repeat_penalty == 0.0 {
        wrong.push("llm.local: temperatures, top_p and repeat_penalty are between 0 and 10".to_owned());
    }
    if llm.history_messages == 0 {
        wrong.push("llm.history_messages: at least 1".to_owned());
    }
    let secret = auth.secret.expose();
    if !secret.is_empty() && secret.chars().count() < 32 {
        wrong.push("auth.secret: at least 32 characters; `openssl rand -hex 32` makes one".to_owned());
    }
    if auth.token_ttl.0.is_zero() {
        wrong.push("auth.token_ttl: longer than nothing".to_owned());
    }
    for (name, provider) in &llm.providers {
        match provider.kind.as_str() {
            "openai" => {}
            "local" | "t5" => {
                if provider.path.as_os_str().is_empty() {
                    wrong.push(format!("llm.providers.{name}.path: must say where the model is"));
                }
                continue;
            }
            kind => wrong.push(format!(
                "llm.providers.{name}.kind: {kind:?} is not known; \"openai\", \"local\" and \"t5\" are"
            )),
        }
        let url = &provider.base_url;
        let address = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        let server = address.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
        if server.is_empty() {
            wrong.push(format!("llm.providers.{name}.base_url: must be an http:// or https:// address"));
        } else if server.contains('@') {
            // It would be shown wherever the address is.
            wrong.push(format!(
                "llm.providers.{name}.base_url: no name or password may be in it; a secret belongs in api_key"
            ));
        }
    }
}
