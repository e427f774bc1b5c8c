//! `maru key`

use super::{json, refused, run};
use crate::support::{Site, name, on_both};
use serde_json::{Value, json};

on_both! { keys_are_made_listed_and_revoked bad_input_is_refused_in_words }

async fn keys_are_made_listed_and_revoked(site: &Site) {
    let owner = name("owner");
    site.user_named(&owner).await;
    assert_eq!(json(site, &["key", "list", &owner], "").ok().json(), json!([]));
    let made = json(site, &["key", "create", &owner, "--name", "my laptop", "--expires-in", "90d"], "");
    let first = made.ok().json();
    let fields: Vec<&String> = first.as_object().expect("an object").keys().collect();
    assert_eq!(fields, ["id", "name", "created_at", "expires_at", "last_used_at", "key"], "{made}");
    assert_eq!((&first["name"], &first["last_used_at"]), (&json!("my laptop"), &Value::Null));
    let text = run(site, &["key", "create", &owner], "");
    let key = text.ok().out.trim_end().to_owned();
    // The key alone on stdout, so that `$(maru key create …)` is one.
    assert!(
        key.starts_with("maru_sk_")
            && !key.contains(char::is_whitespace)
            && text.err.contains("not shown again"),
        "{text}"
    );
    assert_ne!(first["key"], key);
    for key in [&key, first["key"].as_str().expect("a key")] {
        site.http().with_token(key).get("/api/chats/").await.has_status(200);
    }
    let listed = json(site, &["key", "list", &owner], "").ok().json();
    let names: Vec<_> = listed.as_array().expect("a list").iter().map(|key| key["name"].clone()).collect();
    assert_eq!(names, ["cli", "my laptop"], "newest first");
    assert!(!listed.to_string().contains("maru_sk_") && listed[0].get("key").is_none(), "{listed}");
    assert!(listed[0]["last_used_at"].is_string() && listed[0]["expires_at"].is_null(), "{listed}");
    let table = run(site, &["key", "list", &owner], "");
    assert!(
        table.ok().out.starts_with("ID") && table.out.contains("my laptop") && table.out.contains("never"),
        "{table}"
    );
    assert!(!table.out.contains("maru_sk_"), "{table}");
    let id = first["id"].as_str().expect("an id").to_owned();
    assert_eq!(
        json(site, &["key", "revoke", &owner, &id], "").ok().json(),
        json!({"id": id, "revoked": true})
    );
    refused(site, &["key", "revoke", &owner, &id], "", "there is no such key");
    let listed = json(site, &["key", "list", &owner], "").ok().json();
    assert!(listed.as_array().expect("a list").iter().all(|key| key["id"] != id.as_str()), "{listed}");
}

async fn bad_input_is_refused_in_words(site: &Site) {
    let (owner, other) = (name("owner"), name("other"));
    site.user_named(&owner).await;
    site.user_named(&other).await;
    let nobody = name("nobody");
    refused(site, &["key", "create", &nobody], "", "there is no such user");
    refused(site, &["key", "list", &nobody], "", "there is no such user");
    refused(site, &["key", "create", &owner, "--name", " "], "", "name must not be empty");
    refused(
        site,
        &["key", "create", &owner, "--name", &"x".repeat(101)],
        "",
        "name may have at most 100 characters",
    );
    refused(site, &["key", "create", &owner, "--name", "a\u{7}b"], "", "name");
    for time in ["soon", "", "90", "-1d", "0x10d"] {
        refused(site, &["key", "create", &owner, &format!("--expires-in={time}")], "", "90d");
    }
    let ran = run(site, &["key", "create", &owner, "--expires-in", "99999999years"], "");
    assert!(ran.code == Some(1) && ran.err.contains("error: ") && !ran.err.contains("panicked"), "{ran}");
    for id in ["x", "", "1", "01890000"] {
        refused(site, &["key", "revoke", &owner, id], "", "UUID");
    }
    refused(
        site,
        &["key", "revoke", &owner, "01890000-0000-7000-8000-000000000000"],
        "",
        "there is no such key",
    );
    // A key is revoked by whose it is.
    let made = json(site, &["key", "create", &owner], "").ok().json();
    refused(
        site,
        &["key", "revoke", &other, made["id"].as_str().expect("an id")],
        "",
        "there is no such key",
    );
    site.http().with_token(made["key"].as_str().expect("a key")).get("/api/chats/").await.has_status(200);
    let listed = json(site, &["key", "list", &owner], "").ok().json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
}
