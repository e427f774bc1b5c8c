//! Sending, editing, deleting; each request once, whatever the network does.

use super::{at, broken, exchange, refused, room, sse, texts};
use crate::support::{Backend, Http, Reply, Site, for_both, name, on_both};
use maru_testkit::upstream::Script;
use serde_json::{Value, json};
use std::time::Duration;

on_both! { a_send_answers_what_was_stored a_send_may_wait_or_store_only a_send_is_done_once edits_replace_or_regenerate
messages_are_deleted policies_are_obeyed bodies_are_json a_running_turn_ends_before_its_message_goes }

async fn send(user: &Http, room: &Value, body: Value) -> Reply {
    user.post(&at(room, "/messages")).json(&body).await
}

/// A room whose model says what the script says.
async fn scripted(site: &Site, user: &Http, policy: &str, script: Script) -> (Value, String) {
    let model = name("scripted");
    site.upstream.script(model.clone(), script);
    (room(user, json!({"model": format!("test/{model}"), "turn_policy": policy})).await, model)
}

async fn a_send_answers_what_was_stored(site: &Site) {
    let user = site.user().await;
    let made = room(&user, json!({})).await;
    let sent = send(&user, &made, json!({"content": "hello 😀\n", "metadata": {"a": 1}})).await;
    let body = sent.has_status(201).json();
    let keys: Vec<_> = body["turn"].as_object().expect("a turn").keys().cloned().collect();
    assert_eq!(
        keys.join(" "),
        "id room_id status message_id reply_id reply model usage error attempt created_at finished_at"
    );
    let message = &body["message"];
    assert_eq!(
        (&message["content"], &message["role"], &message["status"]),
        (&json!("hello 😀\n"), &json!("user"), &json!("completed"))
    );
    assert_eq!(
        (&message["seq"], &message["metadata"], &message["cancelled"]),
        (&json!(1), &json!({"a": 1}), &json!(false))
    );
    assert_eq!(
        (&message["plc"], &message["quote"], &message["edited_at"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!((&body["turn"]["message_id"], &body["turn"]["room_id"]), (&message["id"], &made["id"]));
    let events = sse::turn(&user, &body["turn"], None).await.rest().await;
    let done = &events.last().expect("an end").data;
    assert_eq!(
        (&done["status"], &done["reply"], &done["error"]),
        (&json!("completed"), &json!("reply to: hello 😀\n"), &Value::Null)
    );
    assert!(done["usage"]["output_tokens"].is_i64() && done["finished_at"].is_string(), "{done}");
    let path = format!("/v1/turns/{}", done["id"].as_str().expect("an id"));
    user.get(&path).await.is(200, done);
}

async fn a_send_may_wait_or_store_only(site: &Site) {
    let user = site.user().await;
    let made = room(&user, json!({})).await;
    let both = exchange(&user, &made, "hello").await;
    assert_eq!(
        (&both["turn"]["status"], &both["turn"]["reply"]),
        (&json!("completed"), &json!("reply to: hello"))
    );
    let alone = send(&user, &made, json!({"content": "a note", "reply": false})).await.has_status(201).json();
    assert_eq!((&alone["turn"], &alone["message"]["turn_id"]), (&Value::Null, &Value::Null));
    assert_eq!(texts(&user, &made).await, ["hello", "reply to: hello", "a note"]);
    let (slow, _) =
        scripted(site, &user, "queue", Script::stream().role().say("so far").wait(Duration::from_secs(60)))
            .await;
    let ask = user.post(&at(&slow, "/messages")).header("Prefer", "respond-async, Wait=\"1\"");
    let answer = ask.json(&json!({"content": "hello"})).await;
    answer.has("preference-applied", "wait=1").has_status(201);
    user.post(&format!("/v1/turns/{}/cancel", answer.string("/turn/id"))).await.has_status(200);
    for content in [
        json!({}),
        json!({"content": null}),
        json!({"content": " \n"}),
        json!({"content": 5}),
        json!({"content": "a\u{0}"}),
        json!({"content": "x".repeat(32_001)}),
    ] {
        assert_eq!(broken(&send(&user, &made, content).await)[0].0, "content");
    }
    let two = json!({"reply": "no", "metadata": 5, "model": []});
    assert_eq!(broken(&send(&user, &made, two).await).len(), 4, "all at once");
    refused(&send(&user, &made, json!({"content": "x", "model": "no/such"})).await, 400, "unknown_model");
    send(&user, &made, json!({"content": "x".repeat(32_000), "reply": false})).await.has_status(201);
}

async fn a_send_is_done_once(site: &Site) {
    let user = site.user().await;
    let made = room(&user, json!({})).await;
    let (key, body) = (name("key"), json!({"content": "only once"}));
    let ask = || user.post(&at(&made, "/messages")).key(&key).json(&body);
    let first = ask().await;
    first.has_status(201);
    sse::turn(&user, &first.json()["turn"], None).await.rest().await;
    ask().await.has("idempotency-replayed", "true").is(201, &first.json());
    let waited = ask().header("Prefer", "wait=30").await;
    waited.has("idempotency-replayed", "true").has_status(200);
    assert_eq!(waited.json()["turn"]["reply"], "reply to: only once");
    let mut stream =
        sse::open(&user, "POST", &at(&made, "/messages"), &[("Idempotency-Key", &key)], Some(body.clone()))
            .await;
    assert_eq!(stream.header("idempotency-replayed").as_deref(), Some("true"));
    assert_eq!(stream.named("message").await.data["turn"]["id"], first.json()["turn"]["id"]);
    assert_eq!(sse::text_of(&stream.rest().await, ""), "reply to: only once");
    let other = user.post(&at(&made, "/messages")).key(&key).json(&json!({"content": "twice"})).await;
    refused(&other, 422, "idempotency_key_reused");
    assert_eq!(texts(&user, &made).await.len(), 2);
    assert_eq!(site.prompts_for("only once").len(), 1, "and asked once");
    // At once: one message, one answer.
    let (key, body) = (name("key"), json!({"content": "all at once"}));
    let asks = (0..10).map(|_| user.post(&at(&made, "/messages")).key(&key).json(&body).into_future());
    let answers = futures_util::future::join_all(asks).await;
    let ids: std::collections::HashSet<_> =
        answers.iter().map(|answer| answer.string("/message/id")).collect();
    assert_eq!(ids.len(), 1);
    let fresh = answers.iter().filter(|answer| answer.header("idempotency-replayed").is_none()).count();
    assert_eq!(fresh, 1);
    let first = answers[0].json();
    for answer in &answers {
        answer.is(201, &first);
    }
    // Stored without a reply, too.
    let (key, body) = (name("key"), json!({"content": "a note", "reply": false}));
    let ask = || user.post(&at(&made, "/messages")).key(&key).json(&body);
    let first = ask().await;
    ask().await.has("idempotency-replayed", "true").is(201, &first.json());
}

async fn edits_replace_or_regenerate(site: &Site) {
    let user = site.user().await;
    let made = room(&user, json!({})).await;
    let one = exchange(&user, &made, "one").await;
    exchange(&user, &made, "two").await;
    let path = at(&made, &format!("/messages/{}", one["message"]["id"].as_str().expect("an id")));
    let edited = user.ask("PATCH", &path).json(&json!({"content": "ONE"})).await.has_status(200).json();
    assert!(edited["edited_at"].is_string() && edited["content"] == "ONE", "{edited}");
    assert_eq!(texts(&user, &made).await, ["ONE", "reply to: one", "two", "reply to: two"]);
    let reply = at(&made, &format!("/messages/{}", one["turn"]["reply_id"].as_str().expect("an id")));
    let ask = user.ask("PATCH", &reply).json(&json!({"content": "mine"})).await;
    refused(&ask, 409, "not_a_persons_message");
    let ask = user.ask("PATCH", &reply).json(&json!({"content": "mine", "regenerate": true})).await;
    refused(&ask, 409, "not_a_persons_message");
    let again = user.ask("PATCH", &path).json(&json!({"content": "uno", "regenerate": true})).await;
    let again = again.has_status(201).json();
    assert_eq!(
        (&again["message"]["id"], &again["message"]["content"]),
        (&one["message"]["id"], &json!("uno"))
    );
    sse::turn(&user, &again["turn"], None).await.rest().await;
    assert_eq!(texts(&user, &made).await, ["uno", "reply to: uno"]);
    refused(
        &user.get(&format!("/v1/turns/{}", one["turn"]["id"].as_str().expect("an id"))).await,
        404,
        "turn_not_found",
    );
    let waited = user
        .ask("PATCH", &path)
        .header("Prefer", "wait=30")
        .json(&json!({"content": "dos", "regenerate": true}))
        .await;
    assert_eq!(waited.has_status(200).json()["turn"]["reply"], "reply to: dos");
    let mut stream =
        sse::open(&user, "PATCH", &path, &[], Some(json!({"content": "tres", "regenerate": true}))).await;
    assert_eq!(stream.named("message").await.data["message"]["content"], "tres");
    assert_eq!(sse::text_of(&stream.rest().await, ""), "reply to: tres");
    assert_eq!(site.prompts_for("tres"), [["tres"]]);
    assert_eq!(broken(&user.ask("PATCH", &path).json(&json!({"regenerate": 1})).await).len(), 2);
}

async fn messages_are_deleted(site: &Site) {
    let user = site.user().await;
    let made = room(&user, json!({})).await;
    let one = exchange(&user, &made, "one").await;
    let message = |id: &Value| at(&made, &format!("/messages/{}", id.as_str().expect("an id")));
    let path = message(&one["message"]["id"]);
    user.ask("DELETE", &path).await.has_status(204);
    assert_eq!(texts(&user, &made).await, ["reply to: one"]);
    for verb in ["GET", "DELETE"] {
        refused(&user.ask(verb, &path).await, 404, "message_not_found");
    }
    refused(&user.ask("PATCH", &path).json(&json!({"content": "x"})).await, 404, "message_not_found");
    refused(&user.get(&at(&made, "/messages/x")).await, 404, "message_not_found");
    user.ask("DELETE", &message(&one["turn"]["reply_id"])).await.has_status(204);
    let turn = user.get(&format!("/v1/turns/{}", one["turn"]["id"].as_str().expect("an id"))).await;
    assert_eq!(turn.has_status(200).json()["reply"], "");
    assert_eq!(user.get(&at(&made, "")).await.json()["message_count"], 0);
}

async fn a_running_turn_ends_before_its_message_goes(site: &Site) {
    let user = site.user().await;
    for whole_room in [false, true] {
        let (made, model) = scripted(
            site,
            &user,
            "queue",
            Script::stream().role().say("so far").wait(Duration::from_secs(60)),
        )
        .await;
        let mut stream =
            sse::open(&user, "POST", &at(&made, "/messages"), &[], Some(json!({"content": "go"}))).await;
        let sent = stream.named("message").await.data;
        assert_eq!(stream.named("delta").await.text(), "so far");
        let path = if whole_room {
            at(&made, "")
        } else {
            at(&made, &format!("/messages/{}", sent["turn"]["reply_id"].as_str().expect("an id")))
        };
        user.ask("DELETE", &path).await.has_status(204);
        let rest = stream.rest().await;
        assert!(rest.iter().all(|event| event.event != "delta"), "{rest:?}");
        // The provider's connection goes with the turn.
        let call = site.upstream.calls_of(&model).pop().expect("a call");
        crate::support::until("the model's connection is closed", || async { call_is_over(site, &model) })
            .await;
        drop(call);
    }
}

fn call_is_over(site: &Site, model: &str) -> bool {
    site.upstream.calls_of(model).iter().all(|call| call.end.is_some())
}

async fn policies_are_obeyed(site: &Site) {
    let user = site.user().await;
    let stall = || Script::stream().role().say("so far").wait(Duration::from_secs(60));
    let (reject, _) = scripted(site, &user, "reject", stall()).await;
    let first = send(&user, &reject, json!({"content": "one"})).await.has_status(201).json();
    refused(&send(&user, &reject, json!({"content": "two"})).await, 409, "turn_in_progress");
    let retry = user.post(&format!("/v1/turns/{}/retry", first["turn"]["id"].as_str().expect("an id"))).await;
    refused(&retry, 409, "turn_in_progress");
    let (interrupt, _) = scripted(site, &user, "interrupt", stall()).await;
    let first = send(&user, &interrupt, json!({"content": "one"})).await.json();
    let mut stream = sse::turn(&user, &first["turn"], None).await;
    stream.named("delta").await;
    send(&user, &interrupt, json!({"content": "two"})).await.has_status(201);
    assert_eq!(stream.rest().await.last().expect("an end").data["status"], "cancelled");
    let (queue, _) = scripted(site, &user, "queue", stall()).await;
    for _ in 0..21 {
        send(&user, &queue, json!({"content": "one"})).await.has_status(201);
    }
    let full = send(&user, &queue, json!({"content": "one"})).await;
    assert!(full.header("retry-after").is_some());
    refused(&full, 429, "queue_full");
    for made in [&reject, &interrupt, &queue] {
        user.ask("DELETE", &at(made, "")).await.has_status(204);
    }
}

async fn bodies_are_json(site: &Site) {
    let user = site.user().await;
    let made = room(&user, json!({})).await;
    let path = at(&made, "/messages");
    for kind in ["text/plain", "application/x-www-form-urlencoded", "", "multipart/form-data"] {
        refused(&user.post(&path).body(kind, "{\"content\":\"x\"}").await, 415, "unsupported_media_type");
    }
    for text in ["{", "[]", "null", "\"x\"", "{\"content\":1e999}", "{\"content\":\"\\ud800\"}", "\u{feff}{}"]
    {
        refused(&user.post(&path).body("application/json; charset=utf-8", text).await, 400, "invalid_json");
    }
    refused(&user.post(&path).body("application/json", vec![b' '; 1_100_000]).await, 413, "body_too_large");
    let encoded = user.post(&path).header("Content-Encoding", "gzip").json(&json!({"content": "x"})).await;
    refused(&encoded, 415, "unsupported_media_type");
    assert_eq!(texts(&user, &made).await, Vec::<String>::new());
}

mod limits {
    use super::*;
    for_both! { a_server_that_stops_takes_no_more_sends }

    async fn a_server_that_stops_takes_no_more_sends(backend: Backend) {
        let site = Site::start(
            backend,
            &[("MARU__SERVER__DRAIN_DELAY", "3s"), ("MARU__SERVER__DRAIN_TIMEOUT", "5s")],
        )
        .await;
        let user = site.user().await;
        let (made, _) = scripted(
            &site,
            &user,
            "queue",
            Script::stream().role().say("so far").wait(Duration::from_secs(60)),
        )
        .await;
        let running = send(&user, &made, json!({"content": "one"})).await.has_status(201).json();
        let mut turn = sse::turn(&user, &running["turn"], None).await;
        turn.named("delta").await;
        let events = sse::open(&user, "GET", &at(&made, "/events"), &[], None).await;
        site.server.terminate().expect("a signal");
        // A room's log has no end of its own: its reader is told to come again, elsewhere.
        events.rest().await;
        crate::support::until("the server drains", || async { user.get("/readyz").await.status == 503 })
            .await;
        // Turns drain after the delay; from then on nothing new is begun.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let late = send(&user, &made, json!({"content": "two"})).await;
        assert!(late.header("retry-after").is_some());
        refused(&late, 503, "draining");
        let end = turn.rest().await;
        assert_eq!(end.last().map(|event| event.data["status"].clone()), Some(json!("interrupted")));
    }
}
