//! Cancelling (contract §4.3): the stream ends with `cancelled`, the reply becomes a system message.

use super::{alone, cancel, frames, history, pairs, said, say, stream};
use crate::support::{Backend, for_both, until};
use maru_testkit::upstream::Script;
use serde_json::json;
use std::time::Duration;

for_both! { a_cancelled_stream_ends_with_cancelled nothing_running_is_not_cancelled what_waits_goes_on_after_a_cancel clearing_ends_what_runs }

async fn a_cancelled_stream_ends_with_cancelled(backend: Backend) {
    let site = alone(backend).await;
    let http = site.http();
    site.upstream.script("echo", Script::stream().role().say("part of it").stall());
    let (answer, ()) =
        futures_util::future::join(async { stream(&http, "chat001", "write a novel").await }, async {
            until("the reply has begun", || async {
                let chat = http.get("/v1/chat/chat001/history").await;
                chat.status == 200 && chat.json()["history"].as_array().is_some_and(|all| all.len() == 2)
            })
            .await;
            let yes = json!({"message": "AI 응답 생성이 취소되었습니다.", "cancelled": true});
            cancel(&http, "chat001").await.is(200, &yes);
        })
        .await;
    let now = history(&http, "chat001").await;
    let end = frames(&answer).last().cloned();
    let text = "⚠️ 응답이 취소되었습니다.";
    assert_eq!(end, Some(json!({"type": "cancelled", "message_id": now[1]["message_id"], "content": text})));
    assert_eq!((&now[1]["role"], &now[1]["cancelled"]), (&json!("system"), &json!(true)));
    assert_eq!((&now[1]["content"], &now[0]["cancelled"]), (&json!(text), &json!(false)));
    assert!(site.upstream.at_most_open(0, Duration::from_secs(20)).await, "the model was told to stop");
    // A second time there is nothing to stop, and nothing is stored.
    let no = json!({"message": "취소할 수 있는 생성이 없습니다.", "cancelled": false});
    cancel(&http, "chat001").await.is(200, &no);
    assert_eq!(history(&http, "chat001").await, now);
    // The model hears nothing of a turn that was cancelled.
    site.upstream.script_each("echo", Vec::new());
    say(&http, "chat001", "next").await.has_status(200);
    assert_eq!(site.prompts_for("next"), [["next"]]);
}

async fn nothing_running_is_not_cancelled(backend: Backend) {
    let site = alone(backend).await;
    let http = site.http();
    let no = json!({"message": "취소할 수 있는 생성이 없습니다.", "cancelled": false});
    cancel(&http, "chat999").await.is(200, &no);
    say(&http, "chat001", "hello").await.has_status(200);
    cancel(&http, "chat001").await.is(200, &no);
    assert_eq!(said(&http, "chat001").await, pairs(&[("user", "hello"), ("assistant", "reply to: hello")]));
    // Somebody else's is nothing that runs.
    let owner = site.user().await;
    site.upstream.script("echo", Script::stream().role().say("mine").stall());
    let (answer, ()) = futures_util::future::join(async { stream(&owner, "chat001", "long").await }, async {
        until("it has begun", || async {
            owner.get("/v1/chat/chat001/history").await.text().contains("\"mine\"")
        })
        .await;
        cancel(&http, "chat001").await.is(200, &no);
        cancel(&site.user().await, "chat001").await.is(200, &no);
        let yes = json!({"message": "AI 응답 생성이 취소되었습니다.", "cancelled": true});
        cancel(&owner, "chat001").await.is(200, &yes);
    })
    .await;
    assert_eq!(frames(&answer).last().expect("an end")["type"], "cancelled");
}

/// A cancel is of the reply that is being written; nobody has asked for the others to stop.
async fn what_waits_goes_on_after_a_cancel(backend: Backend) {
    let site = alone(backend).await;
    let http = site.http();
    let first = Script::stream().role().say("first").stall();
    site.upstream.script_each("echo", vec![first, Script::reply("second"), Script::reply("third")]);
    let sends = (0..3).map(|n| {
        let http = http.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(100 * n)).await;
            say(&http, "chat001", &format!("message {n}")).await
        }
    });
    let cancelling = async {
        until("all three are stored", || async {
            let chat = http.get("/v1/chat/chat001/history").await;
            let text = chat.text();
            chat.status == 200 && text.contains("message 2") && text.contains("\"first\"")
        })
        .await;
        assert_eq!(cancel(&http, "chat001").await.json()["cancelled"], json!(true));
    };
    let (answers, ()) = futures_util::future::join(futures_util::future::join_all(sends), cancelling).await;
    let told: Vec<_> = answers.iter().map(|answer| answer.has_status(200).json()["type"].clone()).collect();
    assert_eq!(told, ["cancelled", "ai_response", "ai_response"]);
    let said = said(&http, "chat001").await;
    let replies: Vec<_> =
        said.iter().skip(1).step_by(2).map(|(role, text)| (role.as_str(), text.as_str())).collect();
    assert_eq!(
        replies,
        [("system", "⚠️ 응답이 취소되었습니다."), ("assistant", "second"), ("assistant", "third")]
    );
}

async fn clearing_ends_what_runs(backend: Backend) {
    let site = alone(backend).await;
    let http = site.http();
    site.upstream.script("echo", Script::stream().role().say("part").stall());
    let (answer, ()) = futures_util::future::join(async { stream(&http, "chat001", "hello").await }, async {
        until("it has begun", || async {
            http.get("/v1/chat/chat001/history").await.text().contains("\"part\"")
        })
        .await;
        http.post("/v1/chat/chat001/clear").await.has_status(200);
    })
    .await;
    assert_eq!(frames(&answer).last().expect("an end")["type"], "error");
    assert!(site.upstream.at_most_open(0, Duration::from_secs(20)).await);
    assert_eq!(history(&http, "chat001").await.len(), 0);
    site.upstream.script_each("echo", Vec::new());
    say(&http, "chat001", "next").await.has_status(200);
    assert_eq!(site.prompts_for("next"), [["next"]]);
}
