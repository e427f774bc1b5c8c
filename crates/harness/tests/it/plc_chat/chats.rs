//! Chats: open, list, rename, delete, a title (contract §4.3).

use super::{is_no_chat, refused, say};
use crate::support::{Http, Site, name, on_both};
use serde_json::{Value, json};

on_both! {
    chats_are_opened_and_listed a_message_opens_its_chat a_chat_is_renamed_by_its_user a_deleted_chat_is_gone
    what_is_missing_is_named opening_under_a_key_opens_one a_title_is_the_beginning_of_a_message
}

async fn open(http: &Http, title: &str, user: &str) -> Value {
    let answer = http.post("/v1/chat/chats").json(&json!({"chat_title": title, "user_id": user})).await;
    answer.has_status(200);
    answer.json()
}

async fn listed(http: &Http, user: &str) -> Vec<Value> {
    let answer = http.get(&format!("/v1/chat/chats?user_id={user}")).await;
    answer.has_status(200);
    let body = answer.json();
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(1), "{answer}");
    body["chats"].as_array().expect("chats").clone()
}

async fn chats_are_opened_and_listed(site: &Site) {
    let (http, user) = (site.http(), name("user"));
    let first = open(&http, "첫 번째", &user).await;
    let keys: Vec<_> = first.as_object().expect("an object").keys().cloned().collect();
    assert_eq!(keys, ["chat_id", "chat_title", "user_id", "created_at"]);
    assert_eq!((&first["chat_title"], &first["user_id"]), (&json!("첫 번째"), &json!(user)));
    assert!(first["created_at"].as_str().is_some_and(|at| at.ends_with("+09:00") && at.len() == 25));
    let second = open(&http, "두 번째", &user).await;
    open(&http, "another's", &name("user")).await;
    let in_list = |chat: &Value, last: Value| {
        let mut chat = chat.clone();
        chat["last_message_at"] = last;
        chat
    };
    assert_eq!(listed(&http, &user).await, [in_list(&second, Value::Null), in_list(&first, Value::Null)]);
    let chat = first["chat_id"].as_str().expect("an id");
    let reply = say(&http, chat, "hello").await;
    let now = listed(&http, &user).await;
    assert_eq!(now[1], in_list(&first, reply.json()["timestamp"].clone()));
    http.get(&format!("/v1/chat/chats/{chat}")).await.is(200, &now[1]);
    assert_eq!(listed(&http, "nobody").await, [] as [Value; 0]);
}

async fn a_message_opens_its_chat(site: &Site) {
    let (http, chat, user) = (site.http(), name("chat"), name("user"));
    let body = json!({"message": "hello", "user_id": user});
    http.post(&format!("/v1/chat/{chat}/message")).json(&body).await.has_status(200);
    let now = listed(&http, &user).await;
    assert_eq!((now.len(), &now[0]["chat_id"]), (1, &json!(chat)));
    assert_eq!(now[0]["chat_title"], json!(format!("Chat {chat}")));
    let plain = name("chat");
    say(&http, &plain, "hello").await.has_status(200);
    let by_default = http.get(&format!("/v1/chat/chats/{plain}")).await.json();
    assert_eq!(by_default["user_id"], "user");
}

async fn a_chat_is_renamed_by_its_user(site: &Site) {
    let (http, user) = (site.http(), name("user"));
    let chat = open(&http, "old", &user).await["chat_id"].as_str().expect("an id").to_owned();
    let rename = |chat: &str, user: &str| {
        http.ask(
            "PUT",
            &format!("/v1/chat/chats/{chat}/title?new_title=%EC%83%88%20%EC%A0%9C%EB%AA%A9&user_id={user}"),
        )
    };
    let no = json!({"message": "채팅방 이름 변경에 실패했습니다.", "success": false});
    rename(&chat, "somebody-else").await.is(200, &no);
    rename("chat999", &user).await.is(200, &no);
    assert_eq!(listed(&http, &user).await[0]["chat_title"], "old");
    rename(&chat, &user).await.is(200, &json!({"message": "채팅방 이름이 변경되었습니다.", "success": true}));
    assert_eq!(listed(&http, &user).await[0]["chat_title"], "새 제목");
}

async fn a_deleted_chat_is_gone(site: &Site) {
    let (http, user, chat) = (site.http(), name("user"), name("chat"));
    let body = json!({"message": "hello", "user_id": user});
    http.post(&format!("/v1/chat/{chat}/message")).json(&body).await.has_status(200);
    let delete = || http.ask("DELETE", &format!("/v1/chat/chats/{chat}"));
    delete().await.is(200, &json!({"message": "채팅이 삭제되었습니다.", "deleted": true}));
    let no = json!({"message": "채팅 삭제에 실패했습니다.", "deleted": false});
    delete().await.is(200, &no);
    http.ask("DELETE", "/v1/chat/chats/chat999").await.is(200, &no);
    assert_eq!(listed(&http, &user).await, [] as [Value; 0]);
    is_no_chat(&http.get(&format!("/v1/chat/{chat}/history")).await, &chat);
    is_no_chat(&http.get(&format!("/v1/chat/chats/{chat}")).await, &chat);
    // The next message opens another chat of that id.
    say(&http, &chat, "again").await.has_status(200);
    assert_eq!(super::history(&http, &chat).await.len(), 2);
}

async fn what_is_missing_is_named(site: &Site) {
    let http = site.http();
    let missing = |detail: &str| json!({"status": "error", "code": "REQUIRED_FIELD_MISSING", "message": "필수 항목이 누락되었습니다.", "detail": detail});
    let chats = |body: Value| http.post("/v1/chat/chats").json(&body);
    chats(json!({"chat_title": "x"})).await.is(400, &missing("user_id"));
    chats(json!({"user_id": "x"})).await.is(400, &missing("chat_title"));
    chats(json!({"user_id": null, "chat_title": " "})).await.is(400, &missing("user_id"));
    http.post("/v1/chat/chats").await.is(400, &missing("user_id"));
    http.get("/v1/chat/chats").await.is(400, &missing("user_id"));
    http.get("/v1/chat/chats?user_id=").await.is(400, &missing("user_id"));
    let put = |query: &str| http.ask("PUT", &format!("/v1/chat/chats/x/title{query}"));
    put("").await.is(400, &missing("new_title"));
    put("?new_title=x").await.is(400, &missing("user_id"));
    http.post("/v1/chat/x/cancel").await.is(400, &missing("user_id"));
    for path in ["/v1/chat/x/message", "/v1/chat/x/stream", "/v1/chat/generate-title"] {
        http.post(path).json(&json!({})).await.is(400, &missing("message"));
    }
    let long = "x".repeat(256);
    refused(&chats(json!({"chat_title": long, "user_id": "x"})).await, 400, "VALIDATION_ERROR");
    refused(&chats(json!({"chat_title": "x", "user_id": ["x"]})).await, 400, "VALIDATION_ERROR");
    refused(&http.get("/v1/chat/chats?user_id=%00").await, 400, "VALIDATION_ERROR");
}

async fn opening_under_a_key_opens_one(site: &Site) {
    let (http, user, key) = (site.http(), name("user"), name("key"));
    let open = |title: &str| {
        http.post("/v1/chat/chats").key(&key).json(&json!({"chat_title": title, "user_id": user}))
    };
    let first = open("one").await;
    let again = open("one").await;
    assert_eq!((&again.body, again.header("idempotency-replayed").as_deref()), (&first.body, Some("true")));
    refused(&open("two").await, 422, "VALIDATION_ERROR");
    assert_eq!(listed(&http, &user).await.len(), 1);
}

async fn a_title_is_the_beginning_of_a_message(site: &Site) {
    let http = site.http();
    let title = |message: &str| http.post("/v1/chat/generate-title").json(&json!({ "message": message }));
    title("1라인 점검").await.is(200, &json!({"title": "1라인 점검"}));
    title(&"가".repeat(100)).await.is(200, &json!({"title": format!("{}…", "가".repeat(30))}));
    refused(&title(" ").await, 400, "CHAT_MESSAGE_INVALID");
}
