//! The server side of the provider's connections.

use super::call::{Call, CallEnd, Running};
use super::request::{Request, more};
use super::script::{chunk, framed, token};
use super::{Act, PROMPT_ECHO, Script, Shared};
use serde_json::{Value, json};
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

/// What ends a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Next,
    Close,
    Reset,
}

/// Serves until it is stopped, on this thread.
pub(super) fn serve(listener: TcpListener, shared: &Arc<Shared>, stopped: oneshot::Receiver<()>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return;
    };
    runtime.block_on(async {
        tokio::select! {
            _ = stopped => {}
            () = accept(listener, shared) => {}
        }
    });
}

async fn accept(listener: TcpListener, shared: &Arc<Shared>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    // Dropped with everything in it when the provider is stopped.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let open = Open::new(Arc::clone(shared));
                    connections.spawn(async move {
                        let mut stream = stream;
                        // How a connection ends is in the call; a test sees it there.
                        converse(&mut stream, &open.0).await.ok();
                    });
                }
                // Too many open files: wait for some to close.
                Err(_) => sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Counts a connection for as long as it is open.
struct Open(Arc<Shared>);

impl Open {
    fn new(shared: Arc<Shared>) -> Self {
        shared.open.fetch_add(1, Ordering::SeqCst);
        shared.accepted.fetch_add(1, Ordering::SeqCst);
        Self(shared)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn converse(stream: &mut TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    loop {
        let Some(request) = Request::read(stream, &mut buffer).await? else {
            if !buffer.is_empty() {
                // A TLS handshake, or no HTTP at all: something that is neither comes back.
                stream.write_all(b"\x00\xffthis is not TLS\r\n").await?;
            }
            return Ok(());
        };
        let script = script(&request, shared);
        let running = shared.calls.begin(Call {
            model: request.model(),
            path: request.path,
            body: request.body,
            headers: request.headers,
            opened: Instant::now(),
            first_byte: None,
            end: None,
            sent: 0,
        });
        let (mut read, mut write) = stream.split();
        let after = tokio::select! {
            after = play(&script, &mut write, &running) => after,
            () = closed(&mut read, &mut buffer) => Err(io::ErrorKind::ConnectionAborted.into()),
        };
        running.ended(if after.is_ok() { CallEnd::Played } else { CallEnd::ClosedByClient });
        match after? {
            After::Next => {}
            After::Close => return stream.shutdown().await,
            After::Reset => return stream.set_zero_linger(),
        }
    }
}

/// Returns when the client closes, or breaks; what it sends meanwhile is the next request.
async fn closed(read: &mut (impl tokio::io::AsyncRead + Unpin), buffer: &mut Vec<u8>) {
    while let Ok(true) = more(read, buffer).await {}
}

async fn play(script: &Script, to: &mut (impl AsyncWrite + Unpin), running: &Running) -> io::Result<After> {
    for act in script.acts() {
        match act {
            Act::Write(bytes) => write(to, bytes, running).await?,
            Act::Repeat { bytes, times, every } => paced(to, *times, *every, running, |_| bytes).await?,
            Act::Dribble { bytes, every } => {
                let bytes: Vec<_> = bytes.iter().map(|byte| [*byte]).collect();
                let nth =
                    |n| bytes.get(usize::try_from(n).unwrap_or(usize::MAX)).copied().unwrap_or_default();
                paced(to, bytes.len() as u64, *every, running, nth).await?;
            }
            Act::Tokens { count, every } => {
                let nth = |n| framed(format!("data: {}\n\n", chunk(&token(n))).as_bytes());
                paced(to, *count, *every, running, nth).await?;
            }
            Act::Wait(pause) => sleep(*pause).await,
            Act::Stall => std::future::pending().await,
            Act::Close => return Ok(After::Close),
            Act::Reset => return Ok(After::Reset),
            Act::Next => return Ok(After::Next),
        }
    }
    Ok(After::Close)
}

/// Writes the first at once, then one each time that `every` has passed; what is late catches up.
async fn paced<B: AsRef<[u8]>>(
    to: &mut (impl AsyncWrite + Unpin),
    times: u64,
    every: Duration,
    running: &Running,
    nth: impl Fn(u64) -> B,
) -> io::Result<()> {
    let mut due = tokio::time::Instant::now();
    for n in 0..times {
        if !every.is_zero() {
            sleep_until(due).await;
            due += every;
        } else if n % 64 == 0 {
            // A client that reads as fast as we write must not keep the other connections waiting.
            tokio::task::yield_now().await;
        }
        write(to, nth(n).as_ref(), running).await?;
    }
    Ok(())
}

async fn write(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8], running: &Running) -> io::Result<()> {
    to.write_all(bytes).await?;
    running.wrote(bytes.len());
    Ok(())
}

/// What a request is answered with.
fn script(request: &Request, shared: &Shared) -> Script {
    if request.method == "GET" && request.path.ends_with("/models") {
        let models: Vec<_> =
            shared.models().into_iter().map(|id| json!({ "id": id, "object": "model" })).collect();
        let body = json!({ "object": "list", "data": models }).to_string();
        return Script::answer(200, &[("content-type", "application/json")], &body);
    }
    if request.method != "POST" || !request.path.ends_with("/chat/completions") {
        return Script::error(404, &[]);
    }
    let model = request.model();
    if let Some(script) = shared.next_script(&model) {
        return script;
    }
    let messages = request.body.get("messages").cloned().unwrap_or_default();
    let text = if model == PROMPT_ECHO {
        messages.to_string()
    } else {
        let last = messages.as_array().and_then(|messages| messages.last());
        format!(
            "reply to: {}",
            last.and_then(|last| last.get("content")).and_then(Value::as_str).unwrap_or_default()
        )
    };
    if request.wants_stream() { Script::reply(&text) } else { Script::completion(&text) }
}
