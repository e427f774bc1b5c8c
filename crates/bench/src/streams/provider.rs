//! A provider whose words are the time at which they are said, 50 a second.

use super::reader::clock;
use maru_domain::error::BoxError;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

/// Time between two words.
const PACE: Duration = Duration::from_millis(20);

/// A running provider, in a thread of its own; it lives as long as this program.
pub struct Provider {
    /// Where it listens.
    pub address: SocketAddr,
}

impl Provider {
    /// Starts one whose replies have so many words.
    pub fn start(words: usize) -> Result<Self, BoxError> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::spawn(move || {
            runtime.block_on(async move {
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                let mut talks = JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    talks.spawn(async move { talk(stream, words).await });
                    while talks.try_join_next().is_some() {}
                }
            });
        });
        Ok(Self { address })
    }
}

/// One request a connection: that is all that is asked for.
async fn talk(mut stream: TcpStream, words: usize) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 64 * 1024];
    let _ = stream.read(&mut buffer).await?;
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        .await?;
    let mut beat = tokio::time::interval(PACE);
    beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for _ in 0..words {
        beat.tick().await;
        let chunk = |delta: &str, end: &str| {
            format!(
                "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":0,\"model\":\"clock\",\
                 \"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{delta}\"}},\"finish_reason\":{end}}}]}}\n\n"
            )
        };
        stream.write_all(chunk(&format!("<{}> ", clock()), "null").as_bytes()).await?;
    }
    stream
        .write_all(
            b"data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":0,\"model\":\"clock\",\
              \"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
        )
        .await?;
    stream.shutdown().await
}
