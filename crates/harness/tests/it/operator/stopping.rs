//! The end in order (design §6): running replies end, new ones are refused, and the process is gone in time.

use crate::support::{Backend, Http, Reply, Site, for_both, until};
use maru_testkit::upstream::Script;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

for_both! { an_idle_server_ends_at_once a_busy_server_ends_in_order }

/// Side by side, each with a server of its own: most of the time is waiting.
async fn a_busy_server_ends_in_order(backend: Backend) {
    let first = a_running_reply_ends_first(backend);
    let second = a_second_signal_means_now(backend);
    let third = what_takes_too_long_is_cut_off(backend);
    futures_util::future::join3(first, second, third).await;
}

/// The promise.
const GONE: Duration = Duration::from_secs(30);

async fn until_draining(site: &Site) {
    until("/readyz says no", || async {
        let answer = site.http().get("/readyz").await;
        answer.status == 503 && answer.json()["status"] == "draining"
    })
    .await;
}

/// A message whose reply has begun when this returns.
async fn begin(
    site: &Site,
    user: &Http,
    content: &'static str,
    key: &'static str,
) -> tokio::task::JoinHandle<Reply> {
    let user = user.clone();
    #[expect(clippy::disallowed_methods, reason = "the test awaits it")]
    let sending = tokio::spawn(async move { user.say(content).key(key).await });
    let begun = async || !site.prompts_for(content).is_empty();
    until("the model is asked", begun).await;
    sending
}

async fn a_running_reply_ends_first(backend: Backend) {
    let mut site = Site::start(backend, &[]).await;
    let user = site.user().await;
    user.say("before").await.has_status(201);
    site.upstream.script(
        "echo",
        Script::stream()
            .role()
            .say("slow ")
            .wait(Duration::from_secs(3))
            .say("reply")
            .finish("stop")
            .done()
            .end(),
    );
    let sending = begin(&site, &user, "running", "k").await;
    site.server.terminate().expect("a signal");
    until_draining(&site).await;
    let refused = user.say("too late").await;
    refused.is(503, &json!({"error": "The server is about to stop; try again."}));
    assert!(refused.header("retry-after").is_some(), "{refused}");
    // Reading goes on.
    assert_eq!(user.chats().await[0]["conversation"].as_array().map(Vec::len), Some(2));
    let answer = sending.await.expect("an answer");
    assert_eq!(
        (answer.status, &answer.json()["conversation"][1]["Bot"]),
        (200, &json!("slow reply")),
        "{answer}"
    );
    let status = site.server.wait(GONE).await.expect("it ends");
    assert_eq!(status.code(), Some(0));
    assert!(site.server.log().contains("stopped"), "it says so");
    site.upstream.script_each("echo", Vec::new());
    site.server.restart().await.expect("it starts again");
    let user = site.http().with_token(user.token());
    let said: Vec<Value> = user.chats().await[0]["conversation"]
        .as_array()
        .expect("turns")
        .iter()
        .map(|turn| turn["Bot"].clone())
        .collect();
    assert_eq!(said, ["reply to: before", "slow reply"]);
}

async fn a_second_signal_means_now(backend: Backend) {
    let mut site = Site::start(backend, &[]).await;
    let user = site.user().await;
    site.upstream.script("echo", Script::stream().role().say("for ever ").stall());
    let sending = begin(&site, &user, "endless", "k").await;
    site.server.terminate().expect("a signal");
    until_draining(&site).await;
    let again = Instant::now();
    site.server.signal("INT").expect("another signal");
    site.server.wait(GONE).await.expect("it ends");
    assert!(
        again.elapsed() < Duration::from_secs(15),
        "at once, and not after the patience of the first: {:?}",
        again.elapsed()
    );
    // Whatever the client got, nothing is lost: the turn is there after the next start, and ends.
    drop(sending.await);
    site.upstream.script_each("echo", Vec::new());
    site.server.restart().await.expect("it starts again");
    let user = site.http().with_token(user.token());
    let answer = user.say("endless").key("k").await;
    assert_eq!(
        (answer.status, answer.header("idempotency-replayed").as_deref()),
        (201, Some("true")),
        "{answer}"
    );
}

async fn an_idle_server_ends_at_once(backend: Backend) {
    for signal in ["TERM", "INT"] {
        let mut site = Site::start(backend, &[]).await;
        // Connections that are kept for the next request do not hold it up.
        site.user().await.say("x").await.has_status(201);
        let idle = std::net::TcpStream::connect(site.server.base_url().trim_start_matches("http://"))
            .expect("a connection");
        let began = Instant::now();
        site.server.signal(signal).expect("a signal");
        let status = site.server.wait(GONE).await.expect("it ends");
        assert!(
            status.code() == Some(0) && began.elapsed() < Duration::from_secs(15),
            "{status} after {:?}",
            began.elapsed()
        );
        drop(idle);
    }
}

async fn what_takes_too_long_is_cut_off(backend: Backend) {
    let mut site = Site::start(backend, &[("MARU__SERVER__DRAIN_TIMEOUT", "1s")]).await;
    let (one, two) = (site.user().await, site.user().await);
    site.upstream
        .script_each("echo", vec![Script::stream().role().say("a part").stall(), Script::nothing().stall()]);
    let with_text = begin(&site, &one, "has begun to answer", "k1").await;
    until("some text is stored", || async { one.chats().await[0]["conversation"][0]["Bot"] == "a part" })
        .await;
    let without = begin(&site, &two, "has not said a word", "k2").await;
    site.server.terminate().expect("a signal");
    let status = site.server.wait(GONE).await.expect("it ends");
    assert_eq!(status.code(), Some(0));
    // Who has text gets it; who has none is told to come again.
    let answer = with_text.await.expect("an answer");
    assert_eq!(
        (answer.status, &answer.json()["conversation"][0]["Bot"]),
        (201, &json!("a part")),
        "{answer}"
    );
    let answer = without.await.expect("an answer");
    assert_eq!(answer.status, 503, "{answer}");
    site.upstream.script_each("echo", Vec::new());
    site.server.restart().await.expect("it starts again");
    let (one, two) = (site.http().with_token(one.token()), site.http().with_token(two.token()));
    assert_eq!(one.chats().await[0]["conversation"][0]["Bot"], "a part");
    let answer = two.say("has not said a word").key("k2").await;
    assert_eq!(
        (answer.status, &answer.json()["conversation"][0]["Bot"]),
        (201, &json!("reply to: has not said a word")),
        "{answer}"
    );
}
