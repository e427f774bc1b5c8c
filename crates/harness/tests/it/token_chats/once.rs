//! `Idempotency-Key` (contract §0.10): the same request twice is done once.

use crate::support::{Backend, Reply, Site, for_both, name, on_both};
use maru_testkit::upstream::Script;
use serde_json::{Value, json};
use std::time::Duration;

mod shared {
    use super::*;
    on_both! { a_replay_is_the_first_answer another_body_is_422 keys_have_a_scope bad_keys_are_400 accounts_are_made_once refusals_use_no_key_up }

    async fn a_replay_is_the_first_answer(site: &Site) {
        let user = site.user().await;
        let (opening, continuing) = (name("key"), name("key"));
        let first = user.say("first of the replays").key(&opening).await;
        first.has_status(201);
        assert_eq!(first.header("idempotency-replayed"), None);
        let second = user.say("second of the replays").key(&continuing).await;
        second.has_status(200);
        user.say("later").await.has_status(200);
        for _ in 0..2 {
            replayed(&user.say("first of the replays").key(&opening).await, &first);
            replayed(&user.say("second of the replays").key(&continuing).await, &second);
        }
        assert_eq!(site.prompts_for("first of the replays").len(), 1);
        assert_eq!(site.prompts_for("second of the replays").len(), 1);
        let end = name("key");
        let ended = user.end().key(&end).await;
        ended.has_status(200);
        user.say("another session").await.has_status(201);
        replayed(&user.end().key(&end).await, &ended);
        // The replay ended nothing again.
        user.say("still open").await.has_status(200);
        replayed(&user.say("first of the replays").key(&opening).await, &first);
        let listed = user.chats().await;
        let turns: Vec<_> = listed
            .as_array()
            .expect("chats")
            .iter()
            .map(|chat| chat["conversation"].as_array().map(Vec::len))
            .collect();
        assert_eq!(turns, [Some(3), Some(2)]);
    }

    async fn another_body_is_422(site: &Site) {
        let user = site.user().await;
        let key = name("key");
        user.say("one").key(&key).await.has_status(201);
        let reused = json!({"error": "This Idempotency-Key was used for another request; take a new one."});
        user.say("two").key(&key).await.is(422, &reused);
        user.end().key(&key).await.is(422, &reused);
        user.post("/api/chats/")
            .key(&key)
            .body("application/x-www-form-urlencoded", "content=one")
            .await
            .is(422, &reused);
        let end = name("key");
        user.end().key(&end).await.has_status(200);
        user.say("three").key(&end).await.is(422, &reused);
        assert_eq!(user.chats().await[0]["conversation"].as_array().map(Vec::len), Some(1));
    }

    async fn keys_have_a_scope(site: &Site) {
        let (one, two) = (site.user().await, site.user().await);
        let key = name("key");
        let first = one.say("the same").key(&key).await;
        let second = two.say("the same").key(&key).await;
        assert_eq!((first.status, second.status), (201, 201));
        assert!(
            first.json()["chat_id"] != second.json()["chat_id"]
                && second.header("idempotency-replayed").is_none()
        );
        // Another path has other keys; the slash is no other path; quotes are no part of the key.
        let body = json!({"username": name("scope"), "password": "x"});
        one.post("/api/register/").key(&key).json(&body).await.has_status(200);
        one.post("/api/login/").key(&key).json(&body).await.has_status(200);
        let again =
            one.post("/api/chats").key(&format!("\"{key}\"")).json(&json!({"content": "the same"})).await;
        replayed(&again, &first);
        // Where nothing is made twice anyway, the key is not looked at.
        one.get("/api/chats/").key(&key).await.has_status(200);
        one.edit(&first.json()["chat_id"], &first.json()["conversation"][0]["message_id"], "x")
            .key(&key)
            .await
            .has_status(200);
        one.delete(&first.json()["chat_id"]).key(&key).await.has_status(200);
    }

    async fn bad_keys_are_400(site: &Site) {
        let user = site.user().await;
        let refused = json!({"error": "An Idempotency-Key is 1 to 255 printable ASCII characters."});
        let long = "k".repeat(256);
        for key in ["".as_bytes(), b"  ", b"\"\"", b"k\xc3\xa9y", b"tab\tkey", long.as_bytes()] {
            user.say("x").header("Idempotency-Key", key).await.is(400, &refused);
            user.end().header("Idempotency-Key", key).await.is(400, &refused);
            for path in ["/api/register/", "/api/login/"] {
                let body = json!({"username": name("k"), "password": "x"});
                user.post(path).header("Idempotency-Key", key).json(&body).await.is(400, &refused);
            }
        }
        user.get("/api/chats/").await.is(200, &json!([]));
        for key in ["k", "a b", "{}:;,/?", &"k".repeat(255)] {
            user.say("x").key(key).await.has_status(if key == "k" { 201 } else { 200 });
        }
    }

    async fn accounts_are_made_once(site: &Site) {
        let http = site.http();
        let (key, username) = (name("key"), name("once"));
        let body = json!({"username": username, "email": "o@example.com", "password": "pw"});
        let login = json!({"username": username, "password": "pw"});
        let registered = http.post("/api/register/").key(&key).json(&body).await;
        registered.has_status(200);
        replayed(&http.post("/api/register/").key(&key).json(&body).await, &registered);
        let other = json!({"username": name("other"), "email": "o@example.com", "password": "pw"});
        http.post("/api/register/").key(&key).json(&other).await.has_status(422);
        http.post("/api/register/")
            .json(&body)
            .await
            .is(400, &json!({"username": ["A user with that username already exists."]}));
        let first = http.post("/api/login/").key(&key).json(&login).await;
        first.has_status(200);
        replayed(&http.post("/api/login/").key(&key).json(&login).await, &first);
        let wrong = json!({"username": username, "password": "another"});
        http.post("/api/login/").key(&key).json(&wrong).await.has_status(422);
        assert_ne!(
            first.string("/token"),
            http.post("/api/login/").key(&name("key")).json(&login).await.string("/token")
        );
        http.with_token(&first.string("/token")).get("/api/test_token/").await.has_status(200);
        // Many at once make one account.
        let (key, username) = (name("key"), name("at-once"));
        let body = json!({"username": username, "password": "pw"});
        let asked = (0..6).map(|_| async { http.post("/api/register/").key(&key).json(&body).await });
        let answers = futures_util::future::join_all(asked).await;
        for answer in &answers {
            assert_eq!((answer.status, &answer.body), (200, &answers[0].body), "{answer}");
        }
    }

    async fn refusals_use_no_key_up(site: &Site) {
        let user = site.user().await;
        let key = name("key");
        user.say(" ").key(&key).await.has_status(400);
        user.end().key(&key).await.has_status(404);
        user.say("x").key(&key).await.has_status(201);
        let (key, username) = (name("key"), name("late"));
        user.post("/api/register/").key(&key).json(&json!({"username": username})).await.has_status(400);
        user.post("/api/register/")
            .key(&key)
            .json(&json!({"username": username, "password": "x"}))
            .await
            .has_status(200);
        let key = name("key");
        user.post("/api/login/")
            .key(&key)
            .json(&json!({"username": username, "password": "wrong"}))
            .await
            .has_status(400);
        user.post("/api/login/")
            .key(&key)
            .json(&json!({"username": username, "password": "x"}))
            .await
            .has_status(200);
    }
}

mod alone {
    use super::*;
    for_both! { retries_attach_to_the_running_turn a_key_outlives_a_restart }

    async fn retries_attach_to_the_running_turn(backend: Backend) {
        let site = Site::start(backend, &[]).await;
        let user = site.user().await;
        let slow = Script::stream()
            .role()
            .say("slowly ")
            .wait(Duration::from_millis(1500))
            .say("done")
            .finish("stop")
            .done()
            .end();
        site.upstream.script("echo", slow);
        let key = name("key");
        let first = {
            let (user, key) = (user.clone(), key.clone());
            async move { user.say("only once").key(&key).await }
        };
        let retries = async {
            assert!(
                site.upstream.at_least_calls("echo", 1, Duration::from_secs(20)).await,
                "the turn has begun"
            );
            futures_util::future::join_all((0..5).map(|_| async { user.say("only once").key(&key).await }))
                .await
        };
        let (first, retries) = futures_util::future::join(first, retries).await;
        assert_eq!(
            (first.status, first.json()["conversation"][0]["Bot"].clone()),
            (201, json!("slowly done"))
        );
        for retry in &retries {
            assert_eq!((retry.status, &retry.body), (201, &first.body), "{retry}");
        }
        replayed(&user.say("only once").key(&key).await, &first);
        assert_eq!(site.upstream.calls_of("echo").len(), 1, "the model was asked once");
        assert_eq!(user.chats().await[0]["conversation"].as_array().map(Vec::len), Some(1));
        // At the very same instant, too.
        site.upstream.script("echo", Script::reply("again"));
        let key = name("key");
        let answers =
            futures_util::future::join_all((0..8).map(|_| async { user.say("at once").key(&key).await }))
                .await;
        for answer in &answers {
            assert_eq!((answer.status, &answer.body), (200, &answers[0].body), "{answer}");
        }
        assert_eq!(
            answers.iter().filter(|answer| answer.header("idempotency-replayed").is_none()).count(),
            1
        );
        assert_eq!(site.prompts_for("at once").len(), 1);
    }

    async fn a_key_outlives_a_restart(backend: Backend) {
        let mut site = Site::start(backend, &[]).await;
        let token = site.user().await.token().to_owned();
        let first = site.http().with_token(&token).say("before").key("restart").await;
        first.has_status(201);
        site.server.restart().await.expect("it starts again");
        let user = site.http().with_token(&token);
        replayed(&user.say("before").key("restart").await, &first);
        user.say("other").key("restart").await.has_status(422);
        assert_eq!(user.chats().await[0]["conversation"].as_array().map(Vec::len), Some(1));
    }
}

/// The same status and bytes, marked as given before.
#[track_caller]
fn replayed(again: &Reply, first: &Reply) {
    assert_eq!((again.status, again.text()), (first.status, first.text()), "{}", again.line);
    again.has("idempotency-replayed", "true").has("content-type", "application/json");
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
    let _: Value = again.json();
}
