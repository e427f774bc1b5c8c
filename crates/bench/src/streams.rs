//! Streams: what an idle one weighs, how late a token comes, how soon a reader is back.

mod provider;
mod reader;

use crate::files::Workplace;
use crate::load;
use crate::report::{Figure, Target};
use crate::rounds::{Effort, Rounds};
use crate::servers::{Bare, Maru, Server, resident_mib};
use maru_domain::error::BoxError;
use provider::Provider;
use reader::Reader;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Streams of which nobody says anything.
const IDLE: usize = 5_000;
/// What one of them may weigh.
const KIB: Target = Target::AtMost(24.0);
/// Streams that talk.
const TALKING: usize = 200;
/// Words of a reply, 50 a second.
const WORDS: usize = 150;

fn runtime() -> Result<tokio::runtime::Runtime, BoxError> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

fn figure(name: &str, unit: &'static str, rounds: Rounds, target: Target, note: &str) -> Figure {
    Figure { name: name.to_owned(), unit, rounds, target, note: note.to_owned() }
}

/// Weighs 5,000 streams of one turn that has not begun to talk.
pub fn idle(place: &Workplace, _: &Effort) -> Result<Vec<Figure>, BoxError> {
    let maru = Maru::with(place, 1, &[("MARU__LLM__DEMO_DELAY", "9m".to_owned())])?;
    let turn = a_turn(&maru)?;
    let token = maru.tokens().first().ok_or("no user")?;
    let ours = weigh(&maru, &load::request("GET", &format!("/v1/turns/{turn}/events"), token, None))?;
    let bare = Bare::start(place, b"")?;
    let theirs = weigh(&bare, &load::request("GET", "/stream", "none", None))?;
    let mut rounds = Rounds::default();
    rounds.push(ours, theirs);
    let note = "resident memory of a stream that says nothing, of 5,000; yardstick: a bare actix stream with its own task";
    Ok(vec![figure("idle-streams", "KiB", rounds, KIB, note)])
}

/// Says something that is answered late; the turn's id.
fn a_turn(maru: &Maru) -> Result<String, BoxError> {
    let token = maru.tokens().first().ok_or("no user")?;
    let ask = |path: &str, body: &str| -> Result<Value, BoxError> {
        let request = load::request("POST", path, token, Some(body));
        Ok(serde_json::from_slice(&load::once(maru.address(), request)?)?)
    };
    let room = ask("/v1/rooms", "{}")?;
    let room = room["id"].as_str().ok_or("no room")?;
    let sent = ask(&format!("/v1/rooms/{room}/messages"), r#"{"content":"hello"}"#)?;
    Ok(sent["turn"]["id"].as_str().ok_or("no turn")?.to_owned())
}

/// KiB that each of many streams adds.
fn weigh(server: &impl Server, request: &[u8]) -> Result<f64, BoxError> {
    let before = resident_mib(server.pid())?;
    let (address, request) = (server.address(), request.to_vec());
    let after = runtime()?.block_on(async {
        let mut open = Vec::with_capacity(IDLE);
        for _ in 0..IDLE {
            open.push(Reader::open(address, &request).await?);
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
        let after = resident_mib(server.pid())?;
        drop(open);
        Ok::<_, BoxError>(after)
    })?;
    Ok((after - before) * 1024.0 / IDLE as f64)
}

/// How late each word comes: through maru, and right from the provider.
pub fn tokens(place: &Workplace, effort: &Effort) -> Result<Vec<Figure>, BoxError> {
    let provider = Provider::start(WORDS)?;
    let maru = Maru::with(
        place,
        1,
        &[
            ("MARU__LLM__PROVIDERS__BENCH__BASE_URL", format!("http://{}/v1", provider.address)),
            ("MARU__LLM__PROVIDERS__BENCH__API_KEY", "none".to_owned()),
            ("MARU__LLM__MODEL", "bench/clock".to_owned()),
            ("MARU__LLM__CONCURRENCY", "1000".to_owned()),
        ],
    )?;
    let token = maru.tokens().first().ok_or("no user")?;
    let mut requests = Vec::new();
    for _ in 0..TALKING {
        let room = load::once(maru.address(), load::request("POST", "/v1/rooms", token, Some("{}")))?;
        let room: Value = serde_json::from_slice(&room)?;
        let path = format!("/v1/rooms/{}/messages", room["id"].as_str().ok_or("no room")?);
        let request = load::request("POST", &path, token, Some(r#"{"content":"tell me the time"}"#));
        requests.push(reader::as_stream(&request));
    }
    let direct = load::request("POST", "/v1/chat/completions", "none", Some(r#"{"stream":true}"#));
    let (mut halves, mut tails, mut firsts) = (Rounds::default(), Rounds::default(), Rounds::default());
    for number in 1..=effort.rounds {
        let ours = delays(maru.address(), requests.clone())?;
        let theirs = delays(provider.address, vec![direct.clone(); TALKING])?;
        eprintln!(
            "  round {number}: p50 {:.1} against {:.1} ms, p99 {:.1} against {:.1} ms",
            ours.p50, theirs.p50, ours.p99, theirs.p99
        );
        halves.ours.push(ours.p50 - theirs.p50);
        tails.ours.push(ours.p99 - theirs.p99);
        firsts.ours.push(ours.first - theirs.first);
    }
    let note = "added to each token's delay against a direct reader: 200 streams, 50 tokens a second each; text is gathered for up to 25 ms";
    Ok(vec![
        figure("tokens: p50", "ms", halves, Target::AtMost(30.0), note),
        figure("tokens: p99", "ms", tails, Target::AtMost(60.0), ""),
        figure("tokens: first, p50", "ms", firsts, Target::AtMost(5.0), ""),
    ])
}

/// Delays in milliseconds.
struct Delays {
    p50: f64,
    p99: f64,
    /// Half of the streams had their first token within this.
    first: f64,
}

fn delays(address: SocketAddr, requests: Vec<Vec<u8>>) -> Result<Delays, BoxError> {
    let read: Vec<Result<Vec<f64>, BoxError>> = runtime()?.block_on(async {
        let mut tasks = JoinSet::new();
        for (number, request) in requests.into_iter().enumerate() {
            tasks.spawn(async move {
                // Spread over two thirds of a reply: nobody's clients begin all at once.
                tokio::time::sleep(Duration::from_millis(number as u64 * 10)).await;
                Reader::open(address, &request).await?.delays(WORDS).await
            });
        }
        tasks.join_all().await
    });
    let (mut all, mut first) = (Vec::new(), Vec::new());
    for delays in read {
        let delays = delays?;
        first.extend(delays.first().copied());
        all.extend(delays);
    }
    Ok(Delays { p50: part(&mut all, 50), p99: part(&mut all, 99), first: part(&mut first, 50) })
}

fn part(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() * percent / 100).copied().unwrap_or(0.0)
}

/// Takes up a turn that talks, again and again.
pub fn resume(place: &Workplace, effort: &Effort) -> Result<Vec<Figure>, BoxError> {
    let maru = Maru::with(place, 1, &[("MARU__LLM__DEMO_DELAY", "200ms".to_owned())])?;
    let turn = a_turn(&maru)?;
    let token = maru.tokens().first().ok_or("no user")?;
    std::thread::sleep(Duration::from_secs(1));
    let request = load::request("GET", &format!("/v1/turns/{turn}/events?after=0"), token, None);
    let mut rounds = Rounds::default();
    for _ in 0..effort.rounds {
        let mut waits = Vec::new();
        for _ in 0..100 {
            let begun = Instant::now();
            runtime()?
                .block_on(async { Reader::open(maru.address(), &request).await?.until("event: ").await })?;
            waits.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
        rounds.ours.push(part(&mut waits, 99));
    }
    let note = "p99 from the request to the first event, of a turn that is being answered";
    Ok(vec![figure("resume", "ms", rounds, Target::AtMost(250.0), note)])
}
