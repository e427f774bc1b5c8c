//! Send, status, delete, health (contract §5.1–5.4, §5.6, §5.7).

use super::{COMFORT, FELL, NOT_FOUND, Thread, demo, first_quote, templates, timeless};
use crate::support::{Backend, Reply, for_both, name};
use maru_testkit::upstream::Script;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;

for_both! {
    four_messages_lead_to_a_quote the_category_is_the_persons a_thread_is_a_pair
    a_retry_under_a_key_is_no_second_message what_is_sent_while_a_reply_is_on_its_way_waits_in_order
    two_first_messages_open_one_thread a_deleted_thread_begins_anew threads_outlive_the_server
}

#[track_caller]
fn keys(answer: &Reply) -> Vec<String> {
    answer.json().as_object().expect("an object").keys().cloned().collect()
}

async fn four_messages_lead_to_a_quote(backend: Backend) {
    let site = demo(backend).await;
    let thread = Thread::new(&site.http());
    thread.status().await.is(404, &json!({"error": NOT_FOUND}));
    let name = json!({"userId": thread.user, "threadNum": thread.thread});
    for (n, template) in templates().iter().enumerate() {
        let sent = thread.exchange(if n == 0 { FELL } else { "네" }).await;
        assert_eq!(keys(&sent), ["userId", "threadNum", "timestamp", "status"]);
        let mut pending = name.clone();
        pending["status"] = "pending".into();
        assert_eq!(timeless(sent.json()), pending);
        let status = thread.status().await;
        assert_eq!(keys(&status), ["userId", "threadNum", "timestamp", "status", "content", "quote"]);
        let mut ready = name.clone();
        ready["status"] = "completed".into();
        ready["content"] = template.as_str().into();
        ready["quote"] = Value::Null;
        assert_eq!(timeless(status.json()), ready);
        // Asking changes nothing.
        assert_eq!(thread.status().await.body, status.body);
    }
    let mut quotes = HashSet::new();
    for n in 4..=8 {
        let sent = thread.say("그래요").await;
        assert_eq!(
            keys(&sent.has_status(200).clone()),
            ["userId", "threadNum", "timestamp", "status", "content", "quote"]
        );
        let body = sent.json();
        assert_eq!((&body["status"], &body["content"]), (&json!("completed"), &json!(COMFORT)));
        assert_eq!(body["quote"].as_object().map(serde_json::Map::len), Some(4), "{sent}");
        if n == 4 {
            assert_eq!(body["quote"], first_quote());
        }
        assert!(quotes.insert(body["quote"]["id"].clone()), "a new quote each time: {sent}");
        assert_eq!(thread.status().await.body, sent.body, "status tells the same as the send");
    }
}

async fn the_category_is_the_persons(backend: Backend) {
    let site = demo(backend).await;
    let cases = [
        ("요즘 일을 자꾸 미루고 집중이 안 돼요", "productivity"),
        ("새로운 도전을 시작하고 싶은데 용기가 안 나요", "motivation"),
        ("시험에 실패해서 포기하고 싶어요", "resilience"),
        ("안녕", "hope"),
    ];
    for (said, category) in cases {
        let (one, two) = (Thread::new(&site.http()), Thread::new(&site.http()));
        for n in 1..=4 {
            for thread in [&one, &two] {
                let sent = thread.say(if n == 2 { said } else { "음" }).await;
                if n == 4 {
                    assert_eq!(sent.json()["quote"]["category"], category, "{said}");
                }
            }
        }
        // The same thread, told again from its beginning, ends with the same quote.
        let before = one.status().await.json()["quote"].clone();
        one.delete().await.has_status(200);
        for n in 1..=4 {
            one.say(if n == 2 { said } else { "음" }).await.has_status(200);
        }
        assert_eq!(one.status().await.json()["quote"], before);
    }
}

async fn a_thread_is_a_pair(backend: Backend) {
    let site = demo(backend).await;
    let http = site.http();
    let pairs =
        [("a_b", "c"), ("a", "b_c"), ("c", "a_b"), ("a_b_c", "c"), ("A_b", "c"), ("가 나/다?&=%", "#+\"'\\")];
    for (user, thread) in pairs {
        let thread = Thread::named(&http, user, thread);
        thread.status().await.is(404, &json!({"error": NOT_FOUND}));
        thread.exchange(&format!("{user} {}", thread.thread)).await;
    }
    for (user, thread) in pairs {
        let thread = Thread::named(&http, user, thread);
        let status = thread.status().await.json();
        assert_eq!((&status["userId"], &status["threadNum"]), (&json!(user), &json!(thread.thread)));
        let own = format!("{user} {}", thread.thread);
        assert!(status["content"].as_str().is_some_and(|content| content.contains(&own)), "{status}");
    }
    for (user, thread) in pairs {
        let thread = Thread::named(&http, user, thread);
        thread.delete().await.is(200, &json!({"message": "대화가 삭제되었습니다."}));
        thread.delete().await.is(404, &json!({"error": NOT_FOUND}));
    }
}

async fn a_retry_under_a_key_is_no_second_message(backend: Backend) {
    let site = demo(backend).await;
    let thread = Thread::new(&site.http());
    for n in 1..=5 {
        let key = name("key");
        let first = thread.say(&format!("{n}")).key(&key).await;
        first.has_status(200);
        let again = thread.say(&format!("{n}")).key(&key).await;
        again.has("idempotency-replayed", "true").has_status(200);
        assert_eq!(again.body, first.body);
        assert_eq!(
            first.json()["status"],
            if n < 4 { "pending" } else { "completed" },
            "message {n}: {first}"
        );
        let other = thread.say("another").key(&key).await;
        assert_eq!((other.status, &other.json()["code"]), (422, &json!("idempotency_key_reused")), "{other}");
    }
}

async fn what_is_sent_while_a_reply_is_on_its_way_waits_in_order(backend: Backend) {
    let site = crate::support::Site::start(backend, &[]).await;
    let thread = Thread::new(&site.http());
    let slow = |text: &str| {
        Script::stream().role().wait(Duration::from_millis(600)).say(text).finish("stop").done().end()
    };
    site.upstream.script_each("echo", vec![slow("하나"), slow("둘"), slow("셋"), slow("넷")]);
    for n in 1..=3 {
        assert_eq!(thread.say(&format!("말 {n}")).await.json()["status"], "pending");
        assert_eq!(thread.status().await.json()["status"], "pending", "{n}");
    }
    // The fourth waits for all before it, and then for its own.
    let fourth = thread.say("말 4").await.json();
    assert_eq!((&fourth["status"], &fourth["content"]), (&json!("completed"), &json!("넷")));
    assert!(fourth["quote"].is_object(), "{fourth}");
    let asked: Vec<_> =
        site.upstream.calls().iter().map(|call| call.messages().into_iter().next_back()).collect();
    let asked: Vec<_> = asked.into_iter().flatten().map(|(_, text)| text).collect();
    assert_eq!(asked, ["말 1", "말 2", "말 3", "말 4"]);
}

async fn two_first_messages_open_one_thread(backend: Backend) {
    let site = demo(backend).await;
    let thread = Thread::new(&site.http());
    let active = async || site.http().get("/api/health").await.json()["activeConversations"].as_i64();
    let before = active().await;
    let sends = (0..8).map(|n| thread.say(&format!("{n}")).into_future());
    for sent in futures_util::future::join_all(sends).await {
        sent.has_status(200);
    }
    assert_eq!(active().await, before.map(|before| before + 1));
    assert_eq!(thread.say("ninth").await.json()["status"], "completed");
}

async fn a_deleted_thread_begins_anew(backend: Backend) {
    let site = demo(backend).await;
    let http = site.http();
    let health = http.get("/api/health").await;
    assert_eq!(timeless(health.json()), json!({"status": "ok", "activeConversations": 0}));
    assert_eq!(keys(&health), ["status", "timestamp", "activeConversations"]);
    let thread = Thread::new(&http);
    for _ in 1..=4 {
        thread.exchange(FELL).await;
    }
    assert_eq!(http.get("/api/health").await.json()["activeConversations"], 1);
    thread.delete().await.is(200, &json!({"message": "대화가 삭제되었습니다."}));
    assert_eq!(http.get("/api/health").await.json()["activeConversations"], 0);
    for gone in [thread.status().await, thread.listen().await, thread.delete().await] {
        gone.is(404, &json!({"error": NOT_FOUND}));
    }
    assert_eq!(thread.exchange(FELL).await.json()["status"], "pending");
    assert_eq!(thread.status().await.json()["content"], templates()[0].as_str());
}

async fn threads_outlive_the_server(backend: Backend) {
    let mut site = demo(backend).await;
    let thread = Thread::new(&site.http());
    for _ in 1..=4 {
        thread.exchange(FELL).await;
    }
    let (status, told) = (thread.status().await, thread.listen().await);
    site.server.restart().await.expect("a restart");
    let thread = thread.with(&site.http());
    assert_eq!(thread.status().await.body, status.body);
    assert_eq!(thread.listen().await.body, told.body);
    assert_eq!(thread.say("다섯").await.json()["status"], "completed");
}
