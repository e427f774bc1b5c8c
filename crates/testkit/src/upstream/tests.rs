//! The provider does what it is told.

use super::{CallEnd, PROMPT_ECHO, Pace, Script, Upstream, faults};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

fn call(upstream: &Upstream, model: &str, text: &str, stream: bool) -> TcpStream {
    let messages = json!([{ "role": "system", "content": "s" }, { "role": "user", "content": text }]);
    let body = json!({ "model": model, "stream": stream, "messages": messages }).to_string();
    let mut client = TcpStream::connect(upstream.address()).expect("it listens");
    client.set_read_timeout(Some(SOON)).expect("a timeout");
    let head =
        format!("POST /v1/chat/completions HTTP/1.1\r\nX-Test: 1\r\nContent-Length: {}\r\n\r\n", body.len());
    client.write_all(head.as_bytes()).expect("it reads");
    client.write_all(body.as_bytes()).expect("it reads");
    client
}

/// Reads until `last` has come, or to the end.
fn answer(mut client: &TcpStream, last: &str) -> String {
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    while last.is_empty() || !all.windows(last.len()).any(|window| window == last.as_bytes()) {
        match client.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(count) => all.extend_from_slice(&buffer[..count]),
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test]
async fn an_unscripted_model_repeats_the_last_message() {
    let upstream = Upstream::start().await;
    let whole = answer(&call(&upstream, "any", "안녕", false), "\"total_tokens\":7}}");
    assert!(whole.contains("reply to: 안녕") && whole.contains("chat.completion"), "{whole}");
    let events = answer(&call(&upstream, "any", "hello", true), "0\r\n\r\n");
    assert!(
        events.contains("text/event-stream")
            && events.contains("data: [DONE]")
            && events.contains("\"hello\""),
        "{events}"
    );
    let echo = answer(&call(&upstream, PROMPT_ECHO, "hello", false), "\"total_tokens\":7}}");
    let body: Value = serde_json::from_str(echo.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON");
    let said: Value =
        serde_json::from_str(body["choices"][0]["message"]["content"].as_str().expect("text")).expect("JSON");
    assert_eq!(said, json!([{ "role": "system", "content": "s" }, { "role": "user", "content": "hello" }]));
    let calls = upstream.calls();
    assert_eq!(calls[0].messages()[1], ("user".to_owned(), "안녕".to_owned()));
    assert_eq!(
        (calls[0].header("x-test"), calls[0].end.map(|(_, end)| end)),
        (Some("1"), Some(CallEnd::Played))
    );
}

#[tokio::test]
async fn scripts_follow_each_other_and_the_last_stays() {
    let upstream = Upstream::start().await;
    upstream.script_each(
        "m",
        vec![Script::error(503, &[]), Script::nothing().close(), Script::answer(200, &[], "good")],
    );
    let said: Vec<_> = ["scripted 503", "", "good", "good"]
        .map(|last| answer(&call(&upstream, "m", "x", true), last))
        .into();
    assert!(said[0].starts_with("HTTP/1.1 503"), "{said:?}");
    assert!(said[1].is_empty() && said[2].ends_with("good") && said[3].ends_with("good"), "{said:?}");
    assert_eq!((upstream.calls_of("m").len(), upstream.call_count()), (4, 4));
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed_at_once() {
    let upstream = Upstream::start().await;
    upstream.script("stalls", Script::stream().say("a").stall());
    upstream.script("speaks", Script::tokens(1_000_000, 50));
    for model in ["stalls", "speaks"] {
        let client = call(&upstream, model, "x", true);
        answer(&client, "\"content\"");
        assert_eq!(upstream.open_connections(), 1);
        drop(client);
        assert!(upstream.at_most_open(0, SOON).await, "{model}");
        let calls = upstream.calls_of(model);
        assert!(calls[0].closed_by_client() > calls[0].first_byte && calls[0].sent > 100, "{:?}", calls[0]);
    }
}

#[tokio::test]
async fn two_hundred_streams_at_once() {
    let upstream = Upstream::start().await;
    upstream.script("load", Script::tokens(40, 200));
    let clients: Vec<_> = (0..200).map(|_| call(&upstream, "load", "x", true)).collect();
    for client in &clients {
        let said = answer(client, "0\r\n\r\n");
        assert!((0..40).all(|n| said.contains(&format!("\"token{n} \""))), "{said}");
    }
    drop(clients);
    assert!(upstream.at_most_open(0, SOON).await);
    assert_eq!(upstream.call_count(), 200);
}

#[test]
fn every_fault_has_a_name_of_its_own() {
    let mut names: Vec<_> = faults(Pace::real()).iter().map(|fault| fault.name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert!(names.len() == all && all >= 44, "{all} faults");
}
