//! What the provider is sent.

use crate::support::{KEY, hear, openai, prompt, talk};
use maru_domain::messages::Role;
use maru_domain::turns::Usage;
use maru_domain::turns::ports::{ChatModel, Finish, ModelFault};
use maru_llm::{LlmError, OpenAi, OpenAiSettings};
use maru_testkit::upstream::{PROMPT_ECHO, Pace, Script, Upstream};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn the_request_holds_the_conversation_and_nothing_unasked() {
    let upstream = Upstream::start().await;
    let model = openai(&upstream.base_url(), "m-1", Pace::short());
    let asked = talk(
        Some("be brief"),
        &[
            (Role::User, "hello"),
            (Role::Assistant, "hi"),
            (Role::User, "stop"),
            (Role::Assistant, ""),
            (Role::User, "한국어 \"인용\""),
        ],
    );
    let heard = hear(&model, asked).await;
    assert_eq!(heard.text, "reply to: 한국어 \"인용\"");
    let calls = upstream.calls();
    let call = calls.first().expect("a call");
    assert_eq!(
        call.body,
        json!({
            "model": "m-1",
            "stream": true,
            "stream_options": { "include_usage": true },
            "messages": [
                { "role": "system", "content": "be brief" },
                { "role": "user", "content": "hello" },
                { "role": "assistant", "content": "hi" },
                { "role": "user", "content": "stop" },
                { "role": "user", "content": "한국어 \"인용\"" },
            ],
        })
    );
    assert_eq!(call.path, "/v1/chat/completions");
    assert_eq!(call.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert_eq!(call.header("accept-encoding"), Some("identity"));
    assert_eq!(call.header("x-client-request-id"), Some("00000000-0000-0000-0000-000000000007"));
    let names: Vec<_> = call.headers.iter().map(|(name, _)| name.as_str()).collect();
    for absent in ["openai-organization", "openai-project", "referer", "cookie"] {
        assert!(!names.contains(&absent), "{absent}");
    }
}

#[tokio::test]
async fn no_system_prompt_no_message_and_no_key_no_header() {
    let upstream = Upstream::start().await;
    let settings = OpenAiSettings::new("local", format!("{}/", upstream.base_url()), PROMPT_ECHO);
    let heard = hear(&OpenAi::new(settings).expect("settings"), prompt("hello")).await;
    let sent: Value = serde_json::from_str(&heard.text).expect("the model repeats what it was sent");
    assert_eq!(sent, json!([{ "role": "user", "content": "hello" }]));
    let calls = upstream.calls();
    assert_eq!(calls.first().and_then(|call| call.header("authorization")), None);
    assert_eq!(
        calls.first().map(|call| call.path.as_str()),
        Some("/v1/chat/completions"),
        "one slash, not two"
    );
}

#[tokio::test]
async fn usage_and_finish_are_passed_on() {
    let upstream = Upstream::start().await;
    let said = || Script::stream().say("a");
    for (name, script, finish, usage) in [
        ("usage", said().finish("stop").usage(11, 1).done().end(), Finish::Stop, Some((11, 1))),
        ("no-usage", said().finish("stop").done().end(), Finish::Stop, None),
        (
            "usage-before-finish",
            said().usage(5, 6).finish("length").done().end(),
            Finish::Length,
            Some((5, 6)),
        ),
        (
            "usage-and-silence",
            said().finish("content_filter").usage(2, 3).stall(),
            Finish::ContentFilter,
            Some((2, 3)),
        ),
        ("json", Script::completion("a"), Finish::Stop, Some((3, 4))),
    ] {
        upstream.script(name, script);
        let heard = hear(&openai(&upstream.base_url(), name, Pace::short()), prompt("x")).await;
        let usage = usage.map(|(input_tokens, output_tokens)| Usage { input_tokens, output_tokens });
        assert_eq!(
            (heard.text.as_str(), heard.end),
            ("a", Some((finish, usage))),
            "{name}: {:?}",
            heard.error
        );
    }
}

#[tokio::test]
async fn a_connection_serves_many_replies() {
    let upstream = Upstream::start().await;
    let model = openai(&upstream.base_url(), "m", Pace::short());
    for n in 0..20 {
        let text = format!("message {n}");
        assert_eq!(hear(&model, prompt(&text)).await.text, format!("reply to: {text}"));
    }
    assert!(
        upstream.accepted_connections() < 10,
        "{} connections for 20 replies",
        upstream.accepted_connections()
    );
}

#[tokio::test]
async fn a_reply_that_nobody_wants_is_closed_at_once() {
    let upstream = Upstream::start().await;
    upstream.script("slow", Script::tokens(10_000, 20));
    upstream.script("silent", Script::nothing().stall());
    let model = openai(&upstream.base_url(), "slow", Pace::short());
    let mut pieces = model.reply(prompt("x")).await.expect("a stream");
    assert!(futures_util::StreamExt::next(&mut pieces).await.is_some());
    drop(pieces);
    let silent = openai(&upstream.base_url(), "silent", Pace::short());
    // Before the head: the call itself is dropped.
    assert!(tokio::time::timeout(Duration::from_millis(200), silent.reply(prompt("x"))).await.is_err());
    assert!(upstream.at_most_open(0, Duration::from_secs(5)).await, "{} open", upstream.open_connections());
    for name in ["slow", "silent"] {
        let calls = upstream.calls_of(name);
        assert!(calls.first().is_some_and(|call| call.closed_by_client().is_some()), "{name}: {calls:?}");
    }
}

#[tokio::test]
async fn an_echoed_key_is_cut_out_of_the_words() {
    let upstream = Upstream::start().await;
    let page = format!("<html>Incorrect API key provided: {KEY}</html>");
    let json = format!(r#"{{"error":{{"message":"bad key {KEY}","code":"invalid_api_key"}}}}"#);
    let events = Script::stream().event(&json).end();
    for (name, script, fault) in [
        ("page", Script::answer(401, &[("content-type", "text/html")], &page), ModelFault::Unauthorized),
        ("json", Script::answer(403, &[], &json), ModelFault::Unauthorized),
        ("events", events, ModelFault::Unauthorized),
    ] {
        upstream.script(name, script);
        let error = hear(&openai(&upstream.base_url(), name, Pace::short()), prompt("x"))
            .await
            .error
            .expect("an error");
        assert_eq!(error.fault, fault, "{name}");
        assert!(!format!("{error} {error:?}").contains(KEY), "{name}: {error:?}");
        assert!(error.detail.contains("[our key]"), "{name}: {error:?}");
    }
}

#[test]
fn settings_that_cannot_work_are_refused_with_one_line() {
    let made = |base_url: &str, key: &str| {
        let api_key = Some(SecretString::from(key));
        OpenAi::new(OpenAiSettings { api_key, ..OpenAiSettings::new("p", base_url, "m") }).err()
    };
    assert_eq!(made("https://api.example.com/v1", "k"), None);
    assert_eq!(made(" http://127.0.0.1:11434/v1/ ", ""), None);
    for bad in [
        "",
        "api.example.com",
        "file:///etc/passwd",
        "ftp://x/",
        "http://",
        "http://u:p@x/v1",
        "http://x/v1?key=1",
        "http://x/#f",
    ] {
        assert_eq!(made(bad, "k"), Some(LlmError::BaseUrl { provider: "p".into() }), "{bad:?}");
    }
    let error = made("http://x/v1", "line\nfeed").expect("refused");
    assert_eq!(error, LlmError::Key { provider: "p".into() });
    assert!(!error.to_string().contains("feed") && !error.to_string().contains('\n'));
}
