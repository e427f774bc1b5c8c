//! An instance that dies is replaced by the other, and one that was replaced writes nothing.

use super::twins::{Between, Twins, at, of, send, with_and_without_redis};
use crate::native::sse::{self, text_of};
use crate::support::{Http, until};
use maru_testkit::upstream::Script;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

with_and_without_redis! { a_turn_with_text_ends_when_its_instance_dies a_turn_without_text_is_sent_again
a_frozen_instance_writes_nothing_when_it_wakes a_frozen_instance_without_text_writes_nothing_either }

/// An instance that dies is replaced within so long (R6).
const REPLACED: Duration = Duration::from_secs(12);
/// For what only has to happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a turn stands whose instance died at `began`.
async fn turn_is(user: &Http, turn: &Value, status: &str, began: Instant) -> Value {
    until(status, || async { user.get(&of(turn, "")).await.json()["status"] == status }).await;
    println!("{status} after {:?}", began.elapsed());
    assert!(began.elapsed() < REPLACED, "{status} after {:?}", began.elapsed());
    user.get(&of(turn, "")).await.json()
}

async fn a_turn_with_text_ends_when_its_instance_dies(between: Between) {
    let mut twins = Twins::start(between).await;
    let (one, two) = twins.user().await;
    let (room, model) = twins.scripted(&one, vec![Script::tokens(100_000, 20)]).await;
    let turn = send(&one, &room, "go").await;
    let mut here = sse::turn(&one, &turn, None).await;
    let there = sse::turn(&two, &turn, None).await;
    let mut seen = String::new();
    // Long enough for a checkpoint with text.
    while seen.len() < 200 {
        seen += here.named("delta").await.text();
    }
    let died = Instant::now();
    twins.one.kill9().expect("a kill");
    let ended = turn_is(&two, &turn, "interrupted", died).await;
    let kept = ended["reply"].as_str().expect("text");
    assert!(!kept.is_empty() && Script::text_of_tokens(100_000).starts_with(kept));
    // Whoever read it elsewhere is told the end, and that what is stored is what counts.
    let told = there.rest().await;
    assert_eq!(told.last().map(|event| (&event.event, &event.data)), Some((&"done".to_owned(), &ended)));
    assert_eq!(text_of(&told, ""), kept);
    assert_eq!(twins.upstream.calls_of(&model).len(), 1, "what somebody may have seen is not said again");
    // The room goes on.
    let next = two.post(&at(&room, "/messages")).json(&json!({"content": "next"})).await;
    next.has_status(201);
}

async fn a_turn_without_text_is_sent_again(between: Between) {
    let mut twins = Twins::start(between).await;
    let (one, two) = twins.user().await;
    let silent = Script::stream().role().wait(Duration::from_secs(120));
    let (room, model) = twins.scripted(&one, vec![silent, Script::reply("second try")]).await;
    let turn = send(&one, &room, "go").await;
    assert!(twins.upstream.at_least_calls(&model, 1, PATIENCE).await);
    let there = sse::turn(&two, &turn, None).await;
    let died = Instant::now();
    twins.one.kill9().expect("a kill");
    let ended = turn_is(&two, &turn, "completed", died).await;
    assert_eq!((&ended["reply"], &ended["attempt"]), (&json!("second try"), &json!(2)));
    let told = there.rest().await;
    assert_eq!(
        (text_of(&told, ""), told.last().map(|event| &event.data)),
        ("second try".into(), Some(&ended))
    );
}

async fn a_frozen_instance_writes_nothing_when_it_wakes(between: Between) {
    let twins = Twins::start(between).await;
    let (one, two) = twins.user().await;
    let (room, model) = twins.scripted(&one, vec![Script::tokens(100_000, 50)]).await;
    let turn = send(&one, &room, "go").await;
    let mut stream = sse::turn(&one, &turn, None).await;
    stream.named("delta").await;
    let died = Instant::now();
    twins.one.signal("STOP").expect("a signal");
    let ended = turn_is(&two, &turn, "interrupted", died).await;
    is_fenced(&twins, &one, &two, &room, &turn, &ended, &model).await;
    let told = stream.rest().await;
    assert_eq!(told.last().map(|event| &event.data), Some(&ended));
    assert_eq!(Some(text_of(&told, "").as_str()), ended["reply"].as_str());
}

async fn a_frozen_instance_without_text_writes_nothing_either(between: Between) {
    let twins = Twins::start(between).await;
    let (one, two) = twins.user().await;
    // It would speak while the other has the turn.
    let late = Script::stream().role().wait(Duration::from_secs(2)).say("from the grave").stall();
    let (room, model) = twins.scripted(&one, vec![late, Script::reply("second try")]).await;
    let turn = send(&one, &room, "go").await;
    assert!(twins.upstream.at_least_calls(&model, 1, PATIENCE).await);
    let died = Instant::now();
    twins.one.signal("STOP").expect("a signal");
    let ended = turn_is(&two, &turn, "completed", died).await;
    assert_eq!((&ended["reply"], &ended["attempt"]), (&json!("second try"), &json!(2)));
    is_fenced(&twins, &one, &two, &room, &turn, &ended, &model).await;
}

/// The frozen one wakes, stops what it ran, and nothing is other than it was.
async fn is_fenced(
    twins: &Twins,
    one: &Http,
    two: &Http,
    room: &Value,
    turn: &Value,
    ended: &Value,
    model: &str,
) {
    let log = async |user: &Http| user.get(&at(room, "/events?limit=200")).await.has_status(200).json();
    let before = log(two).await;
    twins.one.signal("CONT").expect("a signal");
    until("what it ran has stopped", || async { twins.upstream.calls_of(model)[0].end.is_some() }).await;
    until("it is ready", || async { one.get("/readyz").await.status == 200 }).await;
    for user in [one, two] {
        user.get(&of(turn, "")).await.is(200, ended);
        assert_eq!(log(user).await, before);
    }
    let ends = before["data"].as_array().expect("a page").iter().filter(|event| event["type"] == "turn.done");
    assert_eq!(ends.count(), 1, "{before}");
    // It is one of the two again.
    let said = one.post(&at(room, "/messages")).json(&json!({"content": "again", "reply": false})).await;
    said.has_status(201);
}
