//! Responses as streams: numbers, resumption, ends.

use super::{deltas, respond, slow, stream, text};
use crate::native::sse::{Event, open};
use crate::support::{Site, name, on_both, until};
use maru_testkit::upstream::Script;
use serde_json::json;

on_both! {
    every_event_is_numbered
    a_stream_is_resumed_after_any_event
    a_number_that_never_comes_is_refused
    a_stream_of_what_has_ended_can_be_read
    a_cancelled_stream_tells_what_is_stored
    a_failure_ends_the_stream
    whoever_leaves_an_unstored_stream_stops_the_model
}

fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.event.as_str()).collect()
}

async fn every_event_is_numbered(site: &Site) {
    let user = site.user().await;
    for store in [true, false] {
        let body = json!({"model": "test/echo", "input": "one two", "stream": true, "store": store});
        let events = stream(&user, "/v1/responses", body).await.rest().await;
        let kinds = kinds(&events);
        assert_eq!(
            kinds[..4],
            [
                "response.created",
                "response.in_progress",
                "response.output_item.added",
                "response.content_part.added"
            ]
        );
        let (middle, end) = kinds[4..].split_at(kinds.len() - 8);
        assert!(
            !middle.is_empty() && middle.iter().all(|kind| *kind == "response.output_text.delta"),
            "{kinds:?}"
        );
        assert_eq!(
            end,
            [
                "response.output_text.done",
                "response.content_part.done",
                "response.output_item.done",
                "response.completed"
            ]
        );
        for (n, event) in events.iter().enumerate() {
            assert_eq!(
                (&event.data["sequence_number"], &event.data["type"]),
                (&json!(n), &json!(event.event))
            );
        }
        assert_eq!(deltas(&events), "reply to: one two");
        let response = &events.last().expect("events").data["response"];
        assert_eq!((text(response), &response["status"]), ("reply to: one two", &json!("completed")));
        let item = &events[2].data["item"]["id"];
        assert_eq!((&events[4].data["item_id"], &response["output"][0]["id"]), (item, item));
        assert_eq!(events[0].data["response"]["id"], response["id"]);
        let found = user.get(&format!("/v1/responses/{}", response["id"].as_str().expect("an id"))).await;
        assert_eq!(found.status, if store { 200 } else { 404 });
        if store {
            assert_eq!(&found.json(), response);
        }
    }
}

async fn a_stream_is_resumed_after_any_event(site: &Site) {
    let (user, model) = (site.user().await, name("slow"));
    slow(site, &model, "one two three four five");
    let body = json!({"model": format!("test/{model}"), "input": "go", "stream": true});
    let mut live = stream(&user, "/v1/responses", body).await;
    let id = live.named("response.created").await.data["response"]["id"].as_str().expect("an id").to_owned();
    for _ in 0..3 {
        live.next().await;
    }
    let first = live.named("response.output_text.delta").await;
    // While it runs: the reader leaves, and comes back for the rest.
    drop(live);
    let path = |has: u64| format!("/v1/responses/{id}?stream=true&starting_after={has}");
    let rest = open(&user, "GET", &path(4), &[], None).await.rest().await;
    assert_eq!(rest[0].data["sequence_number"], 5);
    assert_eq!(
        first.data["delta"].as_str().expect("a delta").to_owned() + &deltas(&rest),
        "one two three four five"
    );
    // After its end, from every place: the same bytes.
    let all = open(&user, "GET", &format!("/v1/responses/{id}?stream=true"), &[], None).await;
    let all = all.rest().await;
    assert_eq!(deltas(&all), "one two three four five");
    assert_eq!(all[5..], rest[..]);
    for has in 0..all.len() {
        let rest = open(&user, "GET", &path(has as u64), &[], None).await.rest().await;
        assert_eq!(rest[..], all[has + 1..], "after {has}");
    }
    for (query, param) in [
        ("stream=true&starting_after=x", "starting_after"),
        ("starting_after=1", "starting_after"),
        ("stream=1", "stream"),
    ] {
        let refused = user.get(&format!("/v1/responses/{id}?{query}")).await;
        super::refused(&refused, 400, "invalid_value", &json!(param));
    }
}

async fn a_number_that_never_comes_is_refused(site: &Site) {
    let (user, model) = (site.user().await, name("slow"));
    slow(site, &model, "one two three four five");
    let body = json!({"model": format!("test/{model}"), "input": "go", "stream": true});
    let mut live = stream(&user, "/v1/responses", body).await;
    let id = live.named("response.created").await.data["response"]["id"].as_str().expect("an id").to_owned();
    let path = |has: u64| format!("/v1/responses/{id}?stream=true&starting_after={has}");
    // While it runs, the number may yet come; when it has not, the reader is told.
    let waits = open(&user, "GET", &path(1_000), &[], None).await;
    let last = live.rest().await.last().expect("an end").data["sequence_number"].as_u64().expect("a number");
    let told = waits.rest().await;
    assert_eq!(kinds(&told), ["error"]);
    let error = &told[0].data;
    assert_eq!(
        (&error["type"], &error["code"], &error["param"], &error["sequence_number"]),
        (&json!("error"), &json!("invalid_value"), &json!("starting_after"), &json!(1_001))
    );
    // After its end: whoever has all of it gets no more, and more than all of it nobody has.
    assert!(open(&user, "GET", &path(last), &[], None).await.rest().await.is_empty());
    for has in [last + 1, last + 1_000, u64::from(u32::MAX), u64::MAX] {
        let error =
            super::refused(&user.get(&path(has)).await, 400, "invalid_value", &json!("starting_after"));
        let words = error["message"].as_str().expect("words");
        assert!(
            has > u64::from(u32::MAX) || words.contains(&format!("has the sequence_number {last}")),
            "{words}"
        );
    }
}

async fn a_stream_of_what_has_ended_can_be_read(site: &Site) {
    let user = site.user().await;
    let response = respond(&user, json!({"input": "hello"})).await;
    let path = format!("/v1/responses/{}?stream=true", response["id"].as_str().expect("an id"));
    let events = open(&user, "GET", &path, &[], None).await.rest().await;
    assert_eq!(
        (deltas(&events).as_str(), &events.last().expect("events").data["response"]),
        ("reply to: hello", &response)
    );
}

/// OpenAI's SDKs know no event of its own for a response that was cancelled. The one that stands for every reply
/// that is not whole ends the stream, and in it is the response as everybody reads it.
async fn a_cancelled_stream_tells_what_is_stored(site: &Site) {
    let (user, model) = (site.user().await, name("stalls"));
    site.upstream.script(&model, Script::stream().role().say("so far").stall());
    let body = json!({"model": format!("test/{model}"), "input": "go", "stream": true});
    let mut live = stream(&user, "/v1/responses", body).await;
    let id = live.named("response.created").await.data["response"]["id"].as_str().expect("an id").to_owned();
    while live.next().await.expect("a delta").event != "response.output_text.delta" {}
    let cancelled = user.post(&format!("/v1/responses/{id}/cancel")).await.has_status(200).json();
    let rest = live.rest().await;
    let end = rest.last().expect("an end");
    assert_eq!(
        (end.event.as_str(), &end.data["response"]["status"]),
        ("response.incomplete", &json!("cancelled"))
    );
    assert_eq!(text(&end.data["response"]), "so far");
    let stored = user.get(&format!("/v1/responses/{id}")).await.has_status(200).json();
    assert_eq!((&end.data["response"], &cancelled), (&stored, &stored));
    assert_eq!(stored["output"][0]["status"], "incomplete");
    // And to whoever reads the stream later.
    let again = open(&user, "GET", &format!("/v1/responses/{id}?stream=true"), &[], None).await.rest().await;
    assert_eq!(again.last(), Some(end));
}

async fn a_failure_ends_the_stream(site: &Site) {
    let (user, model) = (site.user().await, name("breaks"));
    site.upstream.script(&model, Script::stream().role().say("so far").reset());
    for store in [true, false] {
        let body = json!({"model": format!("test/{model}"), "input": "go", "stream": true, "store": store});
        let events = stream(&user, "/v1/responses", body).await.rest().await;
        let end = events.last().expect("an end");
        assert_eq!(
            (end.event.as_str(), &end.data["response"]["status"]),
            ("response.failed", &json!("failed"))
        );
        let error = &end.data["response"]["error"];
        assert_eq!(error["code"], "server_error");
        assert!(error["message"].as_str().is_some_and(|text| text.contains("model_")), "{error}");
        assert_eq!(deltas(&events), "so far");
    }
}

/// A stored turn goes on without its reader; of one that is not stored nobody could come back for the rest.
async fn whoever_leaves_an_unstored_stream_stops_the_model(site: &Site) {
    let user = site.user().await;
    for (path, body) in [
        ("/v1/responses", json!({"input": "go", "store": false})),
        ("/v1/chat/completions", json!({"messages": [{"role": "user", "content": "go"}]})),
    ] {
        let model = name("endless");
        site.upstream.script(&model, Script::stream().role().say("so far").stall());
        let mut body = body;
        (body["model"], body["stream"]) = (json!(format!("test/{model}")), json!(true));
        let mut live = stream(&user, path, body).await;
        while !live.next().await.expect("a delta").data.to_string().contains("so far") {}
        drop(live);
        until("the model is no longer read", || async {
            site.upstream.calls_of(&model).iter().all(|call| call.end.is_some())
        })
        .await;
    }
}
