//! Each fault meets its documented end, in time, and leaves no connection behind.

use crate::support::{KEY, guarded, hear, prompt};
use futures_util::StreamExt;
use futures_util::future::ready;
use futures_util::stream;
use maru_domain::turns::ports::ModelFault;
use maru_testkit::upstream::{Fault, FaultEnd, Pace, Partial, Upstream, faults};
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Longer than any fault may take: only a reply that hangs runs into it.
const HANGS: Duration = Duration::from_secs(60);

#[tokio::test]
async fn each_fault_has_its_documented_end() {
    let upstream = Upstream::start().await;
    let faults = faults(Pace::short());
    let names: HashSet<_> = faults.iter().map(|fault| fault.name).collect();
    assert!(
        names.len() == faults.len() && faults.len() >= 44,
        "{} faults, {} names",
        faults.len(),
        names.len()
    );
    let upstream = &upstream;
    let suspects: Vec<_> = stream::iter(&faults)
        .map(|fault| async move { play(fault, upstream).await.map(|_| fault) })
        .buffer_unordered(8)
        .filter_map(ready)
        .collect()
        .await;
    // On a machine that does not get to it, a lively upstream looks like a silent one: those are played again, alone.
    let mut wrong = Vec::new();
    for fault in suspects {
        wrong.extend(play(fault, upstream).await);
    }
    assert!(wrong.is_empty(), "{} of {} faults:\n{}", wrong.len(), faults.len(), wrong.join("\n"));
    assert!(
        upstream.at_most_open(0, Duration::from_secs(5)).await,
        "{} connections are left",
        upstream.open_connections()
    );
}

/// What is wrong with a fault's end, if anything.
async fn play(fault: &Fault, upstream: &Upstream) -> Option<String> {
    let name = fault.name;
    let address = fault.install(upstream).expect("sockets");
    let began = Instant::now();
    let heard = {
        let model = guarded(&address.base_url, name, Pace::short());
        match timeout(HANGS, hear(&model, prompt("tell me a secret-prompt"))).await {
            Ok(heard) => heard,
            Err(_) => return Some(format!("{name}: hangs")),
        }
    };
    println!("{name}: {:?} after {:?}", heard.error, began.elapsed());
    let right = match (&fault.end, &heard.error) {
        (FaultEnd::Completed { text }, None) => heard.end.is_some() && heard.text == *text,
        (FaultEnd::Failed { fault, partial }, Some(error)) => {
            let said = match partial {
                Partial::Is(text) => heard.text == *text,
                Partial::Begins(text) => heard.text.starts_with(text),
            };
            said && error.fault == *fault
                && !error.detail.contains(KEY)
                && !error.detail.contains("secret-prompt")
        }
        _ => false,
    };
    if !right {
        let text: String = heard.text.chars().take(80).collect();
        return Some(format!(
            "{name}: {:?}, but it was {:?}, {:?} {text:?}",
            fault.end, heard.end, heard.error
        ));
    }
    let calls = upstream.calls_of(name).len();
    (calls != fault.calls).then(|| format!("{name}: {} calls, but it was {calls}", fault.calls))
}

#[test]
fn the_operators_page_knows_every_fault_and_every_code() {
    let page = include_str!("../../../../docs/UPSTREAM-FAULTS.md");
    let words: HashSet<_> = page.split(|c: char| !c.is_alphanumeric() && c != '-').collect();
    let missing: Vec<_> =
        faults(Pace::real()).iter().map(|fault| fault.name).filter(|name| !words.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for fault in [
        ModelFault::Unreachable,
        ModelFault::TimedOut,
        ModelFault::Unauthorized,
        ModelFault::UnknownModel,
        ModelFault::Refused,
        ModelFault::RateLimited,
        ModelFault::Failing,
        ModelFault::Malformed,
        ModelFault::Truncated,
        ModelFault::TooLarge,
        ModelFault::CircuitOpen,
        ModelFault::Busy,
    ] {
        assert!(page.contains(&format!("| `{}` | {} |", fault.code(), fault.text())), "{fault:?}");
    }
}
