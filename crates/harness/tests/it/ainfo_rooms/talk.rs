//! Talking over a socket (contract §2.3).

use super::client::{CANCELLED, Socket, cancel, logs, open, open_with, said, say};
use crate::support::{Site, name, on_both, until};
use maru_testkit::upstream::Script;
use serde_json::json;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

on_both! {
    a_reply_comes_in_pieces_and_whole what_is_no_message_is_told_so messages_are_answered_in_order
    rooms_do_not_hear_each_other pings_are_answered a_message_may_come_in_several_frames
    what_was_said_is_what_is_kept
}

async fn a_reply_comes_in_pieces_and_whole(site: &Site) {
    let user = site.user().await;
    let model = name("pieces");
    let room = open_with(&user, &model).await;
    let pause = Duration::from_millis(100);
    let script = Script::stream().role().say("안녕").wait(pause).say("하세").wait(pause).say("요!");
    site.upstream.script(&model, script.finish("stop").done().end());
    let mut socket = Socket::to(&user, &room).await;
    socket.ask("안녕").await;
    let mut frames = Vec::new();
    while frames.last().is_none_or(|frame: &serde_json::Value| frame["is_streaming"] == true) {
        frames.push(socket.json().await);
    }
    let last = frames.pop().expect("a last frame");
    assert_eq!(last, json!({"response": "안녕하세요!", "is_streaming": false}));
    assert!(frames.len() >= 2, "{frames:?}");
    let pieces: String = frames.iter().filter_map(|frame| frame["response"].as_str()).collect();
    assert_eq!(pieces, "안녕하세요!");
    // Stored before it was told.
    assert_eq!(logs(&user, &room).await, said(&[("user", "안녕"), ("bot", "안녕하세요!")]));
    socket.is_silent(Duration::from_millis(200)).await;
}

async fn what_is_no_message_is_told_so(site: &Site) {
    let user = site.user().await;
    let room = open(&user, "x").await;
    let mut socket = Socket::to(&user, &room).await;
    for wrong in ["", "안녕", "{", "{'message': 'x'}", "{\"message\": \"x\"", "{\"message\": \"x\"} x"] {
        socket.text(wrong).await;
        socket.error("잘못된 JSON 형식입니다.").await;
    }
    let long = json!({ "message": "가".repeat(501) }).to_string();
    let control = json!({ "message": "a\u{0}b" }).to_string();
    let large = json!({ "message": "x".repeat(60_000) }).to_string();
    let blank =
        [r#"{"message": ""}"#, r#"{"message": " \n　"}"#, r#"{"is_report": true}"#, "{}", "[]", "5", "null"];
    let wrong =
        [r#"{"message": null}"#, r#"{"message": 5}"#, r#"{"message": ["x"]}"#, &long, &control, &large];
    for wrong in blank.into_iter().chain(wrong) {
        socket.text(wrong).await;
        socket.error("잘못된 메시지 형식입니다.").await;
    }
    socket.send(Message::binary(br#"{"message": "x"}"#.to_vec())).await;
    socket.error("잘못된 메시지 형식입니다.").await;
    // The connection is as good as before, and nothing of it was stored.
    assert_eq!(logs(&user, &room).await, []);
    socket.ask("이제").await;
    assert_eq!(socket.reply().await, "reply to: 이제");
    let longest = "가".repeat(500);
    socket.ask(&format!(" {longest} ")).await;
    assert_eq!(socket.reply().await, format!("reply to:  {longest} "));
}

async fn messages_are_answered_in_order(site: &Site) {
    let user = site.user().await;
    let room = open(&user, "x").await;
    let mut socket = Socket::to(&user, &room).await;
    let texts: Vec<String> = (0..24).map(|n| format!("{n}번째")).collect();
    for (n, text) in texts.iter().enumerate() {
        socket.ask(text).await;
        if n == 5 {
            socket.text("{").await;
        }
    }
    for (n, text) in texts.iter().enumerate() {
        assert_eq!(socket.reply().await, format!("reply to: {text}"));
        if n == 5 {
            socket.error("잘못된 JSON 형식입니다.").await;
        }
    }
    let replies: Vec<String> = texts.iter().map(|text| format!("reply to: {text}")).collect();
    let pairs =
        texts.iter().zip(&replies).flat_map(|(text, reply)| [("user", text.as_str()), ("bot", reply)]);
    assert_eq!(logs(&user, &room).await, said(&pairs.collect::<Vec<_>>()));
    // Each was asked with all that was said before it.
    let prompts = site.prompts_for("23번째");
    assert!(
        prompts.iter().any(|prompt| prompt.len() > 30 && prompt.contains(&"22번째".to_owned())),
        "{prompts:?}"
    );
}

async fn rooms_do_not_hear_each_other(site: &Site) {
    let (ann, bob) = (site.user().await, site.user().await);
    let rooms = [(&ann, open(&ann, "1").await), (&ann, open(&ann, "2").await), (&bob, open(&bob, "3").await)];
    let mut sockets = Vec::new();
    for (user, room) in &rooms {
        sockets.push(Socket::to(user, room).await);
    }
    // One more in a room where another socket talks: it hears nothing of that.
    let mut silent = Socket::to(&ann, &rooms[0].1).await;
    for round in 0..4 {
        for (n, socket) in sockets.iter_mut().enumerate() {
            socket.ask(&format!("{n}/{round}")).await;
        }
    }
    let talks = sockets.iter_mut().enumerate().map(|(n, socket)| async move {
        for round in 0..4 {
            assert_eq!(socket.reply().await, format!("reply to: {n}/{round}"));
        }
    });
    futures_util::future::join_all(talks).await;
    for (n, (user, room)) in rooms.iter().enumerate() {
        let texts: Vec<_> = logs(user, room).await;
        assert_eq!(texts.len(), 8);
        assert!(texts.iter().all(|(_, text)| text.contains(&format!("{n}/"))), "{texts:?}");
    }
    silent.is_silent(Duration::from_millis(100)).await;
    silent.ask("나도").await;
    assert_eq!(silent.reply().await, "reply to: 나도");
}

async fn pings_are_answered(site: &Site) {
    let user = site.user().await;
    let model = name("slow");
    let room = open_with(&user, &model).await;
    site.upstream.script(&model, Script::stream().role().stall());
    let mut socket = Socket::to(&user, &room).await;
    for busy in [false, true] {
        if busy {
            socket.ask("천천히").await;
            until("the model is asked", || async { !site.prompts_for("천천히").is_empty() }).await;
        }
        for ping in [&b""[..], b"are you there?", &[b'x'; 125]] {
            socket.send(Message::Ping(ping.to_vec().into())).await;
            assert_eq!(socket.frame().await, Some(Message::Pong(ping.to_vec().into())));
        }
    }
    socket.send(Message::Pong(b"unasked".to_vec().into())).await;
    cancel(&user, &room).await;
    socket.error(CANCELLED).await;
}

async fn a_message_may_come_in_several_frames(site: &Site) {
    let user = site.user().await;
    let room = open(&user, "x").await;
    let mut socket = Socket::to(&user, &room).await;
    let whole = json!({ "message": "여러 조각" }).to_string();
    let bytes = whole.as_bytes();
    // Cut in the middle of a character, with a ping between.
    let cuts = [&bytes[..14], &bytes[14..16], &[], &bytes[16..]];
    for (n, cut) in cuts.iter().enumerate() {
        let kind = if n == 0 { Data::Text } else { Data::Continue };
        let frame = Frame::message(cut.to_vec(), OpCode::Data(kind), n + 1 == cuts.len());
        socket.send(Message::Frame(frame)).await;
        if n == 1 {
            socket.send(Message::Ping(b"between".to_vec().into())).await;
        }
    }
    assert_eq!(socket.frame().await, Some(Message::Pong(b"between".to_vec().into())));
    assert_eq!(socket.reply().await, "reply to: 여러 조각");
}

/// White space and markup are kept; nothing of a message is a command.
async fn what_was_said_is_what_is_kept(site: &Site) {
    let user = site.user().await;
    let room = open(&user, "x").await;
    let texts = [
        "  앞뒤 공백 \n",
        "<script>alert(1)</script>",
        "a\tb\r\nc",
        "😀 e\u{301} \u{202e}",
        "\"\\\\\" ${x} {{x}} %s",
    ];
    for text in texts {
        assert_eq!(say(&user, &room, text).await, format!("reply to: {text}"));
    }
    let kept: Vec<String> = logs(&user, &room).await.into_iter().map(|(_, text)| text).collect();
    assert_eq!(kept.iter().step_by(2).collect::<Vec<_>>(), texts);
}
