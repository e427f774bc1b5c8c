//! Register, log in and out, passwords, sessions and keys.

use super::{broken, refused};
use crate::support::{Http, Reply, Site, name, on_both, until};
use serde_json::{Value, json};

on_both! { accounts_come_and_go passwords_change sessions_are_listed_and_revoked keys_are_made_listed_and_revoked broken_fields_are_told_together }

const PASSWORD: &str = "correct horse battery";

async fn login(site: &Site, username: &str, password: &str) -> Reply {
    site.http().post("/v1/auth/login").json(&json!({"username": username, "password": password})).await
}

async fn registered(site: &Site) -> (Http, Value) {
    let body = json!({"username": name("native"), "email": "a@example.com", "password": PASSWORD});
    let answer = site.http().post("/v1/auth/register").json(&body).await;
    let body = answer.has_status(201).json();
    (site.http().with_token(body["token"].as_str().expect("a token")), body)
}

async fn accounts_come_and_go(site: &Site) {
    let (user, body) = registered(site).await;
    let keys: Vec<_> = body.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["token", "expires_at", "user"]);
    let shown: Vec<_> = body["user"].as_object().expect("a user").keys().collect();
    assert_eq!(shown, ["id", "number", "username", "email", "created_at"]);
    user.get("/v1/me").await.is(200, &body["user"]);
    let username = body["user"]["username"].as_str().expect("a name");
    let again = json!({"username": username, "password": PASSWORD});
    let taken = site.http().post("/v1/auth/register").json(&again).await;
    assert_eq!(broken(&taken), [("username".to_owned(), "taken".to_owned())]);
    let second = login(site, username, PASSWORD).await;
    assert_eq!(second.has_status(200).json()["user"], body["user"]);
    refused(&login(site, username, "wrong password").await, 400, "wrong_credentials");
    refused(&login(site, &name("nobody"), PASSWORD).await, 400, "wrong_credentials");
    let second = site.http().with_token(&second.string("/token"));
    second.post("/v1/auth/logout").await.has_status(204);
    let answer = second.get("/v1/me").await;
    answer.has("www-authenticate", "Bearer error=\"invalid_token\"");
    refused(&answer, 401, "invalid_token");
    user.get("/v1/me").await.has_status(200);
    // The same registration again, under a key: the same account, and a token that works.
    let body = json!({"username": name("keyed"), "password": PASSWORD});
    let key = name("key");
    let first = site.http().post("/v1/auth/register").key(&key).json(&body).await.has_status(201).json();
    let again = site.http().post("/v1/auth/register").key(&key).json(&body).await;
    again.has("idempotency-replayed", "true").has_status(201);
    assert_eq!(again.json()["user"], first["user"]);
    site.http().with_token(&again.string("/token")).get("/v1/me").await.is(200, &first["user"]);
}

async fn passwords_change(site: &Site) {
    let (user, body) = registered(site).await;
    let username = body["user"]["username"].as_str().expect("a name");
    let other = site.http().with_token(&login(site, username, PASSWORD).await.string("/token"));
    other.get("/v1/me").await.has_status(200);
    let change = |old: &str, new: &str| user.post("/v1/auth/password").json(&json!({"old": old, "new": new}));
    refused(&change("wrong password", "another long one").await, 400, "wrong_credentials");
    assert_eq!(broken(&change(PASSWORD, "short").await).len(), 1);
    change(PASSWORD, "another long one").await.has_status(204);
    user.get("/v1/me").await.has_status(200);
    until("the other session has ended", || async { other.get("/v1/me").await.status == 401 }).await;
    refused(&login(site, username, PASSWORD).await, 400, "wrong_credentials");
    login(site, username, "another long one").await.has_status(200);
}

async fn sessions_are_listed_and_revoked(site: &Site) {
    let (user, body) = registered(site).await;
    let username = body["user"]["username"].as_str().expect("a name");
    let other = site.http().with_token(&login(site, username, PASSWORD).await.string("/token"));
    let list = user.get("/v1/me/sessions").await.has_status(200).json();
    assert_eq!((&list["next"], &list["has_more"]), (&Value::Null, &json!(false)));
    let sessions = list["data"].as_array().expect("a list");
    let current: Vec<_> = sessions.iter().map(|session| session["current"].as_bool()).collect();
    assert_eq!(current, [Some(false), Some(true)], "the newest first");
    let path = format!("/v1/me/sessions/{}", sessions[0]["id"].as_str().expect("an id"));
    user.ask("DELETE", &path).await.has_status(204);
    refused(&other.get("/v1/me").await, 401, "invalid_token");
    refused(&user.ask("DELETE", &path).await, 404, "session_not_found");
    refused(&user.ask("DELETE", "/v1/me/sessions/x").await, 404, "session_not_found");
    assert_eq!(user.get("/v1/me/sessions").await.json()["data"].as_array().map(Vec::len), Some(1));
}

async fn keys_are_made_listed_and_revoked(site: &Site) {
    let (user, body) = registered(site).await;
    let new = json!({"name": "laptop", "expires_at": "2999-01-01T00:00:00+09:00"});
    let idempotency = name("key");
    let made = user.post("/v1/keys").key(&idempotency).json(&new).await;
    assert_eq!(made.has_status(201).json()["expires_at"], "2998-12-31T15:00:00.000000Z");
    let again = user.post("/v1/keys").key(&idempotency).json(&new).await;
    again.has("idempotency-replayed", "true").is(201, &made.json());
    let other = json!({"name": "other"});
    refused(&user.post("/v1/keys").key(&idempotency).json(&other).await, 422, "idempotency_key_reused");
    let robot = site.http().with_token(&made.string("/key"));
    robot.get("/v1/me").await.is(200, &body["user"]);
    let list = user.get("/v1/keys").await.json();
    let listed = list["data"].as_array().expect("a list");
    assert_eq!((listed.len(), &listed[0]["id"], listed[0].get("key")), (1, &made.json()["id"], None));
    // A key is no session.
    refused(&robot.post("/v1/auth/logout").await, 404, "session_not_found");
    for (bad, rule) in [
        (json!({"name": " "}), "blank"),
        (json!({}), "required"),
        (json!({"name": "x", "expires_at": "tomorrow"}), "choice"),
        (json!({"name": "x", "expires_at": "2020-01-01T00:00:00Z"}), "past"),
        (json!({"name": "x".repeat(101)}), "too_long"),
    ] {
        assert_eq!(broken(&user.post("/v1/keys").json(&bad).await)[0].1, rule, "{bad}");
    }
    let path = format!("/v1/keys/{}", made.string("/id"));
    user.ask("DELETE", &path).await.has_status(204);
    refused(&robot.get("/v1/me").await, 401, "invalid_token");
    refused(&user.ask("DELETE", &path).await, 404, "key_not_found");
}

async fn broken_fields_are_told_together(site: &Site) {
    let http = site.http();
    let register = |body: Value| http.post("/v1/auth/register").json(&body);
    let rules = |answer: &Reply| {
        let mut rules = broken(answer);
        rules.sort();
        rules.into_iter().map(|(field, rule)| format!("{field} {rule}")).collect::<Vec<_>>()
    };
    assert_eq!(rules(&register(json!({})).await), ["password required", "username required"]);
    let wrong = json!({"username": 7, "email": "x", "password": "1234567"});
    assert_eq!(rules(&register(wrong).await), ["email email", "password too_short", "username type"]);
    let null = json!({"username": null, "password": "a\tb a long one"});
    assert_eq!(rules(&register(null).await), ["password characters", "username null"]);
}
