//! A provider that means harm costs no more than the limits allow.

use crate::support::{hear, openai, prompt};
use maru_domain::turns::ports::ModelFault;
use maru_llm::{Limits, OpenAi, OpenAiSettings};
use maru_testkit::upstream::{Call, Pace, Script, Upstream, faults};
use std::time::Duration;

/// What the kernel's socket buffers may hold on both sides, above what was read.
const IN_SOCKETS: u64 = 32 << 20;

async fn play(upstream: &Upstream, name: &str) -> (ModelFault, Call) {
    let all = faults(Pace::short());
    let fault = all.iter().find(|fault| fault.name == name).expect("a fault");
    let address = fault.install(upstream).expect("sockets");
    let heard = hear(&openai(&address.base_url, name, Pace::short()), prompt("x")).await;
    assert!(upstream.at_most_open(0, Duration::from_secs(5)).await, "{name} is closed");
    let call = upstream.calls_of(name).pop().expect("a call");
    (heard.error.expect("a failure").fault, call)
}

#[tokio::test]
async fn what_has_no_end_is_not_read_for_long() {
    let upstream = Upstream::start().await;
    for (name, fault, most) in [
        ("line-of-4-mib", ModelFault::TooLarge, 1 << 20),
        ("line-without-end", ModelFault::TooLarge, 1 << 20),
        ("json-without-end", ModelFault::TooLarge, 4 << 20),
        ("endless", ModelFault::TooLarge, 5 << 20),
        ("error-page-without-end", ModelFault::Failing, 16 << 10),
        ("gzip-bomb", ModelFault::Malformed, 200 << 10),
    ] {
        let (met, call) = play(&upstream, name).await;
        assert_eq!(met, fault, "{name}");
        assert!(call.sent < most + IN_SOCKETS, "{name}: {} bytes", call.sent);
    }
}

#[tokio::test]
async fn a_stream_of_nothing_ends_at_the_limit_of_the_wire() {
    let upstream = Upstream::start().await;
    // Each event is within every other limit, and none says anything.
    let event = format!(r#"{{"choices":[],"padding":"{}"}}"#, "x".repeat(60_000));
    upstream.script("nothing", Script::stream().repeat(&event, u64::MAX, Duration::ZERO));
    let limits = Limits { stream: 16 << 20, ..Limits::default() };
    let model =
        OpenAi::new(OpenAiSettings { limits, ..OpenAiSettings::new("p", upstream.base_url(), "nothing") })
            .expect("settings");
    let heard = hear(&model, prompt("x")).await;
    assert_eq!(heard.error.map(|error| error.fault), Some(ModelFault::TooLarge));
    assert!(upstream.at_most_open(0, Duration::from_secs(5)).await);
    assert!(upstream.calls().first().is_some_and(|call| call.sent < (16 << 20) + IN_SOCKETS));
}

#[tokio::test]
async fn a_million_empty_deltas_are_nothing() {
    let upstream = Upstream::start().await;
    let pace = Pace { many: 1_000_000, ..Pace::short() };
    let all = faults(pace);
    let fault = all.iter().find(|fault| fault.name == "many-empty-deltas").expect("a fault");
    let address = fault.install(&upstream).expect("sockets");
    let heard = hear(&openai(&address.base_url, fault.name, pace), prompt("x")).await;
    assert_eq!((heard.text.as_str(), heard.pieces), ("after all", 2), "{:?}", heard.error);
}

#[tokio::test]
async fn the_timer_runs_while_a_flood_of_nothing_comes() {
    let upstream = Upstream::start().await;
    upstream.script("flood", Script::stream().repeat(r#"{"choices":[]}"#, u64::MAX, Duration::ZERO));
    let pace = Pace { first_token: Duration::from_millis(300), ..Pace::short() };
    let model = crate::support::guarded(&upstream.base_url(), "flood", pace);
    let heard =
        tokio::time::timeout(Duration::from_secs(20), hear(&model, prompt("x"))).await.expect("no hang");
    assert_eq!(heard.error.map(|error| error.fault), Some(ModelFault::TimedOut));
}
