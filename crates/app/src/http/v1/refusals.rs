//! What each native route may refuse, by its stable codes, for the OpenAPI document. Most of it
//! follows from what a route is; the rest is a table. Tests hold answers to it.

use crate::http::answer::status_of;
use crate::http::contracts::Contract;
use crate::http::routes::{Entry, Policy, table};
use actix_web::http::Method;
use maru_domain::error::{Code, codes};
use std::collections::BTreeMap;
use utoipa::Modify;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, OpenApi, PathItem, Ref, ResponseBuilder};

/// Adds the refusals to the document.
pub struct Refusals;

impl Modify for Refusals {
    fn modify(&self, document: &mut OpenApi) {
        for entry in table() {
            if entry.contract != Contract::Native {
                say_throttled(document, &entry);
                continue;
            }
            if !entry.path.starts_with("/v1/") {
                continue;
            }
            let Some(item) = document.paths.paths.get_mut(entry.path) else { continue };
            let Some(operation) = operation(item, &entry.verb) else { continue };
            let body = operation.request_body.is_some();
            for (status, codes) in by_status(codes_of(&entry.verb, entry.path, entry.policy, body)) {
                let response = ResponseBuilder::new().description(codes.join(" · ")).content(
                    "application/problem+json",
                    Content::new(Some(Ref::from_schema_name("Problem"))),
                );
                operation.responses.responses.insert(status.to_string(), response.build().into());
            }
        }
    }
}

/// Whoever shows a key may have shown it too often, whichever contract is asked.
fn say_throttled(document: &mut OpenApi, entry: &Entry) {
    if entry.policy == Policy::Open {
        return;
    }
    for path in [entry.path.to_owned(), format!("{}/", entry.path)] {
        let item = document.paths.paths.get_mut(&path);
        let Some(operation) = item.and_then(|item| operation(item, &entry.verb)) else { continue };
        let said = || ResponseBuilder::new().description("Too many requests with this key; see Retry-After.");
        let responses = &mut operation.responses.responses;
        responses.entry("429".to_owned()).or_insert_with(|| said().build().into());
    }
}

fn operation<'i>(item: &'i mut PathItem, verb: &Method) -> Option<&'i mut Operation> {
    match verb.as_str() {
        "GET" => item.get.as_mut(),
        "POST" => item.post.as_mut(),
        "PUT" => item.put.as_mut(),
        "PATCH" => item.patch.as_mut(),
        _ => item.delete.as_mut(),
    }
}

fn by_status(codes: Vec<&'static Code>) -> BTreeMap<u16, Vec<String>> {
    let mut by_status: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for code in codes {
        let named = by_status.entry(status_of(code).as_u16()).or_default();
        let name = format!("`{}`: {}", code.name, code.text);
        if !named.contains(&name) {
            named.push(name);
        }
    }
    by_status
}

/// Every code that a route may answer.
fn codes_of(verb: &Method, path: &str, policy: Policy, body: bool) -> Vec<&'static Code> {
    let mut found =
        vec![&codes::STORE_UNAVAILABLE, &codes::OVERLOADED, &codes::ADDRESS_TOO_LONG, &codes::INTERNAL];
    if policy != Policy::Open {
        found.extend([&codes::NOT_AUTHENTICATED, &codes::INVALID_TOKEN, &codes::ACCOUNT_INACTIVE]);
        found.push(&codes::TOO_MANY_REQUESTS);
    }
    if *verb == Method::POST {
        found.extend([&codes::INVALID_IDEMPOTENCY_KEY, &codes::IDEMPOTENCY_KEY_REUSED]);
    }
    if body {
        found.push(&codes::INVALID_REQUEST);
    }
    // An action without fields reads its body too: a client that sends nonsense has made a mistake.
    if body || *verb == Method::POST {
        found.extend([&codes::INVALID_JSON, &codes::UNSUPPORTED_MEDIA_TYPE]);
        found.extend([&codes::BODY_TOO_LARGE, &codes::BODY_TOO_SLOW]);
    }
    let named = [
        ("/rooms/{id}", &codes::ROOM_NOT_FOUND),
        ("/messages/{message_id}", &codes::MESSAGE_NOT_FOUND),
        ("/turns/{id}", &codes::TURN_NOT_FOUND),
        ("/me/sessions/{id}", &codes::SESSION_NOT_FOUND),
        ("/keys/{id}", &codes::KEY_NOT_FOUND),
        ("/quotes/{id}", &codes::QUOTE_NOT_FOUND),
    ];
    found.extend(named.into_iter().filter(|(part, _)| path.contains(part)).map(|(_, code)| code));
    found.extend(own(verb, path));
    found
}

/// What only this route refuses.
fn own(verb: &Method, path: &str) -> Vec<&'static Code> {
    match (verb.as_str(), path) {
        ("POST", "/v1/auth/register") => vec![&codes::TOO_MANY_ATTEMPTS],
        ("POST", "/v1/auth/login") => {
            vec![&codes::WRONG_CREDENTIALS, &codes::ACCOUNT_INACTIVE, &codes::TOO_MANY_ATTEMPTS]
        }
        ("POST", "/v1/auth/password") => vec![&codes::WRONG_CREDENTIALS, &codes::TOO_MANY_ATTEMPTS],
        ("POST", "/v1/auth/logout") => vec![&codes::SESSION_NOT_FOUND],
        (
            "GET",
            "/v1/rooms"
            | "/v1/keys"
            | "/v1/me/sessions"
            | "/v1/quotes"
            | "/v1/rooms/{id}/messages"
            | "/v1/rooms/{id}/events"
            | "/v1/turns/{id}/events",
        ) => {
            vec![&codes::INVALID_PARAMETER]
        }
        ("POST", "/v1/rooms") | ("PATCH", "/v1/rooms/{id}") => vec![&codes::UNKNOWN_MODEL],
        ("POST", "/v1/rooms/{id}/messages") => vec![
            &codes::UNKNOWN_PLC,
            &codes::UNKNOWN_MODEL,
            &codes::ROOM_ENDED,
            &codes::TURN_IN_PROGRESS,
            &codes::QUEUE_FULL,
            &codes::DRAINING,
            &codes::MESSAGE_NOT_FOUND,
        ],
        ("PATCH", "/v1/rooms/{id}/messages/{message_id}") => {
            vec![&codes::NOT_A_PERSONS_MESSAGE, &codes::ROOM_ENDED, &codes::DRAINING]
        }
        ("POST", "/v1/turns/{id}/retry") => vec![
            &codes::TURN_IN_PROGRESS,
            &codes::NOT_LAST_TURN,
            &codes::MESSAGE_NOT_FOUND,
            &codes::ROOM_ENDED,
            &codes::UNKNOWN_MODEL,
            &codes::DRAINING,
        ],
        _ => vec![],
    }
}
