//! A model that fails (contract §1.5): 503, and as if nothing had been said.

use crate::support::{Backend, Site, for_both, name, until};
use maru_testkit::upstream::Script;
use serde_json::json;
use std::time::Duration;

for_both! { a_failed_reply_leaves_nothing_behind a_chat_deleted_under_its_reply_is_gone a_provider_that_is_not_there }

async fn a_failed_reply_leaves_nothing_behind(backend: Backend) {
    let site = Site::start(backend, &[]).await;
    let user = site.user().await;
    let unavailable = json!({"error": "The model is unavailable. Please try again."});
    let works = || site.upstream.script_each("echo", Vec::new());
    // Refused, and broken off after some text: neither is asked again.
    let refused = || Script::error(401, &[]);
    let cut = || Script::stream().role().say("half a ").say("reply").close();
    let key = name("key");
    for script in [refused(), cut()] {
        site.upstream.script("echo", script);
        user.say("lost").key(&key).await.is(503, &unavailable);
        // The new session was not opened.
        user.get("/api/chats/").await.is(200, &json!([]));
        user.end().await.is(404, &json!({"error": "No active chat session found to end."}));
    }
    // The same key works once the model does.
    works();
    let answer = user.say("lost").key(&key).await;
    assert_eq!((answer.status, answer.header("idempotency-replayed")), (201, None), "{answer}");
    assert_eq!(answer.json()["conversation"][0]["Bot"], "reply to: lost");
    let again = user.say("lost").key(&key).await;
    assert_eq!((again.status, &again.body), (201, &answer.body));
    // In a session that is open: it stays as it was, and the model never hears of what failed.
    let before = user.chats().await;
    for script in [cut(), refused(), Script::stream().role().finish("content_filter").done().end()] {
        site.upstream.script("echo", script);
        user.say("never heard").await.is(503, &unavailable);
        assert_eq!(user.chats().await, before);
    }
    works();
    let answer = user.say("after").await;
    assert_eq!((answer.status, answer.json()["conversation"].as_array().map(Vec::len)), (200, Some(2)));
    assert_eq!(site.prompts_for("after"), [["lost", "reply to: lost", "after"]]);
    let shown = site.http().get("/metrics").await.text();
    assert!(shown.contains("maru_requests_total"), "{shown}");
}

async fn a_chat_deleted_under_its_reply_is_gone(backend: Backend) {
    let site = Site::start(backend, &[]).await;
    let user = site.user().await;
    let first = user.say("first").await.json();
    site.upstream.script("echo", Script::stream().role().say("part").stall());
    let sending = {
        let user = user.clone();
        async move { user.say("second").await }
    };
    let deleting = async {
        until("the reply has begun", || async { user.chats().await[0]["conversation"][1]["Bot"] == "part" })
            .await;
        // Meanwhile the text so far is there to be read, and the open chat can be edited.
        user.edit(&first["chat_id"], &first["conversation"][0]["message_id"], "edited").await.has_status(200);
        user.delete(&first["chat_id"]).await.has_status(200);
    };
    let (sent, ()) = futures_util::future::join(sending, deleting).await;
    sent.is(404, &json!({"error": "Chat not found."}));
    assert!(
        site.upstream.at_most_open(0, Duration::from_secs(20)).await,
        "the model is not kept busy for nothing"
    );
    site.upstream.script_each("echo", Vec::new());
    user.get("/api/chats/").await.is(200, &json!([]));
    user.say("third").await.has_status(201);
    assert_eq!(site.prompts_for("third"), [["third"]]);
}

async fn a_provider_that_is_not_there(backend: Backend) {
    // Port 9 of the loopback interface: nobody listens, and the system says so at once.
    let settings = [
        ("MARU__LLM__PROVIDERS__TEST__BASE_URL", "http://127.0.0.1:9/v1"),
        ("MARU__LLM__TOTAL_TIMEOUT", "1s"),
    ];
    let site = Site::start(backend, &settings).await;
    let user = site.user().await;
    user.say("hello?").await.is(503, &json!({"error": "The model is unavailable. Please try again."}));
    user.get("/api/chats/").await.is(200, &json!([]));
    // The server itself is well.
    site.http().get("/readyz").await.has_status(200);
}
