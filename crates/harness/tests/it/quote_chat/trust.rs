//! Who may call, and what each reaches (contract §0.3, §0.4, §5.8).

use super::{FELL, NOT_FOUND, Thread, demo};
use crate::support::{Ask, Backend, Http, Reply, Site, for_both};
use serde_json::json;

for_both! {
    a_caller_reaches_its_own_threads_only a_wrong_token_makes_nobody
    without_anonymous_callers_a_token_is_wanted a_revoked_token_ends_a_stream
}

/// Every route that anonymous callers may use.
fn routes(thread: &Thread) -> [Ask; 4] {
    [thread.say(FELL), thread.status(), thread.listen(), thread.delete()]
}

#[track_caller]
fn refused(answer: &Reply, code: &str) {
    answer.has("www-authenticate", "Token").has("content-type", "application/json").has_status(401);
    assert_eq!(answer.json()["code"], code, "{answer}");
    assert!(answer.json()["error"].is_string(), "{answer}");
}

async fn a_caller_reaches_its_own_threads_only(backend: Backend) {
    let site = demo(backend).await;
    let (ann, bob, nobody) = (site.user().await, site.user().await, site.http());
    let own = Thread::new(&ann);
    own.exchange("앤의 말").await;
    for other in [&bob, &nobody] {
        let other = own.with(other);
        for ask in [other.status(), other.listen(), other.delete()] {
            ask.await.is(404, &json!({"error": NOT_FOUND}));
        }
    }
    // Under the same name each has a thread of its own.
    for (http, said) in [(&bob, "밥의 말"), (&nobody, "아무개의 말")] {
        own.with(http).exchange(said).await;
    }
    for (http, said) in [(&ann, "앤의 말"), (&bob, "밥의 말"), (&nobody, "아무개의 말")] {
        let status = own.with(http).status().await.json();
        assert!(status["content"].as_str().is_some_and(|content| content.contains(said)), "{status}");
        let told = own.with(http).listen().await.text();
        assert!(told.contains(said.split(' ').next().unwrap_or_default()), "{told}");
    }
    assert_eq!(nobody.get("/api/health").await.json()["activeConversations"], 3);
    // An owner's thread is a room in every list of the owner's; an anonymous one is in nobody's.
    for http in [&ann, &bob] {
        let rooms = http.get("/v1/rooms").await.json();
        assert_eq!(rooms["data"].as_array().map(Vec::len), Some(1), "{rooms}");
        let room = rooms["data"][0]["number"].clone();
        assert_eq!(http.get("/api/chats/").await.json()[0]["chat_id"], room);
        nobody.get(&format!("/v1/rooms/{room}")).await.has_status(401);
    }
    // This contract reads no room of another.
    let session = ann.say("hello").await.json();
    for (user, number) in [
        ("session", session["session_identifier"].as_str().unwrap_or_default().to_owned()),
        (ann.token(), session["chat_id"].to_string()),
    ] {
        Thread::named(&ann, user, &number).status().await.is(404, &json!({"error": NOT_FOUND}));
    }
    own.delete().await.has_status(200);
    own.status().await.is(404, &json!({"error": NOT_FOUND}));
    own.with(&bob).status().await.has_status(200);
    own.with(&nobody).status().await.has_status(200);
}

async fn a_wrong_token_makes_nobody(backend: Backend) {
    let site = demo(backend).await;
    let nobody = site.http();
    let thread = Thread::new(&nobody);
    thread.exchange(FELL).await;
    for header in ["Token x", "Bearer maru_sk_x", "Token", "Bearer a b", "token ..", "Token \u{fffd}"] {
        for ask in routes(&thread) {
            refused(&ask.header("Authorization", header).await, "invalid_token");
        }
    }
    for ask in routes(&thread) {
        let two = ask.header("Authorization", "Token x").header("Authorization", "Token y").await;
        refused(&two, "invalid_token");
    }
    // Another scheme is no token of ours.
    thread.status().header("Authorization", "Basic am9lOng=").await.has_status(200);
    // EventSource can send no header: its token is in the query, and nobody else's is.
    let user = site.user().await;
    let own = thread.with(&user);
    own.exchange("사용자의 말").await;
    let by_query = |path: String, token: &str| nobody.get(&format!("{path}&token={token}"));
    let told = by_query(thread.path("stream"), user.token()).header("Accept", "text/event-stream").await;
    assert_eq!(told.text(), own.listen().await.text());
    refused(
        &by_query(thread.path("stream"), "x").header("Accept", "text/event-stream").await,
        "invalid_token",
    );
    assert_eq!(by_query(thread.path("status"), user.token()).await.body, thread.status().await.body);
    // The answer to nobody known reads no body.
    let bad = nobody.post("/api/chat/send").header("Authorization", "Token x").body("application/json", "{");
    refused(&bad.await, "invalid_token");
}

async fn without_anonymous_callers_a_token_is_wanted(backend: Backend) {
    // Loopback is the default; an address that others can reach refuses unless it is told not to.
    for (bind, setting, open) in [
        ("127.0.0.1:0", "loopback", true),
        ("127.0.0.1:0", "allow", true),
        ("127.0.0.1:0", "deny", false),
        ("0.0.0.0:0", "loopback", false),
        ("0.0.0.0:0", "allow", true),
    ] {
        let settings = [("MARU__LLM__MODEL", "demo"), ("MARU__AUTH__ANONYMOUS", setting)];
        let site = Site::launch(backend, &settings, |launch| launch.bind(bind)).await;
        let nobody = Thread::new(&site.http());
        if open {
            nobody.exchange(FELL).await;
            for ask in routes(&nobody) {
                ask.await.has_status(200);
            }
        } else {
            for ask in routes(&nobody) {
                refused(&ask.await, "not_authenticated");
            }
            // Health is for machines that ask whether the server lives.
            site.http().get("/api/health").await.has_status(200);
            if bind != "127.0.0.1:0" {
                assert!(site.server.log().contains("auth.anonymous"), "the start says how to allow it");
            }
        }
        let own = nobody.with(&site.user().await);
        own.exchange(FELL).await;
        for ask in routes(&own) {
            ask.await.has_status(200);
        }
    }
}

async fn a_revoked_token_ends_a_stream(backend: Backend) {
    let site = Site::start(backend, &[]).await;
    let user = site.user().await;
    let thread = Thread::new(&user);
    site.upstream.script("echo", maru_testkit::upstream::Script::stream().role().stall());
    thread.say(FELL).await.has_status(200);
    let listening = thread.listen().into_future();
    let revoking = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let out: Http = user.clone();
        out.post("/v1/auth/logout").await.has_status(204);
    };
    let (heard, ()) = futures_util::future::join(listening, revoking).await;
    assert_eq!((heard.status, heard.text().as_str()), (200, "retry: 3000\n\n"));
    refused(&thread.listen().await, "invalid_token");
}
