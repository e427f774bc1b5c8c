//! `maru user`

use super::{json, refused, run};
use crate::support::{Site, name, on_both, until};
use maru_testkit::upstream::Script;
use serde_json::{Value, json};

on_both! {
    accounts_are_made_listed_and_taken_away bad_input_is_refused_in_words
    an_account_goes_while_its_turns_run
}

async fn accounts_are_made_listed_and_taken_away(site: &Site) {
    let anna = name("anna");
    let made = json(site, &["user", "create", &anna, "--email", "anna@example.com"], "a long password\n");
    let value = made.ok().json();
    let keys: Vec<&String> = value.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["id", "number", "username", "email", "active", "created_at"], "{made}");
    assert_eq!(
        (&value["username"], &value["email"], &value["active"]),
        (&json!(anna), &json!("anna@example.com"), &json!(true))
    );
    assert!(!made.out.contains("password") && made.err.is_empty(), "{made}");
    // The server knows it at once.
    let login = |password: &str| {
        site.http().post("/api/login/").json(&json!({"username": anna, "password": password}))
    };
    let token = login("a long password").await.string("/token");
    assert_eq!(login("a long password").await.json()["user"]["id"], value["number"]);
    let user = site.http().with_token(&token);
    user.say("mine").await.has_status(201);

    let text = run(site, &["user", "create", &format!("{anna}-2")], "another password\r\n");
    assert!(text.ok().out.starts_with(&format!("made {anna}-2 (number ")), "{text}");
    let plain = json!({"username": format!("{anna}-2"), "password": "another password"});
    site.http().post("/api/login/").json(&plain).await.has_status(200);
    // One spelling, as over HTTP.
    json(site, &["user", "create", &format!("ﬁ{anna}")], "a long password\n").ok();
    assert_eq!(
        json(site, &["user", "disable", &format!("fi{anna}")], "").ok().json()["username"],
        format!("fi{anna}")
    );

    let listed = json(site, &["user", "list"], "").ok().json();
    let all = listed.as_array().expect("a list");
    let numbers: Vec<_> = all.iter().map(|user| user["number"].as_i64()).collect();
    assert!(numbers.is_sorted() && all.contains(&value), "{listed}");
    assert!(!listed.to_string().contains("hash") && !listed.to_string().contains("argon2"), "{listed}");
    let table = run(site, &["user", "list"], "");
    let lines: Vec<&str> = table.ok().out.lines().collect();
    assert!(lines[0].starts_with("NUMBER") && lines[0].contains("STATE"), "{table}");
    let line = |of: &str| {
        lines.iter().find(|line| line.split_whitespace().nth(1) == Some(of)).copied().unwrap_or_default()
    };
    assert!(line(&anna).contains("active") && line(&format!("fi{anna}")).contains("disabled"), "{table}");

    run(site, &["user", "password", &anna], "a newer password\n").ok();
    login("a long password").await.has_status(400);
    login("a newer password").await.has_status(200);
    let off = json(site, &["user", "disable", &anna], "").ok().json();
    assert_eq!((&off["active"], &off["id"]), (&json!(false), &value["id"]));
    login("a newer password").await.has_status(401);
    // Twice is once.
    json(site, &["user", "disable", &anna], "").ok();
    assert_eq!(json(site, &["user", "enable", &anna], "").ok().json()["active"], true);
    login("a newer password").await.has_status(200);
    json(site, &["user", "delete", &anna, "--yes"], "").ok();
    login("a newer password").await.has_status(400);
    let listed: Value = json(site, &["user", "list"], "").ok().json();
    assert!(listed.as_array().expect("a list").iter().all(|user| user["username"] != anna.as_str()));
}

async fn bad_input_is_refused_in_words(site: &Site) {
    let anna = name("anna");
    refused(site, &["user", "create", &anna], "", "| maru user create NAME");
    run(site, &["user", "create", &anna], "a long password\n").ok();
    refused(site, &["user", "password", &anna], "", "| maru user password NAME");
    let (user, nobody) = (name("there"), name("nobody"));
    json(site, &["user", "create", &user], "a long password\n").ok();
    let create = |username: &'static str| vec!["user", "create", username];
    refused(site, &["user", "create", &user], "a long password\n", "username is taken");
    refused(site, &create("a b"), "a long password\n", "username has characters that are not allowed");
    refused(site, &create(" "), "a long password\n", "username");
    refused(site, &create(""), "a long password\n", "username must not be empty");
    refused(
        site,
        &["user", "create", &"x".repeat(151)],
        "a long password\n",
        "username may have at most 150 characters",
    );
    refused(
        site,
        &["user", "create", &nobody, "--email", "no"],
        "a long password\n",
        "email is not an e-mail address",
    );
    refused(site, &["user", "create", &nobody], "short\n", "password must have at least 8 characters");
    refused(
        site,
        &["user", "create", &nobody],
        &format!("{}\n", "x".repeat(129)),
        "password may have at most 128 characters",
    );
    refused(
        site,
        &["user", "create", &nobody],
        "with\u{7}control\n",
        "password has characters that are not allowed",
    );
    refused(site, &["user", "create", &nobody], "", "no password; type one");
    refused(site, &["user", "create", &nobody], "\n", "no password; type one");
    refused(site, &["user", "create", "a b", "--email", "no"], "short\n", "; ");
    refused(site, &["user", "password", &user], "short\n", "at least 8");
    for verb in ["password", "disable", "enable", "delete"] {
        let arguments: &[&str] =
            if verb == "delete" { &["user", verb, &nobody, "--yes"] } else { &["user", verb, &nobody] };
        refused(site, arguments, "a long password\n", "there is no such user");
    }
    // A script must say that it means it.
    refused(site, &["user", "delete", &user], &format!("{user}\n"), "--yes");
    for arguments in [
        &["user"][..],
        &["user", "create"],
        &["user", "rename", "x"],
        &["user", "list", "x"],
        &["user", "create", "a", "b"],
    ] {
        run(site, arguments, "").failed(2, "Usage");
    }
    // Nothing of all this was done.
    let login = json!({"username": user, "password": "a long password"});
    site.http().post("/api/login/").json(&login).await.has_status(200);
    let listed = json(site, &["user", "list"], "").ok().json();
    assert!(listed.as_array().expect("a list").iter().all(|one| one["username"] != nobody.as_str()));
}

/// The server goes on; nobody is shown a reply of somebody who is gone, and nothing is left of them.
async fn an_account_goes_while_its_turns_run(site: &Site) {
    let (username, model) = (name("leaver"), name("talks"));
    let (user, _) = site.user_named(&username).await;
    site.upstream
        .script_each(model.clone(), vec![Script::tokens(100_000, 50), Script::stream().role().stall()]);
    let mut turns = Vec::new();
    for _ in 0..2 {
        let fields = json!({"model": format!("test/{model}")});
        let room = user.post("/v1/rooms").json(&fields).await.has_status(201).string("/id");
        let path = format!("/v1/rooms/{room}/messages");
        turns.push(user.post(&path).json(&json!({"content": "go"})).await.has_status(201).string("/turn/id"));
        // One that waits behind the one that runs.
        user.post(&path).json(&json!({"content": "and then"})).await.has_status(201);
    }
    until("the models are asked", || async { site.upstream.calls_of(&model).len() == 2 }).await;
    let gone = json(site, &["user", "delete", &username, "--yes"], "").ok().json();
    assert_eq!((&gone["rooms_deleted"], &gone["messages_deleted"]), (&json!(2), &json!(8)), "{gone}");
    assert_eq!(gone["turns_stopped"], 4, "{gone}");
    until("the models are left", || async {
        site.upstream.calls_of(&model).iter().all(|call| call.end.is_some())
    })
    .await;
    // The server may believe the token for some seconds: it refuses in words all the same.
    let late = user.post("/v1/rooms").json(&json!({})).await;
    assert!(late.status < 500, "{late}");
    let late = user.get(&format!("/v1/turns/{}", turns[0])).await;
    assert!(late.status == 404 || late.status == 401, "{late}");
    let login = json!({"username": username, "password": crate::support::PASSWORD});
    site.http().post("/api/login/").json(&login).await.has_status(400);
    // The name is free again, and whoever takes it finds nothing.
    let (again, _) = site.user_named(&username).await;
    assert_eq!(again.get("/v1/rooms").await.has_status(200).json()["data"], json!([]));
}
