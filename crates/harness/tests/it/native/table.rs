//! Generated from the table of routes: nobody unknown gets in anywhere, and somebody else's thing
//! looks everywhere like a missing one.

use super::{at, exchange, refused, room};
use crate::support::{Ask, Http, Reply, Site, on_both};
use maru_app::http::routes::{Entry, Policy, table};
use serde_json::{Value, json};
use std::collections::BTreeMap;

on_both! { nobody_unknown_gets_in somebody_elses_is_missing }

/// The native routes. The PLC chat API and OpenAI's live beside them and have tests of their own.
fn routes() -> Vec<Entry> {
    let others = ["/v1/chat", "/v1/plcs", "/v1/responses", "/v1/conversations", "/v1/models"];
    let foreign = |path: &str| others.iter().any(|other| path.starts_with(other));
    table().into_iter().filter(|entry| entry.path.starts_with("/v1/") && !foreign(entry.path)).collect()
}

/// A request that would do something if it came from the right person.
fn ask(http: &Http, entry: &Entry, ids: &BTreeMap<&str, String>) -> Ask {
    let mut path = entry.path.to_owned();
    for part in entry.path.split('/').filter(|part| part.starts_with('{')) {
        let parent = entry.path.split(part).next().unwrap_or_default();
        let id = match parent {
            "/v1/rooms/" => &ids["room"],
            "/v1/turns/" => &ids["turn"],
            "/v1/keys/" => &ids["key"],
            "/v1/quotes/" => &ids["quote"],
            "/v1/me/sessions/" => &ids["session"],
            "/v1/rooms/{id}/messages/" => &ids["message"],
            other => panic!("a new kind of id: {other}"),
        };
        path = path.replacen(part, id, 1);
    }
    let ask = http.ask(entry.verb.as_str(), &path);
    if matches!(entry.verb.as_str(), "POST" | "PATCH") {
        ask.json(&json!({"content": "x", "name": "x"}))
    } else {
        ask
    }
}

/// Whose ids are nobody's.
fn missing() -> BTreeMap<&'static str, String> {
    ["room", "turn", "key", "quote", "session", "message"]
        .map(|kind| (kind, "01890000-0000-7000-8000-000000000000".to_owned()))
        .into()
}

async fn nobody_unknown_gets_in(site: &Site) {
    let none = site.http();
    let bad = none.with_token("maru_sk_nobody");
    for entry in routes() {
        let named = format!("{} {}", entry.verb, entry.path);
        if entry.policy == Policy::Open {
            assert!(entry.path == "/v1/auth/register" || entry.path == "/v1/auth/login", "{named} is open");
            continue;
        }
        let answer = ask(&none, &entry, &missing()).await;
        answer.has("www-authenticate", "Bearer");
        refused(&answer, 401, "not_authenticated");
        refused(&ask(&bad, &entry, &missing()).await, 401, "invalid_token");
        // Who is unknown is told so before anything is said of a body.
        let broken =
            none.ask(entry.verb.as_str(), &entry.path.replace(['{', '}'], "")).body("text/plain", "x").await;
        refused(&broken, 401, "not_authenticated");
    }
}

async fn somebody_elses_is_missing(site: &Site) {
    let (owner, stranger) = (site.user().await, site.user().await);
    let made = room(&owner, json!({"name": "mine alone"})).await;
    let sent = exchange(&owner, &made, "mine alone").await;
    let key = owner.post("/v1/keys").json(&json!({"name": "mine"})).await.has_status(201).string("/id");
    let session = owner.get("/v1/me/sessions").await.string("/data/0/id");
    let text = |value: &Value| value.as_str().expect("an id").to_owned();
    let ids = BTreeMap::from([
        ("room", text(&made["id"])),
        ("turn", text(&sent["turn"]["id"])),
        ("message", text(&sent["message"]["id"])),
        ("key", key),
        ("session", session),
    ]);
    let numbered = BTreeMap::from([("room", made["number"].to_string())])
        .into_iter()
        .chain(ids.iter().filter(|(kind, _)| **kind != "room").map(|(kind, id)| (*kind, id.clone())));
    let numbered: BTreeMap<_, _> = numbered.collect();
    let before = state(&owner, &made).await;
    let mut asked = 0;
    // Quotes are everybody's.
    let owned = |entry: &&Entry| entry.path.contains('{') && !entry.path.starts_with("/v1/quotes");
    for entry in routes().iter().filter(owned) {
        let nothing = ask(&stranger, entry, &missing()).await;
        assert_eq!(nothing.status, 404, "{nothing}");
        for ids in [&ids, &numbered] {
            let foreign = ask(&stranger, entry, ids).await;
            assert_eq!(without_id(&foreign), without_id(&nothing), "{foreign}");
        }
        asked += 1;
    }
    assert!(asked >= 15, "{asked}");
    assert_eq!(state(&owner, &made).await, before, "nothing of it has changed");
    // Another's message in one's own room, and another's room in a body, are no way in.
    let own = room(&stranger, json!({})).await;
    let path = at(&own, &format!("/messages/{}", ids["message"]));
    for (verb, body) in [("GET", None), ("DELETE", None), ("PATCH", Some(json!({"content": "x"})))] {
        let ask = stranger.ask(verb, &path);
        let ask = match &body {
            Some(body) => ask.json(body),
            None => ask,
        };
        refused(&ask.await, 404, "message_not_found");
    }
    assert_eq!(stranger.get("/v1/rooms").await.json()["data"].as_array().map(Vec::len), Some(1));
}

fn without_id(answer: &Reply) -> (u16, Value, Vec<String>) {
    let mut body = answer.json();
    body["request_id"] = Value::Null;
    let mut names: Vec<_> = answer.headers.keys().map(|name| name.as_str().to_owned()).collect();
    // Whether a body that nobody reads ends the connection is a matter of time.
    names.retain(|name| name != "connection");
    names.sort();
    (answer.status, body, names)
}

async fn state(owner: &Http, made: &Value) -> Value {
    let room = owner.get(&at(made, "")).await.json();
    let messages = owner.get(&at(made, "/messages")).await.json();
    json!([room, messages, owner.get("/v1/keys").await.json()["data"][0]["id"]])
}
