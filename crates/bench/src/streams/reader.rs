//! A reader of server-sent events that understands no more than it must.

use maru_domain::error::BoxError;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// An open stream.
pub struct Reader {
    stream: TcpStream,
    text: String,
}

/// The same request, with a stream as its answer.
pub fn as_stream(request: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(request);
    text.replacen("\r\nHost:", "\r\nAccept: text/event-stream\r\nHost:", 1).into_bytes()
}

/// Microseconds since this program first asked, as the provider says them: it is a thread of the same program.
pub fn clock() -> u64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    u64::try_from(FIRST.get_or_init(Instant::now).elapsed().as_micros()).unwrap_or(u64::MAX)
}

impl Reader {
    /// Opens a stream and waits for its head.
    pub async fn open(address: SocketAddr, request: &[u8]) -> Result<Self, BoxError> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        stream.write_all(request).await?;
        let mut reader = Self { stream, text: String::new() };
        reader.until("\r\n\r\n").await?;
        if !reader.text.starts_with("HTTP/1.1 2") {
            return Err(format!("{address} answered {}", reader.text).into());
        }
        Ok(reader)
    }

    /// Reads until this has come.
    pub async fn until(&mut self, wanted: &str) -> Result<(), BoxError> {
        while !self.text.contains(wanted) {
            self.more().await?;
        }
        Ok(())
    }

    async fn more(&mut self) -> Result<(), BoxError> {
        let mut buffer = [0; 8192];
        let read = self.stream.read(&mut buffer).await?;
        if read == 0 {
            return Err("a stream has ended early".into());
        }
        self.text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        Ok(())
    }

    /// The delay of each of so many words, in milliseconds. A word is the time at which it was said, between `<` and `>`.
    pub async fn delays(mut self, words: usize) -> Result<Vec<f64>, BoxError> {
        let mut delays = Vec::with_capacity(words);
        loop {
            let now = clock();
            while let Some((said, rest)) = self.word() {
                delays.push(now.saturating_sub(said) as f64 / 1000.0);
                self.text.drain(..rest);
                if delays.len() == words {
                    return Ok(delays);
                }
            }
            self.more().await?;
        }
    }

    /// The next word and where it ends.
    fn word(&self) -> Option<(u64, usize)> {
        let begin = self.text.find('<')? + 1;
        let end = begin + self.text.get(begin..)?.find('>')?;
        Some((self.text.get(begin..end)?.parse().ok()?, end + 1))
    }
}
