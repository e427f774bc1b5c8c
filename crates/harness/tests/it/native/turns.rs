//! Turns: looked at, cancelled, tried again.

use super::{at, exchange, refused, room, sse, texts};
use crate::support::{Http, Site, name, on_both, until};
use maru_testkit::upstream::{CallEnd, Script};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

on_both! { a_cancel_keeps_the_text_and_closes_the_model a_cancel_of_what_has_ended_changes_nothing
a_cancel_reaches_the_model_in_time a_turn_tells_who_answers twenty_cancels_an_end_and_a_delete_make_one_end a_failed_turn_says_why_and_can_be_tried_again only_the_last_turn_is_tried_again }

fn turn_path(turn: &Value, more: &str) -> String {
    format!("/v1/turns/{}{more}", turn["id"].as_str().expect("a turn's id"))
}

async fn scripted(site: &Site, user: &Http, scripts: Vec<Script>) -> (Value, String) {
    let model = name("turns");
    site.upstream.script_each(model.clone(), scripts);
    (room(user, json!({"model": format!("test/{model}")})).await, model)
}

async fn send(user: &Http, room: &Value, content: &str) -> Value {
    user.post(&at(room, "/messages")).json(&json!({"content": content})).await.has_status(201).json()
}

async fn a_cancel_keeps_the_text_and_closes_the_model(site: &Site) {
    let user = site.user().await;
    let (made, model) = scripted(site, &user, vec![Script::tokens(100_000, 50)]).await;
    let sent = send(&user, &made, "go").await;
    let mut stream = sse::turn(&user, &sent["turn"], None).await;
    let mut seen = vec![stream.named("delta").await, stream.named("delta").await];
    let cancelled = user.post(&turn_path(&sent["turn"], "/cancel")).await.has_status(200).json();
    until("the provider notices", || async { site.upstream.calls_of(&model)[0].end.is_some() }).await;
    assert_eq!(site.upstream.calls_of(&model)[0].end.expect("an end").1, CallEnd::ClosedByClient);
    assert_eq!((&cancelled["status"], &cancelled["error"]), (&json!("cancelled"), &Value::Null));
    seen.extend(stream.rest().await);
    let end = seen.pop().expect("an end");
    assert_eq!((end.event.as_str(), &end.data), ("done", &cancelled));
    assert_eq!(json!(sse::text_of(&seen, "")), cancelled["reply"]);
    assert!(
        cancelled["reply"].as_str().is_some_and(|text| Script::text_of_tokens(100_000).starts_with(text))
    );
    // Nothing is added after the answer.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    user.get(&turn_path(&sent["turn"], "")).await.is(200, &cancelled);
    let reply = user
        .get(&at(&made, &format!("/messages/{}", cancelled["reply_id"].as_str().expect("an id"))))
        .await
        .json();
    assert_eq!(
        (&reply["cancelled"], &reply["status"], &reply["content"]),
        (&json!(true), &json!("cancelled"), &cancelled["reply"])
    );
}

/// By the provider's own clock, and by the middle of many: one of them may meet a busy machine.
async fn a_cancel_reaches_the_model_in_time(site: &Site) {
    let user = site.user().await;
    let mut late = Vec::new();
    for _ in 0..20 {
        let (made, model) = scripted(site, &user, vec![Script::tokens(100_000, 50)]).await;
        let sent = send(&user, &made, "go").await;
        let mut stream = sse::turn(&user, &sent["turn"], None).await;
        stream.named("delta").await;
        user.post(&turn_path(&sent["turn"], "/cancel")).await.has_status(200);
        let acknowledged = Instant::now();
        until("the provider notices", || async { site.upstream.calls_of(&model)[0].end.is_some() }).await;
        let (closed, how) = site.upstream.calls_of(&model)[0].end.expect("an end");
        assert_eq!(how, CallEnd::ClosedByClient);
        late.push(closed.saturating_duration_since(acknowledged));
    }
    late.sort_unstable();
    assert!(late[late.len() / 2] < Duration::from_millis(300), "closed so long after the answer: {late:?}");
}

/// Whoever has chosen the model; a retry asks the one that was asked for, or the room's as it is now.
async fn a_turn_tells_who_answers(site: &Site) {
    let user = site.user().await;
    let made = room(&user, json!({})).await;
    let sent = send(&user, &made, "hello").await;
    assert_eq!(sent["turn"]["model"], Value::Null, "nobody was asked for, and nobody has answered yet");
    let stream = sse::turn(&user, &sent["turn"], None).await;
    let done = stream.rest().await.pop().expect("an end").data;
    assert_eq!((&done["status"], &done["model"]), (&json!("completed"), &json!("test/echo")));
    user.get(&turn_path(&done, "")).await.is(200, &done);
    let events = user.get(&at(&made, "/events")).await.json();
    let told =
        events["data"].as_array().expect("a page").iter().rev().find(|event| event["type"] == "turn.done");
    assert_eq!(told.expect("an end")["data"]["model"], "test/echo");
    // One of the message's own, while it speaks and when it is stopped.
    let model = name("own");
    site.upstream.script(model.clone(), Script::stream().role().say("so").stall());
    let body = json!({"content": "hello", "model": format!("test/{model}")});
    let own = user.post(&at(&made, "/messages")).json(&body).await.has_status(201).json();
    sse::turn(&user, &own["turn"], None).await.named("delta").await;
    let stopped = user.post(&turn_path(&own["turn"], "/cancel")).await.has_status(200).json();
    assert_eq!((&stopped["status"], &stopped["model"]), (&json!("cancelled"), &body["model"]));
    site.upstream.script(model.clone(), Script::reply("whole"));
    let retry =
        async |turn: &Value| user.post(&turn_path(turn, "/retry")).header("Prefer", "wait=30").await.json();
    let again = retry(&stopped).await["turn"].clone();
    assert_eq!((&again["reply"], &again["model"]), (&json!("whole"), &body["model"]));
    // A failure names it, too; and what another model answered is asked of the room's own now.
    let failing = name("failing");
    site.upstream.script(failing.clone(), Script::error(401, &[]));
    user.ask("PATCH", &at(&made, ""))
        .json(&json!({"model": format!("test/{failing}")}))
        .await
        .has_status(200);
    let failed = exchange(&user, &made, "again").await["turn"].clone();
    assert_eq!((&failed["status"], &failed["model"]), (&json!("failed"), &json!(format!("test/{failing}"))));
    user.ask("PATCH", &at(&made, "")).json(&json!({"model": null})).await.has_status(200);
    let mended = retry(&failed).await["turn"].clone();
    assert_eq!((&mended["reply"], &mended["model"]), (&json!("reply to: again"), &json!("test/echo")));
}

async fn a_cancel_of_what_has_ended_changes_nothing(site: &Site) {
    let user = site.user().await;
    let made = room(&user, json!({})).await;
    let done = exchange(&user, &made, "hello").await;
    let key = name("key");
    for _ in 0..2 {
        user.post(&turn_path(&done["turn"], "/cancel")).await.is(200, &done["turn"]);
        user.post(&turn_path(&done["turn"], "/cancel")).key(&key).await.is(200, &done["turn"]);
    }
    user.post(&turn_path(&done["turn"], "/cancel")).key(&key).await.has("idempotency-replayed", "true");
}

/// Whoever is first decides; everybody hears the same.
async fn twenty_cancels_an_end_and_a_delete_make_one_end(site: &Site) {
    let user = site.user().await;
    for round in 0..6_u64 {
        let (made, _) = scripted(site, &user, vec![Script::tokens(5 + 20 * round, 500)]).await;
        let sent = send(&user, &made, "go").await;
        let mut stream = sse::turn(&user, &sent["turn"], None).await;
        stream.named("delta").await;
        let path = turn_path(&sent["turn"], "/cancel");
        let cancels = (0..20).map(|_| user.post(&path).into_future());
        let reply = at(&made, &format!("/messages/{}", sent["turn"]["reply_id"].as_str().expect("an id")));
        let delete = user.ask("DELETE", &reply).into_future();
        let (answers, deleted) =
            futures_util::future::join(futures_util::future::join_all(cancels), delete).await;
        deleted.has_status(204);
        let statuses: std::collections::HashSet<_> =
            answers.iter().map(|answer| answer.has_status(200).string("/status")).collect();
        assert_eq!(statuses.len(), 1, "{statuses:?}");
        let events = user.get(&at(&made, "/events?limit=200")).await.json();
        let kinds: Vec<_> =
            events["data"].as_array().expect("a page").iter().map(|event| event["type"].clone()).collect();
        let count = |kind: &str| kinds.iter().filter(|one| *one == kind).count();
        assert_eq!((count("turn.done"), count("message.deleted")), (1, 1), "{kinds:?}");
        let now = user.get(&turn_path(&sent["turn"], "")).await.has_status(200).string("/status");
        assert!(statuses.contains(&now), "{now} of {statuses:?}");
        let dones = stream.rest().await.iter().filter(|event| event.event == "done").count();
        assert!(dones <= 1);
    }
}

async fn a_failed_turn_says_why_and_can_be_tried_again(site: &Site) {
    let user = site.user().await;
    let (made, _) = scripted(site, &user, vec![Script::error(401, &[]), Script::reply("at last")]).await;
    let failed = exchange(&user, &made, "go").await["turn"].clone();
    assert_eq!(
        (&failed["status"], &failed["error"]["code"]),
        (&json!("failed"), &json!("model_unauthorized"))
    );
    assert_eq!(texts(&user, &made).await, ["go", ""], "a failed turn stays");
    let key = name("key");
    let again = user.post(&turn_path(&failed, "/retry")).key(&key).await;
    let body = again.has_status(201).json();
    assert_ne!(body["turn"]["id"], failed["id"]);
    assert_eq!(body["turn"]["message_id"], failed["message_id"]);
    sse::turn(&user, &body["turn"], None).await.rest().await;
    assert_eq!(texts(&user, &made).await, ["go", "at last"]);
    // The old turn is gone, and a retry of the retry gets what the first one got.
    user.post(&turn_path(&failed, "/retry"))
        .key(&key)
        .await
        .has("idempotency-replayed", "true")
        .is(201, &body);
    refused(&user.post(&turn_path(&failed, "/retry")).await, 404, "turn_not_found");
}

async fn only_the_last_turn_is_tried_again(site: &Site) {
    let user = site.user().await;
    let made = room(&user, json!({})).await;
    let one = exchange(&user, &made, "one").await;
    let two = exchange(&user, &made, "two").await;
    let refusal = user.post(&turn_path(&one["turn"], "/retry")).await;
    refused(&refusal, 409, "not_last_turn");
    // With what to do next, which does it.
    assert!(refusal.text().contains("PATCH the turn's message with regenerate"), "{refusal}");
    let again = user.post(&turn_path(&two["turn"], "/retry")).header("Prefer", "wait=30").await;
    assert_eq!(again.has_status(200).json()["turn"]["reply"], "reply to: two");
    assert_eq!(texts(&user, &made).await, ["one", "reply to: one", "two", "reply to: two"]);
    // Of several at once one is told of a turn, which is there; the others that theirs is the last no more.
    let turn = again.json()["turn"].clone();
    let path = turn_path(&turn, "/retry");
    let tries = futures_util::future::join_all((0..6).map(|_| user.post(&path).into_future())).await;
    let (made_one, others): (Vec<_>, Vec<_>) = tries.iter().partition(|answer| answer.status == 201);
    assert_eq!(made_one.len(), 1);
    others.iter().for_each(|answer| assert!([404, 409].contains(&answer.status), "{answer}"));
    let turn = made_one[0].json()["turn"].clone();
    sse::turn(&user, &turn, None).await.rest().await;
    user.get(&turn_path(&turn, "")).await.has_status(200);
    user.post(&at(&made, "/end")).await.has_status(200);
    refused(&user.post(&turn_path(&turn, "/retry")).await, 409, "room_ended");
}
