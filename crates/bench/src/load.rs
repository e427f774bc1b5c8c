//! HTTP load from so many connections at once, cheap enough not to be the bottleneck: one thread,
//! ready-made requests, and no more of an answer understood than its length and its status.

mod wire;
mod wrk;

pub use wrk::{measure as with_wrk, wrk};

use maru_domain::error::BoxError;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use wire::Connection;

/// Somebody who sends one request after the other.
pub trait Client: Send + 'static {
    /// The next request, head and body; `None` when there is nothing more to say.
    fn next(&mut self) -> Option<&[u8]>;

    /// The answer, always of a good status.
    fn answered(&mut self, _body: &[u8]) {}
}

/// What a load has measured.
#[derive(Clone, Debug, Default)]
pub struct Load {
    /// Answers within the time.
    pub requests: u64,
    /// How long it took.
    pub seconds: f64,
    /// The mean length of an answer's body.
    pub body: f64,
    /// Half of the answers came within this, in milliseconds.
    pub p50: f64,
    /// 99 of 100 answers came within this, in milliseconds.
    pub p99: f64,
}

impl Load {
    /// Answers a second.
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.seconds
    }
}

/// What one connection has measured.
#[derive(Default)]
struct Tally {
    micros: Vec<u32>,
    bytes: u64,
}

/// Lets every client send what it has to send for so long, or until it has nothing more to say; gives the clients back.
pub fn run<C: Client>(
    address: SocketAddr,
    clients: Vec<C>,
    limit: Option<Duration>,
) -> Result<(Load, Vec<C>), BoxError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let begun = Instant::now();
    let until = limit.map(|limit| begun + limit);
    let done = runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for (number, client) in clients.into_iter().enumerate() {
            tasks.spawn(async move { (number, talk(address, client, until).await) });
        }
        tasks.join_all().await
    });
    let seconds = limit.unwrap_or_else(|| begun.elapsed()).as_secs_f64();
    let (mut micros, mut bytes, mut clients) = (Vec::new(), 0, Vec::new());
    for (number, talked) in done {
        let (tally, client) = talked?;
        micros.extend(tally.micros);
        bytes += tally.bytes;
        clients.push((number, client));
    }
    clients.sort_by_key(|(number, _)| *number);
    micros.sort_unstable();
    let percentile =
        |part: usize| micros.get(micros.len() * part / 100).map_or(0.0, |micros| f64::from(*micros) / 1000.0);
    let load = Load {
        requests: micros.len() as u64,
        seconds,
        body: bytes as f64 / (micros.len() as f64).max(1.0),
        p50: percentile(50),
        p99: percentile(99),
    };
    Ok((load, clients.into_iter().map(|(_, client)| client).collect()))
}

async fn talk<C: Client>(
    address: SocketAddr,
    mut client: C,
    until: Option<Instant>,
) -> Result<(Tally, C), BoxError> {
    let mut connection = Connection::new(address);
    let mut tally = Tally::default();
    loop {
        let begun = Instant::now();
        if until.is_some_and(|until| begun >= until) {
            return Ok((tally, client));
        }
        let Some(request) = client.next() else { return Ok((tally, client)) };
        let answer = connection.ask(request).await?;
        if !(200..300).contains(&answer.status) {
            return Err(format!(
                "{address} answered {}: {}",
                answer.status,
                String::from_utf8_lossy(answer.body)
            )
            .into());
        }
        client.answered(answer.body);
        let (length, ended) = (answer.body.len() as u64, Instant::now());
        // What is answered too late is not counted, but waited for: the client's next round begins where this one ends.
        if until.is_none_or(|until| ended <= until) {
            tally.micros.push(u32::try_from((ended - begun).as_micros()).unwrap_or(u32::MAX));
            tally.bytes += length;
        }
    }
}

/// The bytes of a request.
pub fn request(verb: &str, path: &str, token: &str, body: Option<&str>) -> Vec<u8> {
    let body = body.unwrap_or_default();
    let content = match body.len() {
        0 => String::new(),
        length => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
    };
    format!("{verb} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Token {token}\r\n{content}\r\n{body}")
        .into_bytes()
}

/// One request and its answer's body.
pub fn once(address: SocketAddr, request: Vec<u8>) -> Result<Vec<u8>, BoxError> {
    struct Once(Option<Vec<u8>>, Vec<u8>, Vec<u8>);
    impl Client for Once {
        fn next(&mut self) -> Option<&[u8]> {
            self.1 = self.0.take()?;
            Some(&self.1)
        }
        fn answered(&mut self, body: &[u8]) {
            self.2 = body.to_vec();
        }
    }
    let (_, mut clients) = run(address, vec![Once(Some(request), Vec::new(), Vec::new())], None)?;
    clients.pop().map(|client| client.2).ok_or_else(|| "no client came back".into())
}
