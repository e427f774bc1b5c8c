//! A turn's stream: ids, resume after any of them, resets, and its end.

use super::sse::{self, Event, text_of};
use super::{at, refused, room};
use crate::support::{Backend, Http, Site, for_both, name, on_both};
use maru_harness::server::http_client;
use maru_testkit::upstream::Script;
use serde_json::{Value, json};
use std::time::Duration;

on_both! { a_send_as_a_stream_tells_all every_place_of_a_finished_stream_leads_to_the_same_text
a_stream_is_resumed_while_it_runs an_unknown_place_is_a_reset heartbeats_come_before_the_first_token odd_places_are_refused
an_event_source_shows_its_token_in_the_query }

/// A reply with characters of one to four bytes, which the provider's network cuts in the middle.
const ODD: &str = "añ가😀e\u{301}👩‍👩‍👧 \n\"quoted\" 漢字 end";

fn split_bytes() -> Script {
    let mut script = Script::stream().role();
    for word in ["añ가", "😀e\u{301}👩‍👩", "‍👧 \n\"quoted\"", " 漢字", " end"] {
        script = script.say(word).wait(Duration::from_millis(60));
    }
    script.finish("stop").usage(1, 5).done().end()
}

async fn scripted(site: &Site, user: &Http, script: Script) -> Value {
    let model = name("resume");
    site.upstream.script(model.clone(), script);
    room(user, json!({"model": format!("test/{model}")})).await
}

async fn sent_as_stream(user: &Http, room: &Value) -> (Value, Vec<Event>) {
    let mut stream =
        sse::open(user, "POST", &at(room, "/messages"), &[], Some(json!({"content": "go"}))).await;
    let sent = stream.named("message").await;
    assert_eq!(sent.id, None);
    (sent.data, stream.rest().await)
}

async fn a_send_as_a_stream_tells_all(site: &Site) {
    let user = site.user().await;
    let made = scripted(site, &user, split_bytes()).await;
    let (sent, mut events) = sent_as_stream(&user, &made).await;
    let turn = sent["turn"]["id"].as_str().expect("an id");
    for (n, event) in (1..).zip(&events) {
        assert_eq!(event.id.as_deref(), Some(format!("{turn}.1-{n}").as_str()));
    }
    let done = events.pop().expect("an end");
    assert!(events.len() > 1 && events.iter().all(|event| event.event == "delta"), "{events:?}");
    assert_eq!((done.event.as_str(), &done.data["reply"]), ("done", &json!(ODD)));
    assert_eq!(text_of(&events, ""), ODD);
    // Done means stored.
    user.get(&format!("/v1/turns/{turn}")).await.is(200, &done.data);
}

/// A browser's EventSource sends no header but `Accept` (contract §0.3).
async fn an_event_source_shows_its_token_in_the_query(site: &Site) {
    let user = site.user().await;
    let made = scripted(site, &user, split_bytes()).await;
    let (sent, events) = sent_as_stream(&user, &made).await;
    let ask = |accept: &'static str, path: String| {
        let request = http_client(Duration::from_secs(60)).get(format!("{}{path}", user.base));
        async move { request.header("Accept", accept).send().await.expect("an answer") }
    };
    let path = format!("/v1/turns/{}/events", sent["turn"]["id"].as_str().expect("an id"));
    let shown = format!("?token={}", user.token());
    let answer = ask("text/event-stream", format!("{path}{shown}")).await;
    assert_eq!(text_of(&sse::Stream::of(answer, &path).rest().await, ""), text_of(&events, ""));
    let log = at(&made, "/events");
    let answer = ask("text/event-stream", format!("{log}{shown}")).await;
    assert!(sse::Stream::of(answer, &log).any().await.is_some());
    // Nowhere else: addresses are written down in many places.
    for (accept, path) in [
        ("text/event-stream", path.clone()),
        ("text/event-stream", format!("{path}?token=nonsense")),
        ("application/json", format!("{}{shown}", at(&made, "/messages"))),
    ] {
        assert_eq!(ask(accept, path.clone()).await.status(), 401, "{path}");
    }
}

async fn every_place_of_a_finished_stream_leads_to_the_same_text(site: &Site) {
    let user = site.user().await;
    let made = scripted(site, &user, split_bytes()).await;
    let (sent, events) = sent_as_stream(&user, &made).await;
    let path = format!("/v1/turns/{}/events", sent["turn"]["id"].as_str().expect("an id"));
    assert_eq!(
        sse::turn(&user, &sent["turn"], None).await.rest().await,
        events,
        "every reader gets the same"
    );
    for place in 1..events.len() {
        let (before, rest) = events.split_at(place);
        let id = before.last().and_then(|event| event.id.clone()).expect("an id");
        assert_eq!(sse::turn(&user, &sent["turn"], Some(&id)).await.rest().await, rest);
        let n = id.rsplit('-').next().expect("a number");
        for after in [&id, n] {
            let stream = sse::open(&user, "GET", &format!("{path}?after={after}"), &[], None).await;
            assert_eq!(stream.rest().await, rest, "{after}");
        }
        // The header is the newer one: an EventSource keeps the address that it was given.
        let stream =
            sse::open(&user, "GET", &format!("{path}?after=0"), &[("Last-Event-ID", &id)], None).await;
        assert_eq!(stream.rest().await, rest);
    }
    // Whoever has the end is told not to come again.
    let end = events.last().and_then(|event| event.id.clone()).expect("an id");
    user.get(&path).header("Last-Event-ID", &end).await.has_status(204);
}

async fn a_stream_is_resumed_while_it_runs(site: &Site) {
    let user = site.user().await;
    let made = scripted(site, &user, Script::tokens(150, 100)).await;
    let sent =
        user.post(&at(&made, "/messages")).json(&json!({"content": "go"})).await.has_status(201).json();
    let (mut text, mut at_event, mut connections) = (String::new(), None::<String>, 0);
    // A connection that is lost after every third event.
    let done = 'reading: loop {
        let mut stream = sse::turn(&user, &sent["turn"], at_event.as_deref()).await;
        connections += 1;
        for _ in 0..3 {
            let event = stream.next().await.expect("an event");
            if event.event == "done" {
                break 'reading event;
            }
            assert_eq!(event.event, "delta", "nothing is lost, so nothing is reset");
            text += event.text();
            at_event = event.id;
        }
    };
    assert!(connections > 3);
    assert_eq!(
        (text.as_str(), &done.data["status"]),
        (Script::text_of_tokens(150).as_str(), &json!("completed"))
    );
    assert_eq!(done.data["reply"].as_str(), Some(text.as_str()));
}

async fn an_unknown_place_is_a_reset(site: &Site) {
    let user = site.user().await;
    let made = scripted(site, &user, split_bytes()).await;
    let (sent, events) = sent_as_stream(&user, &made).await;
    let turn = sent["turn"]["id"].as_str().expect("an id");
    // Of another run, or of the future.
    for place in [format!("{turn}.7-1"), format!("{turn}.0-2"), format!("{turn}.1-99"), "99".to_owned()] {
        let path = format!("/v1/turns/{turn}/events?after={place}");
        let told = sse::open(&user, "GET", &path, &[], None).await.rest().await;
        assert_eq!(told[0].event, "reset", "{place}: {told:?}");
        assert_eq!(text_of(&told, "something else"), ODD, "{place}");
        let done = told.last().expect("an end");
        assert_eq!(done.data, events.last().expect("an end").data);
        // Nothing of what the reset has shown comes again.
        let id = told[0].id.clone().expect("an id");
        let rest = sse::turn(&user, &sent["turn"], Some(&id)).await.rest().await;
        assert_eq!(text_of(&rest, ODD), ODD, "{place}");
    }
}

async fn heartbeats_come_before_the_first_token(site: &Site) {
    let user = site.user().await;
    let made = scripted(site, &user, Script::stream().role().wait(Duration::from_secs(60))).await;
    let mut stream =
        sse::open(&user, "POST", &at(&made, "/messages"), &[], Some(json!({"content": "go"}))).await;
    let sent = stream.named("message").await.data;
    let beat = stream.any().await.expect("a heartbeat");
    assert!(beat.comment.is_some(), "{beat:?}");
    assert!(String::from_utf8_lossy(&stream.all).starts_with("retry: "));
    let path = format!("/v1/turns/{}/cancel", sent["turn"]["id"].as_str().expect("an id"));
    let cancelled = user.post(&path).await.json();
    assert_eq!(stream.rest().await.last().map(|event| event.data.clone()), Some(cancelled));
}

async fn odd_places_are_refused(site: &Site) {
    let user = site.user().await;
    let made = room(&user, json!({})).await;
    let one = super::exchange(&user, &made, "one").await["turn"]["id"].as_str().expect("an id").to_owned();
    let two = super::exchange(&user, &made, "two").await["turn"]["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/turns/{one}/events");
    for bad in [
        "x",
        "-1",
        "1.5",
        "%2B1",
        "99999999999999999999",
        "1&after=2",
        &format!("{two}.1-1"),
        &format!("{one}.1"),
        &format!("{one}.-1-1"),
        &format!("x.{one}-1"),
    ] {
        refused(&user.get(&format!("{path}?after={bad}")).await, 400, "invalid_parameter");
    }
    for bad in ["x", "é", &format!("{two}.1-1")] {
        refused(&user.get(&path).header("Last-Event-ID", bad).await, 400, "invalid_parameter");
    }
}

mod after_a_restart {
    use super::*;
    for_both! { a_stream_goes_on_where_it_is_held_and_is_204_where_it_is_not }

    async fn a_stream_goes_on_where_it_is_held_and_is_204_where_it_is_not(backend: Backend) {
        let mut site = Site::start(backend, &[]).await;
        let user = site.user().await;
        let made = scripted(&site, &user, split_bytes()).await;
        let (sent, events) = sent_as_stream(&user, &made).await;
        site.server.restart().await.expect("a restart");
        let user = site.http().with_token(user.token());
        let path = format!("/v1/turns/{}/events", sent["turn"]["id"].as_str().expect("an id"));
        let known = events[0].id.clone().expect("an id");
        if backend == Backend::Postgres {
            // Redis holds it, whoever ran the turn.
            assert_eq!(sse::turn(&user, &sent["turn"], Some(&known)).await.rest().await, events[1..]);
            assert_eq!(sse::turn(&user, &sent["turn"], None).await.rest().await, events);
        } else {
            assert_eq!(user.get(&path).header("Last-Event-ID", known).await.has_status(204).body.len(), 0);
            user.get(&path).await.has_status(204);
        }
        let turn = user.get(path.trim_end_matches("/events")).await;
        assert_eq!(turn.has_status(200).json()["reply"], ODD);
    }
}
