//! Replies that do not come as they should (contract §2.3): an error and no log, never an empty
//! reply, and none that is lost with its client.

use super::client::{CANCELLED, MISSING, NO_REPLY, Socket, cancel, logs, open, open_with, said};
use crate::support::{Site, name, on_both, until};
use maru_testkit::upstream::Script;
use serde_json::json;
use std::time::Duration;

on_both! {
    a_message_is_stored_before_it_is_answered a_failing_model_is_told_and_leaves_no_log
    a_client_that_leaves_stops_nothing what_was_sent_before_leaving_is_answered
    a_room_that_goes_ends_its_sockets an_ended_room_says_so a_room_may_refuse_what_comes_too_early
}

async fn asked(site: &Site, text: &str) {
    until("the model is asked", || async { !site.prompts_for(text).is_empty() }).await;
}

async fn a_message_is_stored_before_it_is_answered(site: &Site) {
    let user = site.user().await;
    let model = name("stalling");
    let room = open_with(&user, &model).await;
    site.upstream.script(&model, Script::stream().role().say("반쯤").stall());
    let mut socket = Socket::to(&user, &room).await;
    let text = name("저장");
    socket.ask(&text).await;
    assert_eq!(socket.json().await, json!({"response": "반쯤", "is_streaming": true}));
    // A reply is no log before it is whole.
    assert_eq!(logs(&user, &room).await, said(&[("user", &text)]));
    let mut other = Socket::to(&user, &room).await;
    assert_eq!(other.json().await["message"], json!(text));
    other.is_silent(Duration::from_millis(100)).await;
    // Nor is one that was stopped, though the other contracts show what there is of it.
    cancel(&user, &room).await;
    socket.error(CANCELLED).await;
    assert_eq!(logs(&user, &room).await, said(&[("user", &text)]));
    assert_eq!(user.chats().await[0]["conversation"][0]["Bot"], "반쯤");
}

async fn a_failing_model_is_told_and_leaves_no_log(site: &Site) {
    let user = site.user().await;
    let model = name("failing");
    let room = open_with(&user, &model).await;
    let mut socket = Socket::to(&user, &room).await;
    let scripts = [
        Script::error(401, &[]),
        Script::stream().role().finish("stop").done().end(),
        Script::stream().role().finish("content_filter").done().end(),
    ];
    for script in scripts {
        site.upstream.script(&model, script);
        socket.ask("실패").await;
        socket.error(NO_REPLY).await;
    }
    // With some text before the failure, that was told.
    site.upstream
        .script(&model, Script::stream().role().say("반쯤").wait(Duration::from_millis(200)).close());
    socket.ask("실패").await;
    assert_eq!(socket.json().await, json!({"response": "반쯤", "is_streaming": true}));
    socket.error(NO_REPLY).await;
    assert_eq!(logs(&user, &room).await, said(&[("user", "실패"); 4]));
    site.upstream.script_each(&model, Vec::new());
    socket.ask("다시").await;
    assert_eq!(socket.reply().await, "reply to: 다시");
}

async fn a_client_that_leaves_stops_nothing(site: &Site) {
    let user = site.user().await;
    for politely in [true, false] {
        let model = name("leaving");
        let room = open_with(&user, &model).await;
        let script = Script::stream().role().say("끝").wait(Duration::from_secs(1)).say("까지");
        site.upstream.script(&model, script.finish("stop").done().end());
        let mut socket = Socket::to(&user, &room).await;
        socket.ask("가기 전에").await;
        assert_eq!(socket.json().await["response"], "끝");
        if politely {
            socket.leave().await;
        } else {
            drop(socket);
        }
        let whole = said(&[("user", "가기 전에"), ("bot", "끝까지")]);
        until("the reply is stored", || async { logs(&user, &room).await == whole }).await;
        // Whoever comes back finds it.
        let mut socket = Socket::to(&user, &room).await;
        socket.json().await;
        assert_eq!(socket.json().await["message"], "끝까지");
    }
}

async fn what_was_sent_before_leaving_is_answered(site: &Site) {
    let user = site.user().await;
    let model = name("patient");
    let room = open_with(&user, &model).await;
    let slow = Script::stream()
        .role()
        .say("느린 ")
        .wait(Duration::from_secs(1))
        .say("대답")
        .finish("stop")
        .done()
        .end();
    site.upstream.script_each(&model, vec![slow, Script::reply("둘째 대답"), Script::reply("셋째 대답")]);
    let mut socket = Socket::to(&user, &room).await;
    for text in ["하나", "둘", "셋"] {
        socket.ask(text).await;
    }
    assert_eq!(socket.json().await["response"], "느린 ");
    socket.leave().await;
    let whole = said(&[
        ("user", "하나"),
        ("bot", "느린 대답"),
        ("user", "둘"),
        ("bot", "둘째 대답"),
        ("user", "셋"),
        ("bot", "셋째 대답"),
    ]);
    until("all of it is stored", || async { logs(&user, &room).await == whole }).await;
}

async fn a_room_that_goes_ends_its_sockets(site: &Site) {
    let user = site.user().await;
    let model = name("deleted");
    let room = open_with(&user, &model).await;
    site.upstream.script(&model, Script::stream().role().say("반쯤").stall());
    let mut socket = Socket::to(&user, &room).await;
    let text = name("지워질");
    socket.ask(&text).await;
    asked(site, &text).await;
    assert_eq!(socket.json().await["response"], "반쯤");
    user.ask("DELETE", &format!("/chatbot/room/{}/", room["id"])).await.has_status(204);
    socket.error(NO_REPLY).await;
    socket.ask("아직?").await;
    socket.error(MISSING).await;
    assert_eq!(socket.close_code().await, Some(1008));
}

async fn an_ended_room_says_so(site: &Site) {
    let user = site.user().await;
    let room = open(&user, "x").await;
    let mut socket = Socket::to(&user, &room).await;
    user.post(&format!("/v1/rooms/{}/end", room["id"])).await.has_status(200);
    socket.ask("아직?").await;
    socket.error("종료된 채팅방입니다.").await;
    assert_eq!(logs(&user, &room).await, []);
    // Its past can still be read.
    Socket::to(&user, &room).await.is_silent(Duration::from_millis(50)).await;
}

/// A room of another contract that refuses a message while a turn runs: one socket waits for its own
/// replies all the same, and only another is refused.
async fn a_room_may_refuse_what_comes_too_early(site: &Site) {
    let user = site.user().await;
    let model = name("rejecting");
    let room = open_with(&user, &model).await;
    let policy = json!({"turn_policy": "reject"});
    user.ask("PATCH", &format!("/v1/rooms/{}", room["id"])).json(&policy).await.has_status(200);
    let slow = Script::stream()
        .role()
        .say("느린 ")
        .wait(Duration::from_secs(2))
        .say("대답")
        .finish("stop")
        .done()
        .end();
    site.upstream.script_each(&model, vec![slow, Script::reply("둘째 대답")]);
    let (mut one, mut two) = (Socket::to(&user, &room).await, Socket::to(&user, &room).await);
    one.ask("하나").await;
    one.ask("둘").await;
    assert_eq!(one.json().await["response"], "느린 ");
    two.ask("끼어들기").await;
    two.error(NO_REPLY).await;
    while one.json().await["is_streaming"] == true {}
    assert_eq!(one.reply().await, "둘째 대답");
    let whole = [("user", "하나"), ("bot", "느린 대답"), ("user", "둘"), ("bot", "둘째 대답")];
    assert_eq!(logs(&user, &room).await, said(&whole));
}
