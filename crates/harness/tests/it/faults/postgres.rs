//! PostgreSQL is refused, hangs, is stopped at once and started again, or is only slow.

use super::outage::Watcher;
use super::{Behind, durable};
use crate::native::sse;
use crate::support::{judge, until};
use maru_testkit::proxy::Weather;
use maru_testkit::throwaway::Postgres;
use maru_testkit::upstream::Script;
use serde_json::json;
use std::time::Duration;

/// How long it is away.
const AWAY: Duration = Duration::from_secs(6);

async fn weathered(weather: Weather, name: &str) {
    let behind = Behind::start(Postgres::shared().await).await;
    let mut watcher = Watcher::new(&behind.site).await;
    let (history, writers) = behind.load().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    behind.proxy.weather(weather);
    watcher.refused_for(AWAY).await;
    behind.proxy.weather(Weather::Fair);
    watcher.recovered().await;
    judge(name, &history, writers, &behind.database.url).await.expect("nothing is lost or doubled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_refuses_is_waited_for() {
    weathered(Weather::Refuse, "refused").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_hangs_is_noticed_and_waited_for() {
    weathered(Weather::Blackhole, "hung").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_stopped_at_once_is_used_again() {
    let cluster = durable().await;
    let behind = Behind::start(&cluster).await;
    let mut watcher = Watcher::new(&behind.site).await;
    let (history, writers) = behind.load().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    cluster.stop_immediately().expect("it stops");
    watcher.refused_for(Duration::from_secs(2)).await;
    cluster.restart().expect("it recovers");
    watcher.recovered().await;
    judge("immediate", &history, writers, &behind.database.url).await.expect("nothing is lost or doubled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_link_is_no_outage() {
    let behind = Behind::start(Postgres::shared().await).await;
    let user = behind.site.user().await;
    user.say("before").await.has_status(201);
    behind.proxy.weather(Weather::Slow(Duration::from_millis(50)));
    for n in 0..3 {
        user.say(&format!("slow {n}")).await.has_status(200);
        behind.site.http().get("/readyz").await.has_status(200);
    }
    let log = behind.site.server.log();
    assert!(!log.contains("does not answer"), "{log}");
}

/// A reply that runs while the database is away is told to its reader, and stored when it is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_that_run_are_finished() {
    let behind = Behind::start(Postgres::shared().await).await;
    let user = behind.site.user().await;
    for (weather, model) in [(Weather::Blackhole, "hung"), (Weather::Refuse, "refused")] {
        behind.site.upstream.script(model, Script::tokens(90, 30));
        let room = user.post("/v1/rooms").json(&json!({"model": format!("test/{model}")})).await.json();
        let path = format!("/v1/rooms/{}/messages", room["id"].as_str().expect("an id"));
        let mut stream = sse::open(&user, "POST", &path, &[], Some(json!({"content": "go"}))).await;
        let mut events = vec![stream.named("message").await, stream.named("delta").await];
        let changes = format!("/v1/rooms/{}/events", room["id"].as_str().expect("an id"));
        let mut log = sse::open(&user, "GET", &changes, &[("Accept", "text/event-stream")], None).await;
        log.named("message.created").await;
        behind.proxy.weather(weather);
        // The model says all of it while nothing can be stored.
        let call = || behind.site.upstream.calls_of(model).last().is_some_and(|call| call.end.is_some());
        until("the model has said it all", || async { call() }).await;
        user.get("/v1/rooms").await.has_status(503);
        behind.proxy.weather(Weather::Fair);
        events.extend(stream.rest().await);
        let whole = Script::text_of_tokens(90);
        let done = events.pop().expect("an end");
        assert_eq!((done.event.as_str(), &done.data["status"]), ("done", &json!("completed")), "{weather:?}");
        assert_eq!((sse::text_of(&events, ""), &done.data["reply"]), (whole.clone(), &json!(whole)));
        assert!(events.iter().all(|event| event.event != "reset"), "{weather:?}");
        // Who follows the room was not sent away, either.
        while log.next().await.expect("the stream goes on").event != "turn.done" {}
    }
}
