//! Who may come in is the same on both.

use super::twins::{Between, Twins, at, send, with_and_without_redis};
use crate::native::sse;
use crate::support::{Http, name};
use maru_testkit::upstream::Script;
use serde_json::json;
use std::time::{Duration, Instant};

with_and_without_redis! { a_revoked_session_ends_its_streams_on_the_other }

async fn a_revoked_session_ends_its_streams_on_the_other(between: Between) {
    let twins = Twins::start(between).await;
    let (one, two) = twins.user().await;
    let (room, _) =
        twins.scripted(&one, vec![Script::stream().role().say("so far").wait(Duration::from_secs(90))]).await;
    let turn = send(&two, &room, "go").await;
    let mut of_turn = sse::turn(&two, &turn, None).await;
    of_turn.named("delta").await;
    let of_room = sse::open(&two, "GET", &at(&room, "/events?after=3"), &[], None).await;
    one.post("/v1/auth/logout").await.has_status(204);
    let began = Instant::now();
    futures_util::future::join(of_turn.rest(), of_room.rest()).await;
    let took = began.elapsed();
    println!("ended after {took:?}");
    assert!(took < Duration::from_secs(5), "ended after {took:?}");
    for user in [&one, &two] {
        assert_eq!(user.get("/v1/me").await.status, 401);
    }
}

/// Guesses are counted together, wherever they are made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_logins_are_counted_together() {
    let twins = Twins::start(Between::Redis).await;
    let (one, two) = twins.strangers();
    let username = name("guessed");
    let guess = async |http: &Http| {
        let body = json!({"username": username, "password": "wrong"});
        http.post("/api/login/").json(&body).await
    };
    let began = Instant::now();
    let mut refused = 0;
    for n in 0..20 {
        refused += usize::from(guess(if n % 2 == 0 { &one } else { &two }).await.status == 429);
    }
    // Ten are free; of the others one a second at most is let through, whichever instance is asked.
    let let_through = usize::try_from(began.elapsed().as_secs()).unwrap_or(0) + 1;
    assert!(refused + let_through >= 10, "{refused} of 20 were refused within {:?}", began.elapsed());
}
