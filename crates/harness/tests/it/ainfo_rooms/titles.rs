//! Bodies that are refused (contract §0.7, §2.2), with the words of the original.

use super::client::open;
use crate::support::{Ask, Http, Site, on_both};
use serde_json::{Value, json};

on_both! { titles_are_checked bodies_are_read_as_the_framework_reads_them }

/// Opening and both ways of renaming take the same body.
fn asks(user: &Http, room: &Value) -> [Ask; 3] {
    let path = format!("/chatbot/room/{}/", room["id"]);
    [user.post("/chatbot/room/"), user.ask("PATCH", &path), user.ask("PUT", &path)]
}

async fn titles_are_checked(site: &Site) {
    let user = site.user().await;
    let room = open(&user, "stays").await;
    let blank = "이 필드는 blank일 수 없습니다.";
    let cases = [
        (json!(""), blank),
        (json!(" \t\n　"), blank),
        (json!(null), "이 필드는 null일 수 없습니다."),
        (json!("가".repeat(101)), "이 필드의 글자 수가 100 이하인지 확인하십시오."),
        (json!("x".repeat(60_000)), "이 필드의 글자 수가 100 이하인지 확인하십시오."),
        (json!(true), "Not a valid string."),
        (json!(["x"]), "Not a valid string."),
        (json!({"x": 1}), "Not a valid string."),
        (json!("a\u{0}b"), "이 필드에는 제어 문자를 사용할 수 없습니다."),
        (json!("a\u{1b}[31m"), "이 필드에는 제어 문자를 사용할 수 없습니다."),
    ];
    for (title, words) in &cases {
        for ask in asks(&user, &room) {
            ask.json(&json!({ "title": title })).await.is(400, &json!({ "title": [words] }));
        }
    }
    for ask in asks(&user, &room) {
        let form = "application/x-www-form-urlencoded";
        ask.body(form, "title=+").await.is(400, &json!({ "title": [blank] }));
    }
    user.get("/chatbot/room/").await.is(200, &json!([room]));
}

async fn bodies_are_read_as_the_framework_reads_them(site: &Site) {
    let user = site.user().await;
    let room = open(&user, "stays").await;
    for (body, kind) in [("[]", "list"), ("5", "int"), ("1.5", "float"), ("\"x\"", "str"), ("true", "bool")] {
        for ask in asks(&user, &room) {
            let words = format!("유효하지 않은 데이터. 딕셔너리(dictionary)대신 {kind}를 받았습니다.");
            ask.body("application/json", body).await.is(400, &json!({ "non_field_errors": [words] }));
        }
    }
    for body in ["{", "{'title': 'x'}", "title=x", "{\"title\": \"x\"", "\u{feff}"] {
        for ask in asks(&user, &room) {
            let answer = ask.body("application/json", body).await;
            answer.has_status(400);
            let detail = answer.string("/detail");
            assert!(detail.starts_with("JSON parse error - "), "{body}: {answer}");
        }
    }
    for ask in asks(&user, &room) {
        let words = "요청된 \"text/plain\"가 지원되지 않는 미디어 형태입니다.";
        ask.body("text/plain", "x").await.is(415, &json!({ "detail": words }));
    }
    for ask in asks(&user, &room) {
        let words = "압축된 요청 본문은 지원되지 않습니다.";
        let ask = ask.header("Content-Encoding", "gzip").body("application/json", "{}");
        ask.await.is(415, &json!({ "detail": words }));
    }
    for ask in asks(&user, &room) {
        let large = json!({ "title": "x".repeat(1 << 20) });
        ask.json(&large).await.is(413, &json!({ "detail": "요청 본문이 너무 큽니다." }));
    }
    // The room is looked for before the body is read.
    for verb in ["PATCH", "PUT"] {
        user.ask(verb, "/chatbot/room/999999999/").body("text/plain", "x").await.has_status(404);
    }
    user.get("/chatbot/room/").await.is(200, &json!([room]));
}
