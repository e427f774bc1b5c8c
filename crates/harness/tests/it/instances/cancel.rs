//! A turn is stopped from the instance that does not run it.

use super::twins::{Between, Twins, at, of, send, with_and_without_redis};
use crate::native::sse;
use crate::support::until;
use maru_testkit::upstream::{CallEnd, Script};
use serde_json::json;
use std::time::{Duration, Instant};

with_and_without_redis! { a_cancel_reaches_the_other a_room_that_goes_stops_the_other }

async fn a_cancel_reaches_the_other(between: Between) {
    let twins = Twins::start(between).await;
    let (one, two) = twins.user().await;
    let (room, model) = twins.scripted(&one, vec![Script::tokens(100_000, 50)]).await;
    let turn = send(&one, &room, "go").await;
    let mut stream = sse::turn(&one, &turn, None).await;
    let mut seen = vec![stream.named("delta").await, stream.named("delta").await];
    let asked = Instant::now();
    let cancelled = two.post(&of(&turn, "/cancel")).await.has_status(200).json();
    until("the provider notices", || async { twins.upstream.calls_of(&model)[0].end.is_some() }).await;
    let (closed, how) = twins.upstream.calls_of(&model)[0].end.expect("an end");
    assert_eq!(how, CallEnd::ClosedByClient);
    let took = closed.saturating_duration_since(asked);
    println!("closed {took:?} after it was asked for");
    // Without a Redis nobody is poked, and the runner looks at its next beat or write.
    let limit = if between == Between::Redis { 1 } else { 5 };
    assert!(took < Duration::from_secs(limit), "closed {took:?} after it was asked for");
    assert_eq!(cancelled["status"], "cancelled");
    let all = Script::text_of_tokens(100_000);
    let kept = cancelled["reply"].as_str().expect("the text so far");
    assert!(!kept.is_empty() && all.starts_with(kept));
    seen.extend(stream.rest().await);
    let end = seen.pop().expect("an end");
    assert_eq!((end.event.as_str(), &end.data), ("done", &cancelled));
    assert_eq!(json!(sse::text_of(&seen, "")), cancelled["reply"]);
    for user in [&one, &two] {
        user.get(&of(&turn, "")).await.is(200, &cancelled);
    }
}

async fn a_room_that_goes_stops_the_other(between: Between) {
    let twins = Twins::start(between).await;
    let (one, two) = twins.user().await;
    let (room, model) = twins.scripted(&one, vec![Script::tokens(100_000, 50)]).await;
    let turn = send(&one, &room, "go").await;
    let mut stream = sse::turn(&one, &turn, None).await;
    stream.named("delta").await;
    two.ask("DELETE", &at(&room, "")).await.has_status(204);
    one.get(&at(&room, "")).await.has_status(404);
    until("the provider notices", || async { twins.upstream.calls_of(&model)[0].end.is_some() }).await;
    assert!(twins.upstream.calls_of(&model)[0].closed_by_client().is_some());
    assert!(stream.rest().await.iter().all(|event| event.event == "delta"), "there is no end to tell");
}
