//! The stream of a reply (contract §5.5), to the byte.

use super::{COMFORT, FELL, NOT_FOUND, Thread, demo, first_quote, templates, timeless};
use crate::support::{Backend, Reply, Site, for_both, probe, until};
use maru_testkit::upstream::Script;
use serde_json::{Value, json};
use std::time::Duration;

for_both! {
    a_reply_is_told_in_pieces the_connection_is_kept_where_the_client_keeps_it every_listener_gets_the_same who_comes_again_gets_the_rest
    a_listener_waits_for_the_reply a_reply_that_could_not_be_made_is_an_error a_silent_stream_lives
}

/// An event: its id and its data.
type Event = (String, Value);

#[track_caller]
fn events(answer: &Reply) -> Vec<Event> {
    assert_eq!(answer.status, 200, "{answer}");
    let text = answer.text();
    let frames = text.strip_prefix("retry: 3000\n\n").unwrap_or_else(|| panic!("no retry: {answer}"));
    let frames = frames.split_terminator("\n\n").filter(|frame| !frame.starts_with(':'));
    let event = |frame: &str| {
        let (id, data) = frame.split_once("\ndata: ").unwrap_or_else(|| panic!("{frame:?} of {answer}"));
        let id = id.strip_prefix("id: ").unwrap_or_else(|| panic!("{frame:?} of {answer}"));
        (id.to_owned(), serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {frame:?}")))
    };
    frames.map(event).collect()
}

fn content(events: &[Event]) -> String {
    let told = events.iter().filter(|(_, event)| event["type"] == "content");
    told.filter_map(|(_, event)| event["data"].as_str()).collect()
}

async fn a_reply_is_told_in_pieces(backend: Backend) {
    let site = demo(backend).await;
    let thread = Thread::new(&site.http());
    thread.listen().await.is(404, &json!({"error": NOT_FOUND}));
    for n in 1..=4 {
        thread.exchange(FELL).await;
        let answer = thread.listen().await;
        answer
            .has("content-type", "text/event-stream")
            .has("cache-control", "no-cache")
            .has("connection", "keep-alive")
            .has("x-accel-buffering", "no")
            .has_status(200);
        let told = events(&answer);
        let ids: Vec<_> = told.iter().map(|(id, _)| id.clone()).collect();
        assert_eq!(ids, (1..=told.len()).map(|seq| format!("{n}-{seq}")).collect::<Vec<_>>());
        let said = if n < 4 { templates()[n - 1].clone() } else { COMFORT.to_owned() };
        assert_eq!(content(&told), said);
        assert_eq!(thread.status().await.json()["content"], said.as_str());
        // One piece a word, and each space leads.
        let pieces: Vec<_> = told.iter().filter(|(_, event)| event["type"] == "content").collect();
        assert_eq!(pieces.len(), said.split(' ').count());
        assert!(
            pieces
                .iter()
                .skip(1)
                .all(|(_, piece)| piece["data"].as_str().is_some_and(|text| text.starts_with(' ')))
        );
        let bodies: Vec<_> = told.iter().map(|(_, event)| timeless(event.clone())).collect();
        assert_eq!(bodies.last(), Some(&json!({"type": "complete"})));
        let quotes: Vec<_> = bodies.iter().filter(|body| body["type"] == "quote").collect();
        if n == 4 {
            assert_eq!(quotes, [&json!({"type": "quote", "data": first_quote()})]);
            assert_eq!(bodies[bodies.len() - 2], *quotes[0], "the quote comes last but one");
        } else {
            assert!(quotes.is_empty(), "{quotes:?}");
        }
        let times: Vec<_> = told.iter().filter_map(|(_, event)| event["timestamp"].as_str()).collect();
        assert!(times.len() == told.len() && times.is_sorted(), "{times:?}");
    }
}

async fn the_connection_is_kept_where_the_client_keeps_it(backend: Backend) {
    let site = demo(backend).await;
    let thread = Thread::new(&site.http());
    thread.exchange(FELL).await;
    let ask = |version: &str, connection: &str| {
        let path = thread.path("stream");
        format!("GET {path} HTTP/{version}\r\nHost: x\r\nConnection: {connection}\r\n\r\n")
    };
    let next = "GET /api/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let kept = probe(&thread.http.base, ask("1.1", "keep-alive") + next).await;
    assert_eq!(kept.statuses(), [200, 200], "{}", kept.text());
    assert!(kept.text().starts_with("HTTP/1.1 200 OK\r\nconnection: keep-alive\r\n"), "{}", kept.text());
    for (version, connection) in [("1.1", "close"), ("1.0", "close")] {
        let closed = probe(&thread.http.base, ask(version, connection)).await;
        assert!(closed.closed && closed.statuses() == [200], "{}", closed.text());
        assert!(!closed.text().to_lowercase().contains("keep-alive"), "{}", closed.text());
        assert!(closed.text().contains("\"complete\""), "{}", closed.text());
    }
}

async fn every_listener_gets_the_same(backend: Backend) {
    let site = Site::start(backend, &[]).await;
    let thread = Thread::new(&site.http());
    let slow = Script::stream()
        .role()
        .wait(Duration::from_millis(700))
        .say("천천히 ")
        .say("오는 답")
        .finish("stop")
        .done()
        .end();
    site.upstream.script("echo", slow);
    thread.say("하나").await.has_status(200);
    assert_eq!(thread.status().await.json()["status"], "pending");
    let early = (0..4).map(|_| thread.listen().into_future());
    let early = futures_util::future::join_all(early).await;
    let late = thread.listen().await;
    assert_eq!(content(&events(&late)), "천천히 오는 답");
    for one in &early {
        assert_eq!(one.text(), late.text());
    }
}

async fn who_comes_again_gets_the_rest(backend: Backend) {
    let site = demo(backend).await;
    let thread = Thread::new(&site.http());
    for _ in 1..=4 {
        thread.exchange(FELL).await;
    }
    let whole = thread.listen().await.text();
    let told = events(&thread.listen().await);
    for (seen, (id, _)) in told.iter().enumerate() {
        let rest = thread.listen().header("Last-Event-ID", id).await;
        if seen + 1 == told.len() {
            assert_eq!((rest.status, rest.text()), (204, String::new()), "{id}");
            continue;
        }
        let (_, behind) = whole
            .split_once(&format!("id: {id}\n"))
            .and_then(|(_, rest)| rest.split_once("\n\n"))
            .expect("the event");
        assert_eq!(rest.text(), format!("retry: 3000\n\n{behind}"), "{id}");
    }
    // What names no event of the latest reply is told all of it.
    for id in ["", "3-1", "1-99", "9-1", "x", "4", "4-", "-1", "4-x", "4--1", "99999999999999999999-1"] {
        let answer = thread.listen().header("Last-Event-ID", id).await;
        assert_eq!(answer.text(), whole, "{id:?}");
    }
    assert_eq!(thread.listen().header("Last-Event-ID", "4-999").await.status, 204);
    // The next reply is another one: who had all of the last gets all of it.
    let last = &told[told.len() - 1].0;
    thread.exchange("다섯").await;
    let next = events(&thread.listen().header("Last-Event-ID", last).await);
    assert_eq!(next[0].0, "5-1");
    assert_eq!(content(&next), COMFORT);
}

async fn a_listener_waits_for_the_reply(backend: Backend) {
    let site = Site::start(backend, &[]).await;
    let thread = Thread::new(&site.http());
    let slow = |text: &str| {
        Script::stream().role().wait(Duration::from_secs(1)).say(text).finish("stop").done().end()
    };
    site.upstream.script("echo", slow("기다린 답"));
    thread.say("하나").await.has_status(200);
    // Who leaves cancels nothing.
    let leaving = tokio::time::timeout(Duration::from_millis(200), thread.listen().into_future()).await;
    assert!(leaving.is_err(), "nothing is told before the reply is there");
    let told = events(&thread.listen().await);
    assert_eq!(content(&told), "기다린 답");
    assert_eq!(thread.status().await.json()["content"], "기다린 답");
    // A thread that is deleted meanwhile ends the stream; coming again is a 404, which stops the client.
    site.upstream.script("echo", Script::stream().role().stall());
    thread.say("둘").await.has_status(200);
    let listening = thread.listen().into_future();
    let deleting = async {
        until("the model is asked", || async { site.upstream.calls().len() >= 2 }).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        thread.delete().await.has_status(200);
    };
    let (heard, ()) = futures_util::future::join(listening, deleting).await;
    assert_eq!((heard.status, heard.text().as_str()), (200, "retry: 3000\n\n"));
    thread.listen().header("Last-Event-ID", "1-1").await.is(404, &json!({"error": NOT_FOUND}));
}

async fn a_reply_that_could_not_be_made_is_an_error(backend: Backend) {
    let site = Site::start(backend, &[]).await;
    let user = site.user().await;
    let thread = Thread::new(&user);
    site.upstream.script("echo", Script::stream().role().stall());
    thread.say("하나").await.has_status(200);
    // The thread is its owner's room everywhere; there its turn can be stopped.
    let rooms = user.get("/v1/rooms").await.json();
    assert_eq!(rooms["data"][0]["kind"], "quote", "{rooms}");
    let room = rooms["data"][0]["id"].as_str().unwrap_or_default().to_owned();
    let messages = user.get(&format!("/v1/rooms/{room}/messages")).await.json();
    let turn = messages["data"][0]["turn_id"].as_str().unwrap_or_default().to_owned();
    user.post(&format!("/v1/turns/{turn}/cancel")).await.has_status(200);
    let failed = "응답을 생성하지 못했습니다.";
    let status = timeless(thread.status().await.json());
    let wanted = json!({"userId": thread.user, "threadNum": thread.thread, "status": "error", "content": failed, "quote": null});
    assert_eq!(status, wanted);
    let told: Vec<_> =
        events(&thread.listen().await).into_iter().map(|(id, event)| (id, timeless(event))).collect();
    assert_eq!(
        told,
        [
            ("1-1".to_owned(), json!({"type": "error", "data": failed})),
            ("1-2".to_owned(), json!({"type": "complete"})),
        ]
    );
    // The conversation goes on.
    site.upstream.script_each("echo", Vec::new());
    thread.exchange("둘").await;
    assert_eq!(thread.status().await.json()["content"], "reply to: 둘");
}

async fn a_silent_stream_lives(backend: Backend) {
    let site = Site::start(backend, &[]).await;
    let thread = Thread::new(&site.http());
    site.upstream.script(
        "echo",
        Script::stream().role().wait(Duration::from_secs(16)).say("드디어").finish("stop").done().end(),
    );
    thread.say("하나").await.has_status(200);
    let answer = thread.listen().await;
    assert!(answer.text().starts_with("retry: 3000\n\n: ping\n\nid: 1-1\n"), "{answer}");
    assert_eq!(content(&events(&answer)), "드디어");
}
