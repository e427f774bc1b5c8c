//! Sending: the reply as one answer, and as a stream of data lines (contract §4.3).

use super::{alone, frames, history, kinds, pairs, refused, said, say, stream};
use crate::support::{Backend, Site, for_both, name, on_both, until};
use maru_testkit::upstream::Script;
use serde_json::json;
use std::time::Duration;

on_both! { a_reply_is_one_answer a_blank_message_is_invalid a_message_under_a_key_is_sent_once first_messages_at_once_open_one_chat }

mod scripted {
    use super::*;
    for_both! { frames_come_in_order a_failed_reply_says_so a_reader_who_leaves_stops_nothing a_silent_model_is_bridged_by_heartbeats }
}

async fn a_reply_is_one_answer(site: &Site) {
    let (http, chat) = (site.http(), name("chat"));
    let answer = say(&http, &chat, "안녕").await;
    let now = history(&http, &chat).await;
    answer.is(
        200,
        &json!({"type": "ai_response", "message_id": now[1]["message_id"], "content": "reply to: 안녕", "user_id": "ai", "timestamp": now[1]["timestamp"]}),
    );
}

async fn a_blank_message_is_invalid(site: &Site) {
    let (http, chat) = (site.http(), name("chat"));
    for message in ["", " ", "\n\t", "\u{3000}", "a\u{0}b", &"x".repeat(32_001)] {
        for path in ["message", "stream"] {
            let body = json!({ "message": message });
            let answer = http.post(&format!("/v1/chat/{chat}/{path}")).json(&body).await;
            refused(&answer, 400, "CHAT_MESSAGE_INVALID");
        }
    }
    for chat in ["completions", "a%20b", &"x".repeat(51)] {
        refused(&say(&http, chat, "hello").await, 400, "VALIDATION_ERROR");
    }
    super::is_no_chat(&http.get(&format!("/v1/chat/{chat}/history")).await, &chat);
}

async fn a_message_under_a_key_is_sent_once(site: &Site) {
    let (http, chat, key) = (site.http(), name("chat"), name("key"));
    let first = say(&http, &chat, "once").key(&key).await;
    for _ in 0..3 {
        let again = say(&http, &chat, "once").key(&key).await;
        assert_eq!((again.status, &again.body), (200, &first.body));
        assert_eq!(again.header("idempotency-replayed").as_deref(), Some("true"));
    }
    refused(&say(&http, &chat, "other").key(&key).await, 422, "VALIDATION_ERROR");
    assert_eq!(history(&http, &chat).await.len(), 2);
}

async fn first_messages_at_once_open_one_chat(site: &Site) {
    let (http, chat) = (site.http(), name("chat"));
    let sends = (0..12).map(|n| {
        let (http, chat) = (http.clone(), chat.clone());
        async move { say(&http, &chat, &format!("message {n}")).await.status }
    });
    let statuses = futures_util::future::join_all(sends).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let now = history(&http, &chat).await;
    assert_eq!(now.len(), 24);
    for turn in now.chunks(2) {
        let question = turn[0]["content"].as_str().expect("a text");
        assert_eq!(turn[1]["content"], json!(format!("reply to: {question}")));
    }
}

async fn frames_come_in_order(backend: Backend) {
    let site = alone(backend).await;
    let http = site.http();
    let pause = Duration::from_millis(80);
    let spoken = Script::stream().role().say("안녕").wait(pause).say("하세요").wait(pause).say("!");
    site.upstream.script("echo", spoken.finish("stop").done().end());
    let answer = stream(&http, "chat001", "hello").await;
    answer.has("x-accel-buffering", "no");
    let frames = frames(&answer);
    let (first, end) = (&frames[0], frames.last().expect("an end"));
    let now = history(&http, "chat001").await;
    assert_eq!(
        *first,
        json!({"type": "user_message", "message_id": now[0]["message_id"], "content": "hello", "user_id": "user", "timestamp": now[0]["timestamp"]})
    );
    assert_eq!(
        kinds(&frames),
        [
            "user_message",
            "progress thinking",
            "progress generating",
            "ai_response_chunk",
            "ai_response_complete"
        ]
    );
    let chunks: Vec<_> = frames.iter().filter(|frame| frame["type"] == "ai_response_chunk").collect();
    let text: String = chunks.iter().map(|chunk| chunk["content"].as_str().expect("a piece")).collect();
    assert_eq!((text.as_str(), chunks.len() > 1), ("안녕하세요!", true), "{answer}");
    assert!(chunks.iter().all(|chunk| chunk["message_id"] == now[1]["message_id"]));
    assert_eq!((&end["message_id"], &end["content"]), (&now[1]["message_id"], &json!("안녕하세요!")));
    assert!(frames[1]["message"].is_string() && frames[1].as_object().is_some_and(|frame| frame.len() == 3));
    // At once and without a key: another message.
    site.upstream.script_each("echo", Vec::new());
    let again = stream(&http, "chat001", "more").key("k").await;
    let retried = stream(&http, "chat001", "more").key("k").await;
    assert_eq!(
        super::frames(&again).last(),
        super::frames(&retried).last(),
        "a retry attaches to the same turn"
    );
    assert_eq!(retried.header("idempotency-replayed").as_deref(), Some("true"));
    assert_eq!(history(&http, "chat001").await.len(), 4);
}

async fn a_failed_reply_says_so(backend: Backend) {
    let site = alone(backend).await;
    let http = site.http();
    site.upstream.script("echo", Script::error(401, &[]));
    let failed = say(&http, "chat001", "one").await;
    refused(&failed, 503, "CHAT_AI_RESPONSE_ERROR");
    assert_eq!(failed.json()["message"], "AI 응답 생성 중 오류가 발생했습니다.");
    site.upstream.script("echo", Script::stream().role().say("half a ").say("reply").close());
    let frames = frames(&stream(&http, "chat001", "two").await);
    let end = frames.last().expect("an end");
    let keys: Vec<_> = end.as_object().expect("an object").keys().cloned().collect();
    assert_eq!(keys, ["type", "code", "message", "content", "timestamp", "chat_id"]);
    assert_eq!((&end["type"], &end["code"]), (&json!("error"), &json!("CHAT_AI_RESPONSE_ERROR")));
    assert_eq!((&end["content"], &end["chat_id"]), (&json!("half a reply"), &json!("chat001")));
    // What was asked stays; half a reply is no message of a history.
    let now = said(&http, "chat001").await;
    assert_eq!(now, pairs(&[("user", "one"), ("user", "two")]));
    for frame in &frames {
        assert!(!frame.to_string().contains("127.0.0.1"), "{frame}");
    }
}

async fn a_reader_who_leaves_stops_nothing(backend: Backend) {
    let site = alone(backend).await;
    let http = site.http();
    let slow = Script::stream().role().say("begun ").wait(Duration::from_millis(600)).say("and ended");
    site.upstream.script("echo", slow.finish("stop").done().end());
    let leaving = tokio::time::timeout(Duration::from_millis(300), async {
        stream(&http, "chat001", "hello").await;
    });
    assert!(leaving.await.is_err(), "it was still being written");
    until("the reply is whole", || async {
        said(&http, "chat001").await.last().is_some_and(|(_, text)| text == "begun and ended")
    })
    .await;
}

async fn a_silent_model_is_bridged_by_heartbeats(backend: Backend) {
    let site = alone(backend).await;
    let silent = Script::stream().role().wait(Duration::from_millis(10_500)).say("at last");
    site.upstream.script("echo", silent.finish("stop").done().end());
    let frames = frames(&stream(&site.http(), "chat001", "hello").await);
    assert_eq!(kinds(&frames)[2], "heartbeat", "{frames:?}");
    assert_eq!(kinds(&frames).last().map(String::as_str), Some("ai_response_complete"));
}
