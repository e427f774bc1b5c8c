//! `GET /v1/chat/{chat_id}/history`: to the byte, whole, and in order.

use super::{history, is_no_chat, pairs, registered, row, said, say, say_about, uuid};
use crate::support::{Backend, Site, for_both, name, on_both};
use serde_json::{Value, json};

on_both! {
    a_history_has_every_key_in_its_place a_chat_without_messages_has_an_empty_history a_chat_that_is_not_there
    cleared_messages_are_left_out
}

mod long {
    use super::*;
    for_both! { a_thousand_messages_are_one_history }
}

/// Whole seconds with the zone's offset.
#[track_caller]
fn is_a_time(value: &Value) {
    let text = value.as_str().expect("a time");
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00+00:00");
    assert!(text.ends_with("+09:00"), "{text}");
}

async fn a_history_has_every_key_in_its_place(site: &Site) {
    let http = site.http();
    let (plc, chat) = (registered(&http).await, name("chat"));
    let about = say_about(&http, &chat, "선택한 PLC의 기능을 확인해줘", &uuid(&plc)).await;
    about.has_status(200);
    say(&http, &chat, "and about none").await.has_status(200);
    let answer = http.get(&format!("/v1/chat/{chat}/history")).await;
    let now = answer.json();
    for message in now["history"].as_array().expect("a history") {
        is_a_time(&message["timestamp"]);
    }
    let (at, id) = (
        |n: usize| now["history"][n]["timestamp"].clone(),
        |n: usize| now["history"][n]["message_id"].clone(),
    );
    assert_eq!(id(1), about.json()["message_id"]);
    let plain = |n: usize, role: &str, content: &str, plc: Value| {
        json!({"role": role, "content": content, "timestamp": at(n), "cancelled": false, "message_id": id(n),
               "plc_uuid": plc, "plc_hierarchy": null, "plc_snapshot": null})
    };
    let expected = json!({"type": "conversation_history", "history": [
        {"role": "user", "content": "선택한 PLC의 기능을 확인해줘", "timestamp": at(0), "cancelled": false, "message_id": id(0),
         "plc_uuid": plc["plc_uuid"],
         "plc_hierarchy": {"plant": {"id": "plant001", "code": "P001", "name": "공장1"},
                           "process": {"id": "process001", "code": "PR001", "name": "공정1"},
                           "line": {"id": "line001", "code": "L001", "name": "라인1"}},
         "plc_snapshot": {"plc_uuid": plc["plc_uuid"], "plc_id": plc["plc_id"], "plc_name": "01_01_CELL_FABRICATOR",
                          "plant_id": "plant001", "plant_name": "공장1", "plant_code": "P001",
                          "process_id": "process001", "process_name": "공정1", "process_code": "PR001",
                          "line_id": "line001", "line_name": "라인1", "line_code": "L001",
                          "unit": "1", "create_dt": plc["create_dt"]}},
        plain(1, "assistant", "reply to: 선택한 PLC의 기능을 확인해줘", plc["plc_uuid"].clone()),
        plain(2, "user", "and about none", Value::Null),
        plain(3, "assistant", "reply to: and about none", Value::Null),
    ]});
    answer.is(200, &expected);
    http.get(&format!("/v1/chat/{chat}/history")).await.is(200, &expected);
    http.get(&format!("/v1/chat/{chat}/history/")).await.is(200, &expected);
    let ids: std::collections::HashSet<_> = (0..4).map(|n| id(n).to_string()).collect();
    assert_eq!(ids.len(), 4);
}

async fn a_chat_without_messages_has_an_empty_history(site: &Site) {
    let http = site.http();
    let body = json!({"chat_title": "점검", "user_id": name("user")});
    let chat = http.post("/v1/chat/chats").json(&body).await.string("/chat_id");
    let empty = json!({"type": "conversation_history", "history": []});
    http.get(&format!("/v1/chat/{chat}/history")).await.is(200, &empty);
}

async fn a_chat_that_is_not_there(site: &Site) {
    let http = site.http();
    let deleted = name("chat");
    say(&http, &deleted, "hello").await.has_status(200);
    http.ask("DELETE", &format!("/v1/chat/chats/{deleted}")).await.has_status(200);
    let long = "x".repeat(51);
    let cases = [
        ("chat999", "chat999"),
        ("%20", " "),
        ("a%20b", "a b"),
        ("%EC%B1%84%ED%8C%85", "채팅"),
        ("completions", "completions"),
        ("chats", "chats"),
        ("1", "1"),
        ("01890000-0000-7000-8000-000000000000", "01890000-0000-7000-8000-000000000000"),
        ("x'--", "x'--"),
        (&long, &long),
        (&deleted, &deleted),
    ];
    for (path, chat) in cases {
        is_no_chat(&http.get(&format!("/v1/chat/{path}/history")).await, chat);
    }
    for path in ["%00", "a%00b", "%FF", "..%2f..", "%0A"] {
        super::refused(&http.get(&format!("/v1/chat/{path}/history")).await, 404, "CHAT_SESSION_NOT_FOUND");
    }
}

async fn cleared_messages_are_left_out(site: &Site) {
    let (http, chat) = (site.http(), name("chat"));
    say(&http, &chat, "soon cleared").await.has_status(200);
    assert_eq!(history(&http, &chat).await.len(), 2);
    let cleared = json!({"type": "conversation_cleared", "message": "대화 기록이 초기화되었습니다."});
    http.post(&format!("/v1/chat/{chat}/clear")).await.is(200, &cleared);
    http.get(&format!("/v1/chat/{chat}/history"))
        .await
        .is(200, &json!({"type": "conversation_history", "history": []}));
    let message = format!("two of {chat}");
    say(&http, &chat, &message).await.has_status(200);
    assert_eq!(
        said(&http, &chat).await,
        pairs(&[("user", &message), ("assistant", &format!("reply to: {message}"))])
    );
    assert_eq!(
        site.prompts_for(&message),
        [[message.clone()]],
        "the model hears nothing of what was cleared"
    );
    is_no_chat(&http.post("/v1/chat/chat999/clear").await, "chat999");
}

/// The original stopped silently at the 50 oldest.
async fn a_thousand_messages_are_one_history(backend: Backend) {
    let site = Site::start(backend, &[("MARU__LLM__MODEL", "demo")]).await;
    let http = site.http();
    let plc = registered(&http).await;
    for n in 0..500 {
        let answer = if n % 3 == 0 {
            say_about(&http, "long", &format!("message {n}"), &uuid(&plc)).await
        } else {
            say(&http, "long", &format!("message {n}")).await
        };
        assert_eq!(answer.status, 200, "{answer}");
    }
    let all = history(&http, "long").await;
    assert_eq!(all.len(), 1_000);
    for (n, turn) in all.chunks(2).enumerate() {
        assert_eq!((&turn[0]["role"], &turn[1]["role"]), (&json!("user"), &json!("assistant")));
        assert_eq!(turn[0]["content"], json!(format!("message {n}")));
        assert_eq!(turn[0]["plc_snapshot"].is_null(), n % 3 != 0, "{n}");
    }
    let times: Vec<_> = all.iter().map(|one| one["timestamp"].as_str().expect("a time").to_owned()).collect();
    assert!(times.is_sorted());
    // And masked, all of it.
    http.ask("PATCH", &format!("/v1/plcs/{}", uuid(&plc)))
        .json(&json!({"is_active": false}))
        .await
        .has_status(200);
    let masked = history(&http, "long").await;
    assert!(masked.iter().all(|one| one["plc_snapshot"].is_null()) && masked.len() == 1_000);
    let batch = http.post("/v1/plcs/batch").json(&json!({"items": [row("other")]})).await;
    assert_eq!(batch.json()["created_count"], 1);
}
