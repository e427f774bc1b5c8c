//! Traces to a collector: in the caller's trace, and never in anybody's way.

use crate::support::{Backend, Http, Site, for_both, until};
use maru_testkit::collector::{Collector, Span};
use maru_testkit::upstream::Script;
use serde_json::json;
use std::time::{Duration, Instant};

for_both! { a_send_is_told_in_its_callers_trace a_collector_that_is_no_use_changes_nothing }

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

async fn traced(backend: Backend, endpoint: &str) -> Site {
    let settings = [("MARU__TELEMETRY__OTLP_ENDPOINT", endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "50")];
    Site::start(backend, &settings).await
}

fn say(user: &Http, room: &str, words: &str, traceparent: &str) -> crate::support::Ask {
    let ask = user.post(&format!("/v1/rooms/{room}/messages")).header("Prefer", "wait=30");
    ask.header("traceparent", traceparent).json(&json!({"content": words}))
}

async fn a_room(user: &Http) -> String {
    user.post("/v1/rooms").json(&json!({})).await.has_status(201).string("/id")
}

async fn a_send_is_told_in_its_callers_trace(backend: Backend) {
    let collector = Collector::start();
    let mut site = traced(backend, &collector.endpoint()).await;
    let user = site.user().await;
    let room = a_room(&user).await;
    say(&user, &room, "a secret plan", &format!("00-{TRACE}-{CALLER}-01")).await.has_status(200);
    for probe in ["/livez", "/readyz", "/metrics"] {
        user.get(probe).await.has_status(200);
    }
    let of_trace = || collector.spans().into_iter().filter(|span| span.trace == TRACE).collect::<Vec<Span>>();
    until("the spans arrive", || async { of_trace().len() >= 3 }).await;
    let spans = of_trace();
    let named = |name: &str| {
        spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name} in {spans:?}"))
    };
    let request = named("POST /v1/rooms/{id}/messages");
    assert_eq!((request.parent.as_str(), request.kind, request.service.as_str()), (CALLER, 2, "maru"));
    assert_eq!(request.attributes["http.response.status_code"], "200");
    let (turn, upstream) = (named("turn"), named("upstream"));
    assert_eq!((&turn.parent, turn.kind), (&request.id, 1));
    assert_eq!((&upstream.parent, upstream.kind), (&turn.id, 3));
    assert_eq!((upstream.attributes["provider"].as_str(), spans.len()), ("test", 3), "{spans:?}");
    // The provider is told which span asks it.
    let calls = site.upstream.calls();
    let told = calls.last().and_then(|call| call.header("traceparent")).unwrap_or_default().to_owned();
    assert_eq!(told, format!("00-{TRACE}-{}-01", upstream.id));
    // A caller who does not want to be traced is not, and still asks for one.
    say(&user, &room, "unseen", "00-11111111111111111111111111111111-2222222222222222-00")
        .await
        .has_status(200);
    let calls = site.upstream.calls();
    let told = calls.last().and_then(|call| call.header("traceparent")).unwrap_or_default().to_owned();
    assert!(told.starts_with("00-11111111111111111111111111111111-") && told.ends_with("-00"), "{told}");
    // What is no traceparent counts as none.
    say(&user, &room, "rubbish", "00-zz").await.has_status(200);
    // What was still waiting goes with the end.
    user.get("/v1/rooms").header("traceparent", format!("00-{TRACE}-{CALLER}-01")).await.has_status(200);
    site.server.terminate().expect("a signal");
    assert!(site.server.wait(Duration::from_secs(30)).await.expect("it ends").success());
    let all = collector.spans();
    assert!(all.iter().any(|span| span.name == "GET /v1/rooms" && span.trace == TRACE), "{all:?}");
    assert!(!all.iter().any(|span| span.name.contains("livez") || span.trace.starts_with("1111")), "{all:?}");
    assert!(
        all.iter().all(|span| span.events == 0) && !format!("{all:?}").contains("secret plan"),
        "{all:?}"
    );
    assert_eq!(collector.refused(), [""; 0]);
}

/// Gone, or there and dumb: requests take what they take without it, and so does the end.
async fn a_collector_that_is_no_use_changes_nothing(backend: Backend) {
    let hanging = Collector::hanging();
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        format!("http://{}", listener.local_addr().expect("an address"))
    };
    for endpoint in [hanging.endpoint(), gone] {
        let mut site = traced(backend, &endpoint).await;
        site.upstream.script("echo", Script::reply("as ever"));
        let user = site.user().await;
        let room = a_room(&user).await;
        // More than the queue holds would be: nobody waits for room in it.
        for number in 0..20 {
            let answer = say(&user, &room, &number.to_string(), &format!("00-{TRACE}-{CALLER}-01")).await;
            assert!(answer.has_status(200).text().contains("as ever"), "{answer}");
        }
        if endpoint == hanging.endpoint() {
            until("it hangs in a request", || async { hanging.requests() > 0 }).await;
        }
        let began = Instant::now();
        site.server.terminate().expect("a signal");
        assert!(site.server.wait(Duration::from_secs(30)).await.expect("it ends").success());
        assert!(began.elapsed() < Duration::from_secs(30), "the drain's promise holds");
    }
}
