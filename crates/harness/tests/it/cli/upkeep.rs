//! `maru import`, `maru check`, `maru retention`, `maru completions` and `maru manual`

use super::{json, refused, run};
use crate::support::{Backend, Site, maru, name, on_both};
use maru_testkit::throwaway::sqlite_dir;
use serde_json::{Value, json};

mod shared {
    use super::*;
    on_both! {
        conversations_from_elsewhere_become_rooms what_is_exported_can_be_taken_over_again
        what_is_no_export_is_refused_and_adds_nothing only_rooms_that_nobody_uses_go
        what_does_not_come_along_is_told a_damaged_conversation_is_refused_and_the_others_come
    }
}

fn write(site: &Site, content: &str) -> String {
    let path = site.server.home().join(format!("{}.json", name("import")));
    std::fs::write(&path, content).expect("a file");
    path.display().to_string()
}

fn chat(id: &str, title: &str, words: &[&str]) -> Value {
    let mut mapping = serde_json::Map::new();
    mapping.insert("root".to_owned(), json!({"parent": null, "message": null}));
    let mut parent = "root".to_owned();
    for (place, text) in words.iter().enumerate() {
        let role = if place % 2 == 0 { "user" } else { "assistant" };
        let node = format!("n{place}");
        mapping.insert(
            node.clone(),
            json!({"parent": parent, "message": {
            "author": {"role": role}, "create_time": 1_600_000_000 + place,
            "content": {"content_type": "text", "parts": [text]}, "metadata": {}}}),
        );
        parent = node;
    }
    json!({"conversation_id": id, "title": title, "create_time": 1_600_000_000, "mapping": mapping, "current_node": parent})
}

async fn conversations_from_elsewhere_become_rooms(site: &Site) {
    let owner = name("owner");
    let (user, _) = site.user_named(&owner).await;
    let long = "x".repeat(1_000_001);
    let chats = json!([
        chat("one", "여행", &["어디로?", "바다로\u{0}."]),
        chat("two", "", &["hello", "hi"]),
        chat("three", "empty", &[]),
        chat("four", "too long", &[&long]),
    ]);
    let file = write(site, &chats.to_string());
    let dry = json(site, &["import", &file, "--user", &owner, "--dry-run"], "");
    assert_eq!(
        (dry.code, &dry.json()["good"], &dry.json()["refused"]),
        (Some(1), &json!(2), &json!(1)),
        "{dry}"
    );
    assert_eq!(user.get("/v1/rooms").await.json()["data"], json!([]));
    let done = json(site, &["import", &file, "--user", &owner], "");
    assert_eq!(done.code, Some(1), "one was refused: {done}");
    let report = done.json();
    assert_eq!(
        (&report["added"], &report["empty"], &report["refused"]),
        (&json!(2), &json!(1), &json!(1)),
        "{done}"
    );
    assert!(report["items"][3]["error"].as_str().is_some_and(|error| error.contains("message 1")), "{done}");
    assert_eq!(report["items"][0]["left_out"]["empty"], 0, "{done}");
    assert_eq!(report["items"][1]["name"], "two", "what has no name is told by its id");
    // They are rooms like any other: read, and gone on in.
    let rooms = user.get("/v1/rooms").await.has_status(200).json();
    let names: Vec<_> =
        rooms["data"].as_array().expect("a list").iter().map(|room| room["name"].clone()).collect();
    assert!(names.len() == 2 && names.contains(&json!("여행")), "{rooms}");
    let number = report["items"][0]["room"].as_i64().expect("a number").to_string();
    let said = json(site, &["room", "messages", &number], "").ok().json();
    let told: Vec<_> =
        said.as_array().expect("a list").iter().map(|one| (&one["role"], &one["content"])).collect();
    assert_eq!(told, [(&json!("user"), &json!("어디로?")), (&json!("assistant"), &json!("바다로."))]);
    assert_eq!(said[0]["created_at"], "2020-09-13T12:26:40Z");
    let path = format!("/v1/rooms/{number}/messages");
    user.post(&path).header("Prefer", "wait=30").json(&json!({"content": "and then?"})).await.has_status(200);
    let prompts = site.prompts_for("and then?");
    assert_eq!(prompts.last().expect("a prompt"), &["어디로?", "바다로.", "and then?"]);
    // Again is once.
    let again = run(site, &["import", &file, "--user", &owner], "");
    again.failed(1, "");
    assert!(again.out.contains("0 added, 2 known, 1 empty, 1 refused"), "{again}");
    assert_eq!(json(site, &["check"], "").ok().json()["sound"], true);
}

/// A LibreChat export of every branch: an old answer that was edited last, and a picture.
fn branched(id: &str) -> Value {
    json!({"conversationId": id, "title": "pictures", "branches": true, "messages": [
        {"messageId": "a", "isCreatedByUser": true, "text": "look", "files": [{"type": "image/png"}]},
        {"messageId": "b", "parentMessageId": "a", "text": "old", "createdAt": "2024-01-09T00:00:00Z"},
        {"messageId": "c", "parentMessageId": "b", "isCreatedByUser": true, "text": "more"},
        {"messageId": "d", "parentMessageId": "a", "text": "new", "createdAt": "2024-01-02T00:00:00Z"},
    ]})
}

async fn what_does_not_come_along_is_told(site: &Site) {
    let owner = name("owner");
    site.user_named(&owner).await;
    let file = write(site, &branched("x").to_string());
    let dry = run(site, &["import", &file, "--user", &owner, "--dry-run"], "");
    let told = "1: good: pictures: 2 messages; left out: 2 in other branches, 1 picture or file";
    assert!(dry.ok().out.contains(told), "{dry}");
    let report = json(site, &["import", &file, "--user", &owner], "").ok().json();
    let left = json!({"other_branches": 2, "tools": 0, "empty": 0, "attachments": 1});
    assert_eq!(report["items"][0]["left_out"], left);
    let said = |number: &Value| {
        let said = json(site, &["room", "messages", &number.to_string()], "").ok().json();
        said.as_array().expect("a list").iter().map(|one| one["content"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(said(&report["items"][0]["room"]), ["look\n\n[image]", "new"]);
    // Later the rest is asked for: the room that is there stays, the other branch gets one of its own.
    let all = json(site, &["import", &file, "--user", &owner, "--all-branches"], "").ok().json();
    assert_eq!((&all["known"], &all["added"]), (&json!(1), &json!(1)), "{all}");
    assert_eq!(all["items"][1]["name"], "pictures (branch 2)");
    assert_eq!(said(&all["items"][1]["room"]), ["look\n\n[image]", "old", "more"]);
}

async fn a_damaged_conversation_is_refused_and_the_others_come(site: &Site) {
    let owner = name("owner");
    let (user, _) = site.user_named(&owner).await;
    let mut lost = chat("lost", "half of it", &["a", "b"]);
    lost["mapping"].as_object_mut().expect("an object").shift_remove("n0");
    let file =
        write(site, &json!([5, chat("x", "good", &["y"]), {"id": "z", "title": "torn"}, lost]).to_string());
    let done = json(site, &["import", &file, "--user", &owner], "");
    let report = done.json();
    assert_eq!((done.code, &report["added"], &report["empty"]), (Some(1), &json!(1), &json!(0)), "{done}");
    for (item, name, why) in
        [(0, "element 1 of the file", "something else"), (2, "torn", "mapping"), (3, "half of it", "n0")]
    {
        let item = &report["items"][item];
        assert_eq!((&item["name"], &item["outcome"]), (&json!(name), &json!("refused")), "{done}");
        assert!(item["error"].as_str().is_some_and(|error| error.contains(why)), "{done}");
    }
    assert_eq!(user.get("/v1/rooms").await.json()["data"].as_array().map(Vec::len), Some(1));
}

async fn what_is_exported_can_be_taken_over_again(site: &Site) {
    let (from, to) = (name("from"), name("to"));
    let (user, _) = site.user_named(&from).await;
    site.user_named(&to).await;
    let fields = json!({"name": "plans", "system_prompt": "Be brief.", "metadata": {"trip": 7}});
    let room = user.post("/v1/rooms").json(&fields).await.has_status(201).json();
    let number = room["number"].as_i64().expect("a number").to_string();
    let path = format!("/v1/rooms/{number}/messages");
    let body = json!({"content": "one", "metadata": {"n": 1}});
    user.post(&path).header("Prefer", "wait=30").json(&body).await.has_status(200);
    let exported = run(site, &["room", "export", &number], "").ok().out.clone();
    let file = write(site, &exported);
    let report = json(site, &["import", &file, "--user", &to], "").ok().json();
    let taken = report["items"][0]["room"].as_i64().expect("a number").to_string();
    let show = |number: &str| json(site, &["room", "show", number], "").ok().json();
    let (was, is) = (show(&number), show(&taken));
    for field in ["name", "system_prompt", "metadata", "created_at", "message_count", "ended_at"] {
        assert_eq!(was[field], is[field], "{field}");
    }
    let said = |number: &str| {
        let said = json(site, &["room", "messages", number], "").ok().json();
        let fields = |one: &Value| {
            [&one["role"], &one["content"], &one["status"], &one["metadata"], &one["created_at"]]
                .map(Clone::clone)
        };
        said.as_array().expect("a list").iter().map(fields).collect::<Vec<_>>()
    };
    assert_eq!(said(&number), said(&taken));
    let markdown = run(site, &["room", "export", &number, "--format", "markdown"], "").ok().out.clone();
    assert!(markdown.starts_with("# plans\n") && markdown.contains("> Be brief.\n"), "{markdown}");
    assert!(markdown.contains("## User, ") && markdown.ends_with("\n\nreply to: one\n"), "{markdown}");
}

async fn what_is_no_export_is_refused_and_adds_nothing(site: &Site) {
    let owner = name("owner");
    let (user, _) = site.user_named(&owner).await;
    let nobody = name("nobody");
    for (content, words) in [
        ("", "no JSON"),
        ("[1, 2]", "none of"),
        ("{\"a\":", "no JSON"),
        ("PK\u{3}\u{4}rubbish", "the zip is damaged, or was cut off"),
    ] {
        let file = write(site, content);
        refused(site, &["import", &file, "--user", &owner], "", words);
    }
    refused(site, &["import", "no-such-file.json", "--user", &owner], "", "no-such-file.json");
    let file = write(site, &json!([chat("x", "x", &["y"])]).to_string());
    refused(site, &["import", &file, "--user", &nobody], "", "there is no such user");
    run(site, &["import", &file], "").failed(2, "--user");
    run(site, &["import", &file, "--user", &owner, "--from", "elsewhere"], "").failed(2, "open-webui");
    assert_eq!(user.get("/v1/rooms").await.json()["data"], json!([]));
}

async fn only_rooms_that_nobody_uses_go(site: &Site) {
    let owner = name("owner");
    let (user, _) = site.user_named(&owner).await;
    let room = user.post("/v1/rooms").json(&json!({"name": "in use"})).await.has_status(201).string("/id");
    for wrong in ["", "soon", "0s", "59m", "-1d"] {
        refused(site, &["retention", &format!("--idle-for={wrong}")], "", "such as 90d");
    }
    run(site, &["retention"], "").failed(2, "--idle-for");
    let found = json(site, &["retention", "--idle-for", "1h"], "").ok().json();
    assert_eq!((&found["deleted"], &found["rooms"]), (&json!(false), &json!([])));
    let gone = json(site, &["retention", "--idle-for", "1h", "--delete"], "").ok().json();
    assert_eq!((&gone["deleted"], &gone["rooms"]), (&json!(true), &json!([])));
    assert!(
        run(site, &["retention", "--idle-for", "90d"], "")
            .ok()
            .out
            .contains("0 rooms with 0 messages have been")
    );
    user.get(&format!("/v1/rooms/{room}")).await.has_status(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_breaks_its_rules_is_found_out() {
    let site = Site::start(Backend::Postgres, &[]).await;
    let user = site.user().await;
    for text in ["one", "two"] {
        user.say(text).await;
    }
    assert!(run(&site, &["check"], "").ok().out.contains("is sound"));
    for (damage, rule) in [
        ("UPDATE rooms SET message_count = 7", "message_count"),
        ("UPDATE rooms SET message_count = 4, last_seq = last_seq + 1", "without a gap"),
        ("UPDATE rooms SET last_seq = last_seq - 1, last_message_seq = 2", "last_message_seq"),
        (
            "UPDATE rooms SET last_message_seq = 4; UPDATE messages SET status = 'failed' WHERE seq = 2",
            "stands as its turn does",
        ),
        ("UPDATE messages SET status = 'streaming' WHERE seq = 2", "waits for a model"),
        ("UPDATE messages SET status = 'completed'; UPDATE turns SET finished_at = NULL", "nobody's to run"),
    ] {
        site.sql(damage).await;
        let checked = json(&site, &["check"], "");
        assert_eq!((checked.code, &checked.json()["sound"]), (Some(1), &json!(false)), "{damage}: {checked}");
        let told = checked.json()["rules"].as_array().expect("a list").iter().any(|broken| {
            broken["room"] == 1 && broken["rule"].as_str().is_some_and(|broken| broken.contains(rule))
        });
        assert!(told, "{damage}: {checked}");
    }
    // What only stands where no reference is looked at.
    site.sql("SET session_replication_role = replica; DELETE FROM users").await;
    let checked = json(&site, &["check"], "").json();
    let session = checked["rules"].as_array().expect("a list").iter().find(|broken| broken["room"].is_null());
    let what = session.and_then(|broken| broken["what"].as_str()).unwrap_or_default();
    assert!(what.starts_with("session ") && what.len() == "session ".len() + 36, "{checked}");
    let text = run(&site, &["check"], "");
    assert!(text.out.contains("room 1: ") && text.out.contains("maru backup"), "{text}");
}

/// Rooms that are older than they can be made over HTTP.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_rooms_go_when_they_are_told_to() {
    let site = Site::start(Backend::Postgres, &[]).await;
    let user = site.user().await;
    let open = async |name: &str| {
        user.post("/v1/rooms").json(&json!({"name": name})).await.has_status(201).string("/id")
    };
    let (old, new) = (open("old\tand idle").await, open("new").await);
    site.sql("UPDATE rooms SET updated_at = updated_at - interval '100 days' WHERE name LIKE 'old%'").await;
    let found = json(&site, &["retention", "--idle-for", "90d"], "").ok().json();
    assert_eq!(
        (found["rooms"].as_array().map(Vec::len), &found["rooms"][0]["id"]),
        (Some(1), &json!(old)),
        "{found}"
    );
    let text = run(&site, &["retention", "--idle-for", "90d"], "");
    assert!(text.ok().out.contains("nothing was deleted: say --delete"), "{text}");
    user.get(&format!("/v1/rooms/{old}")).await.has_status(200);
    let gone = run(&site, &["retention", "--idle-for", "90d", "--delete"], "");
    assert!(gone.ok().out.contains("1 room with 0 messages is deleted"), "{gone}");
    user.get(&format!("/v1/rooms/{old}")).await.has_status(404);
    user.get(&format!("/v1/rooms/{new}")).await.has_status(200);
}

#[test]
fn shells_and_man_know_every_command() {
    let dir = sqlite_dir();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let completions = maru(dir.path(), &["completions", shell], "");
        let out = &completions.ok().out;
        assert!(["retention", "backup", "idle-for"].iter().all(|word| out.contains(word)), "{shell}: {out}");
    }
    maru(dir.path(), &["completions", "cobol"], "").failed(2, "bash");
    let page = maru(dir.path(), &["manual"], "");
    assert!(page.ok().out.contains(".TH maru 1") && page.out.contains("retention"), "{page}");
    maru(dir.path(), &["manual", "--to", "man1"], "").ok();
    for page in ["maru.1", "maru-serve.1", "maru-room-export.1"] {
        assert!(dir.path().join("man1").join(page).exists(), "{page}");
    }
}
