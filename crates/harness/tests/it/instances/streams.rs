//! A stream that runs on one instance is read and resumed on the other.

use super::twins::{Between, Twins, at, of, send, with_and_without_redis};
use crate::native::sse::{self, Event, text_of};
use crate::support::{Http, until};
use maru_testkit::upstream::Script;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

with_and_without_redis! { a_stream_is_resumed_on_the_other what_has_ended_is_told_by_the_other
readers_of_a_room_hear_of_the_other textless_ends_are_told_once }

/// All events of a turn, read at one place from the beginning.
#[expect(clippy::disallowed_methods, reason = "the test waits for it")]
fn read_there(user: &Http, turn: &Value) -> tokio::task::JoinHandle<Vec<Event>> {
    let (user, turn) = (user.clone(), turn.clone());
    tokio::spawn(async move { sse::turn(&user, &turn, None).await.rest().await })
}

async fn a_stream_is_resumed_on_the_other(between: Between) {
    let twins = Twins::start(between).await;
    let (one, two) = twins.user().await;
    let (room, _) = twins.scripted(&one, vec![Script::tokens(120, 30)]).await;
    let turn = send(&one, &room, "go").await;
    let whole = read_there(&one, &turn);
    let from_the_other = read_there(&two, &turn);
    // A connection that is lost after every third event; the next one goes to the other instance.
    let (mut told, mut places) = (Vec::<Event>::new(), [&two, &one].into_iter().cycle());
    let mut first = sse::turn(&one, &turn, None).await;
    told.push(first.named("delta").await);
    while told.last().is_none_or(|event| event.event != "done") {
        let place = places.next().expect("a place");
        let last = told.last().and_then(|event| event.id.clone());
        let mut stream = sse::turn(place, &turn, last.as_deref()).await;
        for _ in 0..3 {
            match stream.next().await {
                Some(event) => told.push(event),
                None => break,
            }
        }
    }
    let whole = whole.await.expect("a reader");
    let other = from_the_other.await.expect("a reader");
    let text = Script::text_of_tokens(120);
    assert_eq!(text_of(&whole, ""), text);
    if between == Between::Redis {
        assert_eq!(told, whole, "byte for byte, wherever it was read");
        assert_eq!(other, whole);
        let names: Vec<_> = whole.iter().map(|event| event.event.as_str()).collect();
        assert!(
            names.len() > 20 && names[..names.len() - 1].iter().all(|name| *name == "delta"),
            "{names:?}"
        );
    } else {
        // A place that is known only where the turn runs is said anew, and said to be so.
        assert!(told.iter().any(|event| event.event == "reset"), "{told:?}");
        // From the beginning on, it comes in steps while the turn runs: as often as its text is stored.
        let steps = other.iter().filter(|event| event.event == "delta").count();
        assert!(steps >= 2 && steps + 1 == other.len(), "{other:?}");
        for events in [&told, &other] {
            assert_eq!(text_of(events, ""), text);
            assert_eq!(events.last().map(|event| &event.data), whole.last().map(|event| &event.data));
        }
    }
    two.get(&of(&turn, "")).await.is(200, &whole.last().expect("an end").data);
}

async fn what_has_ended_is_told_by_the_other(between: Between) {
    let twins = Twins::start(between).await;
    let (one, two) = twins.user().await;
    let (room, _) = twins.scripted(&one, vec![Script::tokens(20, 50)]).await;
    let turn = send(&one, &room, "go").await;
    let whole = sse::turn(&one, &turn, None).await.rest().await;
    let text = Script::text_of_tokens(20);
    for place in [0, 1, whole.len() - 1] {
        let last = whole[..place].last().and_then(|event| event.id.clone());
        let rest = sse::turn(&two, &turn, last.as_deref()).await.rest().await;
        if between == Between::Redis {
            assert_eq!(rest, whole[place..]);
        } else {
            assert_eq!(rest.iter().map(|event| event.event.as_str()).collect::<Vec<_>>(), ["reset", "done"]);
            assert_eq!(text_of(&rest, "something else"), text);
        }
        // Whoever has the end is not told it for ever.
        let end = rest.last().and_then(|event| event.id.clone()).expect("an id");
        two.get(&of(&turn, "/events")).header("Last-Event-ID", end).await.has_status(204);
    }
}

async fn readers_of_a_room_hear_of_the_other(between: Between) {
    let twins = Twins::start(between).await;
    let (one, two) = twins.user().await;
    let (room, _) = twins.scripted(&one, vec![Script::tokens(1, 0)]).await;
    let mut log = sse::open(&two, "GET", &at(&room, "/events"), &[], None).await;
    for round in 0..5 {
        let noted =
            one.post(&at(&room, "/messages")).json(&json!({"content": "noted", "reply": false})).await;
        let (message, began) = (noted.has_status(201).json()["message"].clone(), Instant::now());
        let event = log.named("message.created").await;
        assert_eq!(event.data["data"], message, "{round}");
        // A reader looks for itself only every ten seconds.
        assert!(began.elapsed() < Duration::from_secs(5), "heard after {:?}", began.elapsed());
    }
    one.ask("DELETE", &at(&room, "")).await.has_status(204);
    let began = Instant::now();
    assert_eq!(log.next().await, None);
    assert!(began.elapsed() < Duration::from_secs(5), "ended after {:?}", began.elapsed());
}

async fn textless_ends_are_told_once(between: Between) {
    let twins = Twins::start(between).await;
    let (one, two) = twins.user().await;
    let (room, _) = twins.scripted(&one, vec![Script::error(400, &[])]).await;
    let turn = send(&one, &room, "go").await;
    let ended = || async { one.get(&of(&turn, "")).await.json()["status"] == "failed" };
    until("the turn has failed", ended).await;
    for user in [&one, &two] {
        let told = sse::turn(user, &turn, None).await.rest().await;
        let end = told.last().expect("an end");
        assert_eq!((end.event.as_str(), &end.data["status"]), ("done", &json!("failed")));
        let end = end.id.clone().expect("an id");
        user.get(&of(&turn, "/events")).header("Last-Event-ID", end).await.has_status(204);
    }
}
