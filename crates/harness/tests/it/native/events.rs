//! A room's log: as a page, and as a stream that other people's writes wake.

use super::{at, exchange, refused, room, sse};
use crate::support::{Http, Site, on_both};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

on_both! { the_log_tells_every_change the_log_shows_things_as_they_are the_log_is_followed_from_any_place
a_stream_ends_with_its_room }

async fn log(user: &Http, room: &Value, query: &str) -> Vec<Value> {
    let page = user.get(&at(room, &format!("/events?limit=200{query}"))).await.has_status(200).json();
    page["data"].as_array().expect("a page").clone()
}

fn kinds(log: &[Value]) -> Vec<&str> {
    log.iter().map(|event| event["type"].as_str().unwrap_or_default()).collect()
}

async fn the_log_tells_every_change(site: &Site) {
    let user = site.user().await;
    let made = room(&user, json!({})).await;
    assert_eq!(log(&user, &made, "").await, Vec::<Value>::new());
    let sent = exchange(&user, &made, "one").await;
    let after_send = log(&user, &made, "").await;
    assert_eq!(kinds(&after_send)[..3], ["message.created", "message.created", "turn.started"]);
    assert_eq!(kinds(&after_send).last(), Some(&"turn.done"));
    let numbers: Vec<_> = after_send.iter().map(|event| event["seq"].as_i64()).collect();
    assert_eq!(numbers, (1..).map(Some).take(numbers.len()).collect::<Vec<_>>());
    let last = numbers.len();
    user.ask("PATCH", &at(&made, "")).json(&json!({"name": "new"})).await.has_status(200);
    let message = at(&made, &format!("/messages/{}", sent["message"]["id"].as_str().expect("an id")));
    user.ask("PATCH", &message).json(&json!({"content": "ONE"})).await.has_status(200);
    user.ask("DELETE", &message).await.has_status(204);
    user.post(&at(&made, "/clear")).await.has_status(200);
    user.post(&at(&made, "/end")).await.has_status(200);
    let rest = log(&user, &made, &format!("&after={last}")).await;
    assert_eq!(
        kinds(&rest),
        ["room.updated", "message.updated", "message.deleted", "room.cleared", "room.updated"]
    );
    // In pages.
    let page = user.get(&at(&made, "/events?limit=3")).await.json();
    assert_eq!((&page["next"], &page["has_more"]), (&json!("3"), &json!(true)));
    let next = user.get(&at(&made, "/events?limit=200&after=3")).await.json();
    assert_eq!(
        (&next["data"][0]["seq"], &next["next"], &next["has_more"]),
        (&json!(4), &Value::Null, &json!(false))
    );
    assert_eq!(log(&user, &made, "&after=100000").await, Vec::<Value>::new());
    // Backwards, and before a place.
    let seqs = async |query: &str| {
        let page = user.get(&at(&made, &format!("/events?limit=2{query}"))).await.has_status(200).json();
        (page["data"][0]["seq"].clone(), page["data"][1]["seq"].clone(), page["next"].clone())
    };
    let newest = last + 5;
    assert_eq!(
        seqs("&order=desc").await,
        (json!(newest), json!(newest - 1), json!((newest - 1).to_string()))
    );
    assert_eq!(seqs("&order=desc&after=3").await, (json!(2), json!(1), Value::Null));
    assert_eq!(seqs("&before=4").await, (json!(2), json!(3), json!("2")));
    for query in ["order=up", "before=x", "before=-1", "before=3&after=3", "order=asc&order=asc"] {
        let answer = user.get(&at(&made, &format!("/events?{query}"))).await;
        super::refused(&answer, 400, "invalid_parameter");
    }
    for query in ["order=desc", "before=4"] {
        let stream = user.get(&at(&made, &format!("/events?{query}"))).header("Accept", "text/event-stream");
        super::refused(&stream.await, 400, "invalid_parameter");
    }
}

async fn the_log_shows_things_as_they_are(site: &Site) {
    let user = site.user().await;
    let made = room(&user, json!({})).await;
    let sent = exchange(&user, &made, "secret").await;
    let message = at(&made, &format!("/messages/{}", sent["message"]["id"].as_str().expect("an id")));
    user.ask("PATCH", &message).json(&json!({"content": "harmless"})).await.has_status(200);
    let told = log(&user, &made, "").await;
    let keys: Vec<_> = told[0].as_object().expect("an event").keys().cloned().collect();
    assert_eq!(keys, ["seq", "type", "at", "data"]);
    user.get(&message).await.is(200, &told[0]["data"]);
    assert_eq!(told[0]["data"]["content"], "harmless");
    let done = told.iter().find(|event| event["type"] == "turn.done").expect("an end");
    assert_eq!(done["data"], sent["turn"]);
    user.ask("DELETE", &message).await.has_status(204);
    let told = log(&user, &made, "").await;
    assert_eq!(told[0]["data"], json!({"id": sent["message"]["id"]}));
    assert!(!json!(told).to_string().contains("harmless"), "nothing shows what is gone");
}

/// Hints wake readers; without one they would look every ten seconds.
async fn the_log_is_followed_from_any_place(site: &Site) {
    let user = site.user().await;
    let made = room(&user, json!({})).await;
    exchange(&user, &made, "one").await;
    let before = log(&user, &made, "").await;
    let path = at(&made, "/events");
    let mut all = sse::open(&user, "GET", &path, &[], None).await;
    for event in &before {
        let told = all.next().await.expect("an event");
        assert_eq!(
            (told.id, &told.event, &told.data),
            (Some(event["seq"].to_string()), &event["type"].as_str().unwrap_or_default().to_owned(), event)
        );
    }
    let last = before.len().to_string();
    let mut late = sse::open(&user, "GET", &path, &[("Last-Event-ID", &last)], None).await;
    let mut soonest = Duration::MAX;
    for number in 0..5 {
        let began = Instant::now();
        let note = json!({"content": number.to_string(), "reply": false});
        user.post(&at(&made, "/messages")).json(&note).await.has_status(201);
        for stream in [&mut all, &mut late] {
            let told = stream.named("message.created").await;
            assert_eq!(told.data["data"]["content"], number.to_string());
        }
        soonest = soonest.min(began.elapsed());
    }
    // Five times in a row only a hint is that quick: a reader that polls would need five seconds on average.
    assert!(soonest < Duration::from_secs(1), "{soonest:?}");
    drop((all, late));
    user.post(&at(&made, "/messages")).json(&json!({"content": "go"})).await.has_status(201);
    let mut turn = sse::open(&user, "GET", &format!("{path}?after={}", before.len() + 5), &[], None).await;
    for kind in ["message.created", "message.created", "turn.started"] {
        turn.named(kind).await;
    }
}

async fn a_stream_ends_with_its_room(site: &Site) {
    let user = site.user().await;
    let made = room(&user, json!({})).await;
    let stream = sse::open(&user, "GET", &at(&made, "/events"), &[], None).await;
    user.ask("DELETE", &at(&made, "")).await.has_status(204);
    assert_eq!(stream.rest().await, []);
    refused(&user.get(&at(&made, "/events")).await, 404, "room_not_found");
}
