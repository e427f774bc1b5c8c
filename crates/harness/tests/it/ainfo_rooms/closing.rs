//! Sockets that the server closes (contract §0.3, §2.3; design §6), and what a crash leaves.

use super::client::{Socket, logs, open, said};
use crate::support::{Backend, Http, Site, for_both, maru, name, until};
use maru_testkit::upstream::Script;
use serde_json::json;
use std::time::{Duration, Instant};

for_both! {
    who_may_not_talk_any_more_is_closed_within_seconds a_server_that_stops_closes_in_order
    a_reply_that_was_cut_off_by_a_crash_is_no_log
}

/// The promise is five seconds; the rest is for a busy machine. A look that trusted what was seen a
/// moment ago would take longer.
const NOTICED: Duration = Duration::from_secs(6);

async fn who_may_not_talk_any_more_is_closed_within_seconds(backend: Backend) {
    let site = Site::start(backend, &[("MARU__LOG__LEVEL", "debug")]).await;
    let username = name("disabled");
    let (logs_out, disabled, stays) =
        (site.user().await, site.user_named(&username).await.0, site.user().await);
    let mut sockets = Vec::new();
    for user in [&logs_out, &disabled, &stays] {
        let room = open(user, "x").await;
        sockets.push(Socket::to(user, &room).await);
    }
    let mut staying = sockets.pop().expect("a socket");
    // Here, and from another process that this one hears nothing of.
    logs_out.post("/v1/auth/logout").await.has_status(204);
    maru(site.server.home(), &["user", "disable", &username, "--store", &site.store], "").ok();
    let began = Instant::now();
    for mut socket in sockets {
        assert_eq!(socket.close_code().await, Some(1008));
    }
    assert!(began.elapsed() < NOTICED, "{:?}", began.elapsed());
    staying.ask("still here").await;
    assert_eq!(staying.reply().await, "reply to: still here");
    // Their addresses hold tokens, which no log may.
    let log = site.server.log();
    assert!(log.contains("/ws/chat/") && !log.contains("token="), "{log}");
    assert!([&logs_out, &disabled, &stays].iter().all(|user| !log.contains(user.token())));
}

/// Side by side, each with a server of its own: most of the time is waiting.
async fn a_server_that_stops_closes_in_order(backend: Backend) {
    let first = replies_end_first(backend);
    let second = what_takes_too_long_is_handed_over(backend);
    futures_util::future::join(first, second).await;
}

async fn ends(site: &mut Site) {
    let status = site.server.wait(Duration::from_secs(30)).await.expect("it ends");
    assert_eq!(status.code(), Some(0));
}

async fn replies_end_first(backend: Backend) {
    let mut site = Site::start(backend, &[]).await;
    let user = site.user().await;
    let (busy, idle) = (open(&user, "busy").await, open(&user, "idle").await);
    let (mut talking, mut waiting) = (Socket::to(&user, &busy).await, Socket::to(&user, &idle).await);
    let slow = Script::stream().role().say("느린 ").wait(Duration::from_secs(3)).say("대답");
    site.upstream.script("echo", slow.finish("stop").done().end());
    talking.ask("하나").await;
    talking.ask("둘").await;
    assert_eq!(talking.json().await["response"], "느린 ");
    site.server.terminate().expect("a signal");
    assert_eq!(waiting.close_code().await, Some(1001));
    let path = format!("/ws/chat/{}/?token={}", idle["id"], user.token());
    let refused = Socket::at(&user.base, &path, &[]).await.err().expect("a refusal");
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.headers.iter().any(|(name, _)| name == "retry-after"), "{refused:?}");
    // What is being answered is answered to its end; what waited behind it was not taken.
    assert_eq!(talking.json().await, json!({"response": "대답", "is_streaming": true}));
    assert_eq!(talking.json().await, json!({"response": "느린 대답", "is_streaming": false}));
    assert_eq!(talking.close_code().await, Some(1001));
    ends(&mut site).await;
    site.upstream.script_each("echo", Vec::new());
    site.server.restart().await.expect("it starts again");
    let user = site.http().with_token(user.token());
    assert_eq!(logs(&user, &busy).await, said(&[("user", "하나"), ("bot", "느린 대답")]));
}

async fn what_takes_too_long_is_handed_over(backend: Backend) {
    let mut site = Site::start(backend, &[("MARU__SERVER__DRAIN_TIMEOUT", "1s")]).await;
    let user = site.user().await;
    let (one, two) = (open(&user, "one").await, open(&user, "two").await);
    site.upstream.script_each(
        "echo",
        vec![Script::stream().role().say("여기까지").stall(), Script::nothing().stall()],
    );
    let (mut with_text, mut without) = (Socket::to(&user, &one).await, Socket::to(&user, &two).await);
    with_text.ask("하나").await;
    assert_eq!(with_text.json().await["response"], "여기까지");
    without.ask("둘").await;
    until("the model is asked", || async { !site.prompts_for("둘").is_empty() }).await;
    site.server.terminate().expect("a signal");
    // Half a reply is none, and is told so; who has no word yet gets no error, for the next start goes on.
    assert!(with_text.json().await["error"].is_string());
    assert_eq!(with_text.close_code().await, Some(1001));
    assert_eq!(without.close_code().await, Some(1001));
    ends(&mut site).await;
    site.upstream.script_each("echo", Vec::new());
    site.server.restart().await.expect("it starts again");
    let user: Http = site.http().with_token(user.token());
    assert_eq!(logs(&user, &one).await, said(&[("user", "하나")]));
    let whole = said(&[("user", "둘"), ("bot", "reply to: 둘")]);
    until("the reply is made after all", || async { logs(&user, &two).await == whole }).await;
}

async fn a_reply_that_was_cut_off_by_a_crash_is_no_log(backend: Backend) {
    let mut site = Site::start(backend, &[]).await;
    let user = site.user().await;
    let room = open(&user, "x").await;
    site.upstream.script("echo", Script::stream().role().say("여기까지").stall());
    let mut socket = Socket::to(&user, &room).await;
    socket.ask("길게").await;
    assert_eq!(socket.json().await["response"], "여기까지");
    site.server.kill9().expect("it dies");
    assert_eq!(socket.close_code().await, None);
    site.server.restart().await.expect("it starts again");
    let user = site.http().with_token(user.token());
    let path = format!("/v1/rooms/{}/messages", room["id"]);
    let ended = || async { user.get(&path).await.json()["data"][1]["status"] == "interrupted" };
    until("the reply has ended", ended).await;
    assert_eq!(logs(&user, &room).await, said(&[("user", "길게")]));
}
