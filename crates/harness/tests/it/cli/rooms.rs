//! `maru room`

use super::{json, refused, run};
use crate::plc_chat::{registered, say_about, uuid};
use crate::support::{BINARY, Backend, Http, Site, name, on_both, until};
use maru_testkit::upstream::{CallEnd, Script};
use serde_json::{Value, json};
use std::fs::File;
use std::process::{Command, Stdio};

mod shared {
    use super::*;
    on_both! {
        rooms_are_listed_and_read an_ended_room_takes_no_more a_deleted_room_is_gone_with_its_running_turn
        bad_input_is_refused_in_words
    }
}

async fn room(user: &Http, fields: Value) -> Value {
    user.post("/v1/rooms").json(&fields).await.has_status(201).json()
}

async fn send(user: &Http, room: &Value, content: &str) -> Value {
    let path = format!("/v1/rooms/{}/messages", id(room));
    let sent = user.post(&path).header("Prefer", "wait=30").json(&json!({"content": content})).await;
    sent.json()
}

fn id(room: &Value) -> String {
    room["id"].as_str().expect("a room's id").to_owned()
}

fn number(room: &Value) -> String {
    room["number"].as_i64().expect("a room's number").to_string()
}

#[track_caller]
fn texts(messages: &Value) -> Vec<&str> {
    let messages = messages.as_array().expect("a list");
    messages.iter().map(|message| message["content"].as_str().expect("a text")).collect()
}

#[track_caller]
fn lines(out: &str) -> Vec<Value> {
    out.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

async fn rooms_are_listed_and_read(site: &Site) {
    let owner = name("owner");
    let (user, _) = site.user_named(&owner).await;
    assert_eq!(json(site, &["room", "list", "--user", &owner], "").ok().json(), json!([]));
    let fields = json!({"name": "여행 계획", "system_prompt": "Be brief.", "metadata": {"trip": 7}});
    let (first, second) = (room(&user, fields).await, room(&user, json!({"name": "later"})).await);
    let other = site.user().await;
    let foreign = room(&other, json!({"name": "foreign"})).await;
    for text in ["one", "two", "three"] {
        send(&user, &first, text).await;
    }

    // The newest activity first, and nobody else's.
    let listed = json(site, &["room", "list", "--user", &owner], "").ok().json();
    let ids: Vec<_> = listed.as_array().expect("a list").iter().map(|room| room["id"].clone()).collect();
    assert_eq!(ids, [first["id"].clone(), second["id"].clone()]);
    let newest = json(site, &["room", "list", "--user", &owner, "--limit", "1"], "").ok().json();
    assert_eq!(newest, json!([listed[0]]));
    let table = run(site, &["room", "list", "--user", &owner, "--limit", "1"], "");
    let rows: Vec<&str> = table.ok().out.lines().collect();
    assert!(rows.len() == 2 && rows[0].starts_with("NUMBER") && rows[1].ends_with("여행 계획"), "{table}");
    assert!(table.err.contains("--limit"), "what is left out does not go unsaid: {table}");

    // Everybody's, the newest first, and whose they are.
    let all = json(site, &["room", "list", "--limit", "9999"], "").ok().json();
    let place = |room: &Value| all.as_array().expect("a list").iter().position(|its| its["id"] == room["id"]);
    assert!(place(&foreign).is_some() && place(&foreign) < place(&second) && place(&second) < place(&first));
    let table = run(site, &["room", "list", "--limit", "9999"], "").ok().out.clone();
    let row = table.lines().find(|row| row.contains(&id(&first)));
    assert!(row.is_some_and(|row| row.contains(&owner)), "{table}");

    // By id and by number, with and without dashes: the fields that the API shows, and more.
    let shown = json(site, &["room", "show", &id(&first)], "").ok().json();
    let now = user.get(&format!("/v1/rooms/{}", id(&first))).await.json();
    for field in
        ["id", "number", "kind", "name", "system_prompt", "model", "turn_policy", "metadata", "message_count"]
    {
        assert_eq!(shown[field], now[field], "{field}");
    }
    assert_eq!((&shown["message_count"], &shown["ended_at"]), (&json!(6), &Value::Null), "{shown}");
    assert!(shown["owner_id"].is_string() && shown["last_message_at"].is_string(), "{shown}");
    for same in [number(&first), id(&first).replace('-', "")] {
        assert_eq!(json(site, &["room", "show", &same], "").ok().json(), shown);
    }
    assert_eq!(listed[0], shown);
    let text = run(site, &["room", "show", &number(&first)], "");
    let has = |field: &str, value: &str| {
        text.out
            .lines()
            .any(|line| line.split_once(' ').is_some_and(|(f, v)| f == field && v.trim() == value))
    };
    assert!(has("name", "여행 계획") && has("message_count", "6") && has("model", "-"), "{}", text.ok());

    let said = json(site, &["room", "messages", &number(&first)], "").ok().json();
    let all = ["one", "reply to: one", "two", "reply to: two", "three", "reply to: three"];
    assert_eq!(texts(&said), all);
    let last = json(site, &["room", "messages", &id(&first), "--limit", "3"], "").ok().json();
    assert_eq!(texts(&last), all[3..]);
    let text = run(site, &["room", "messages", &id(&first), "--limit", "1"], "");
    assert!(text.ok().out.ends_with("assistant\nreply to: three\n") && text.err.contains("older"), "{text}");

    // With --json or without, the same lines.
    let exported = run(site, &["room", "export", &number(&first)], "");
    assert_eq!(json(site, &["room", "export", &id(&first)], "").ok().out, exported.ok().out);
    let mut lines = lines(&exported.out);
    let kinds: Vec<_> =
        lines.iter_mut().map(|line| line.as_object_mut().expect("an object").shift_remove("type")).collect();
    assert_eq!(kinds[0], Some(json!("room")));
    assert!(kinds[1..].iter().all(|kind| *kind == Some(json!("message"))), "{exported}");
    assert_eq!((&lines[0], json!(lines[1..])), (&shown, said));
    assert!(exported.err.is_empty(), "{exported}");
}

async fn an_ended_room_takes_no_more(site: &Site) {
    let user = site.user().await;
    let made = room(&user, json!({})).await;
    send(&user, &made, "before").await;
    let ended = json(site, &["room", "end", &number(&made)], "").ok().json();
    assert!(ended["ended_at"].is_string() && ended["id"] == made["id"], "{ended}");
    // The server knows at once.
    let refusal = send(&user, &made, "after").await;
    assert_eq!(refusal["code"], "room_ended", "{refusal}");
    // Twice is once, and it can still be read.
    let again = json(site, &["room", "end", &id(&made)], "").ok().json();
    assert_eq!(again["ended_at"], ended["ended_at"]);
    assert!(run(site, &["room", "end", &id(&made)], "").ok().out.contains("is at its end since"));
    assert_eq!(texts(&json(site, &["room", "messages", &id(&made)], "").ok().json()).len(), 2);
}

async fn a_deleted_room_is_gone_with_its_running_turn(site: &Site) {
    let user = site.user().await;
    // One that speaks, and one that has not said a word when its room goes.
    for script in [Script::tokens(100_000, 50), Script::stream().role().stall()] {
        let model = name("doomed");
        site.upstream.script_each(model.clone(), vec![script]);
        let made = room(&user, json!({"model": format!("test/{model}")})).await;
        let path = format!("/v1/rooms/{}/messages", id(&made));
        let sent = user.post(&path).json(&json!({"content": "go"})).await.has_status(201).json();
        let turn = sent["turn"]["id"].as_str().expect("a turn's id");
        #[expect(clippy::disallowed_methods, reason = "the test awaits it")]
        let reader = tokio::spawn(user.get(&format!("/v1/turns/{turn}/events")).into_future());
        until("the model is asked", || async { site.upstream.calls_of(&model).len() == 1 }).await;

        refused(site, &["room", "delete", &id(&made)], &format!("{}\n", number(&made)), "--yes");
        user.get(&format!("/v1/rooms/{}", id(&made))).await.has_status(200);
        let deleted = json(site, &["room", "delete", &number(&made), "--yes"], "").ok().json();
        assert_eq!(deleted["id"], made["id"]);

        user.get(&format!("/v1/rooms/{}", id(&made))).await.has_status(404);
        user.get(&format!("/v1/turns/{turn}")).await.has_status(404);
        until("the model is left", || async { site.upstream.calls_of(&model)[0].end.is_some() }).await;
        let (_, how) = site.upstream.calls_of(&model)[0].end.expect("an end");
        assert_eq!(how, CallEnd::ClosedByClient);
        // Who read it along is let go, and told of no end.
        let read = reader.await.expect("a reader");
        assert!(read.status == 200 && !read.text().contains("event: done"), "{read}");
        refused(site, &["room", "delete", &number(&made), "--yes"], "", "there is no such room");
    }
    // The server goes on.
    let next = room(&user, json!({})).await;
    send(&user, &next, "still there").await;
    let said = json(site, &["room", "messages", &id(&next)], "").ok().json();
    assert_eq!(texts(&said), ["still there", "reply to: still there"]);
    let text = run(site, &["room", "delete", &number(&next), "--yes"], "");
    assert!(text.ok().out.contains("is deleted"), "{text}");
}

async fn bad_input_is_refused_in_words(site: &Site) {
    let nobody = name("nobody");
    refused(site, &["room", "list", "--user", &nobody], "", "there is no such user");
    for verb in ["show", "messages", "export", "end", "delete"] {
        let with = |room: &'static str| {
            let yes: &[&str] = if verb == "delete" { &["--yes"] } else { &[] };
            [&["room", verb, room], yes].concat()
        };
        for missing in ["999999999", "01890000-0000-7000-8000-000000000000"] {
            refused(site, &with(missing), "", "there is no such room");
        }
        for wrong in ["x", "", "0", "1.5", "99999999999999999999", "two\nlines"] {
            refused(site, &with(wrong), "", "no room's number");
        }
        run(site, &["room", verb], "").failed(2, "Usage");
    }
    for limit in ["0", "", "x", "1.5"] {
        run(site, &["room", "list", "--user", "x", &format!("--limit={limit}")], "").failed(2, "--limit");
    }
    run(site, &["room"], "").failed(2, "Usage");
}

/// Rooms that nobody owns are an operator's too, and what is hidden of a PLC stays so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ownerless_room_is_reached_and_its_plc_stays_hidden() {
    let site = Site::start(Backend::Sqlite, &[]).await;
    let (http, chat) = (site.http(), name("chat"));
    let plc = registered(&http).await;
    say_about(&http, &chat, "about a PLC", &uuid(&plc)).await.has_status(200);
    let shown = json(&site, &["room", "show", "1"], "").ok().json();
    assert_eq!(
        (&shown["kind"], &shown["public_id"], &shown["owner_id"]),
        (&json!("plc"), &json!(chat), &Value::Null)
    );
    // No account reaches it that way.
    site.user().await.get("/v1/rooms/1").await.has_status(404);
    let plcs = || {
        let said = json(&site, &["room", "messages", "1"], "").ok().json();
        let exported = lines(&run(&site, &["room", "export", "1"], "").ok().out);
        assert_eq!(exported[1]["plc"], said[0]["plc"]);
        said[0]["plc"].clone()
    };
    assert_eq!(plcs()["snapshot"]["plc_id"], plc["plc_id"]);
    run(&site, &["plc", "deactivate", &uuid(&plc)], "").ok();
    assert_eq!(plcs(), json!({"plc_uuid": plc["plc_uuid"], "snapshot": null}));
}

/// An export that is kept must be whole, or fail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_says_when_the_disk_is_full() {
    let site = Site::start(Backend::Sqlite, &[]).await;
    let user = site.user().await;
    let made = room(&user, json!({})).await;
    let full = File::options().write(true).open("/dev/full").expect("a full disk");
    let mut command = Command::new(BINARY);
    command.args(["room", "export", &id(&made), "--store", &site.store]).current_dir(site.server.home());
    let ran = command.stdout(full).stderr(Stdio::piped()).output().expect("maru runs");
    let err = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.code() == Some(1) && err.contains("the export is not whole"), "{err}");
}

/// More rooms and messages than a page of the store holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_lists_are_read_over_several_pages() {
    let site = Site::start(Backend::Sqlite, &[]).await;
    let owner = name("owner");
    let (user, _) = site.user_named(&owner).await;
    let mut made = Vec::new();
    for _ in 0..205 {
        made.push(room(&user, json!({})).await);
    }
    for said in 0..103 {
        send(&user, &made[0], &said.to_string()).await;
    }
    let count = |arguments: &[&str]| {
        json(&site, arguments, "")
            .ok()
            .json()
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| one["id"].to_string())
            .collect::<std::collections::HashSet<_>>()
            .len()
    };
    assert_eq!(count(&["room", "list", "--user", &owner]), 50);
    assert_eq!(count(&["room", "list", "--user", &owner, "--limit", "203"]), 203);
    assert_eq!(count(&["room", "list", "--user", &owner, "--limit", "9999"]), 205);
    let first = number(&made[0]);
    assert_eq!(count(&["room", "messages", &first, "--limit", "206"]), 206);
    let said = json(&site, &["room", "messages", &first, "--limit", "205"], "").ok().json();
    assert_eq!((texts(&said)[0], texts(&said)[204]), ("reply to: 0", "reply to: 102"));
}
