//! So much of HTTP/1.1 as two well-behaved servers need.

use maru_domain::error::BoxError;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Room for an answer in one read.
const BUFFER: usize = 256 * 1024;

/// An answer; the body lies in the connection's buffer.
pub struct Answer<'b> {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: &'b [u8],
}

/// A connection that is opened again when the server closes it after an answer.
pub struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

/// What matters of a head.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Head and body together.
    length: usize,
    body_at: usize,
    closes: bool,
}

impl Connection {
    /// One that is opened when it is needed.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, stream: None, buffer: vec![0; BUFFER] }
    }

    /// Sends a request and waits for the whole answer.
    pub async fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>, BoxError> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.address).await?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        stream.write_all(request).await?;
        let mut filled = 0;
        let head = loop {
            let read = stream.read(&mut self.buffer[filled..]).await?;
            if read == 0 {
                return Err(format!("{} broke off in the middle of an answer", self.address).into());
            }
            filled += read;
            if let Some(head) = head(&self.buffer[..filled])? {
                break head;
            }
        };
        if self.buffer.len() < head.length {
            self.buffer.resize(head.length, 0);
        }
        if filled < head.length {
            stream.read_exact(&mut self.buffer[filled..head.length]).await?;
        }
        if !head.closes {
            self.stream = Some(stream);
        }
        Ok(Answer { status: head.status, body: &self.buffer[head.body_at..head.length] })
    }
}

/// The head, once all of it is there.
fn head(bytes: &[u8]) -> Result<Option<Head>, BoxError> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&bytes[..end])?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).ok_or("no status line")?.parse()?;
    let (mut body, mut closes) = (None, false);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            body = Some(value.trim().parse::<usize>()?);
        } else if name.eq_ignore_ascii_case("connection") {
            closes = value.trim().eq_ignore_ascii_case("close");
        }
    }
    let body = body.ok_or("an answer without Content-Length")?;
    Ok(Some(Head { status, length: end + 4 + body, body_at: end + 4, closes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_tells_where_the_answer_ends() {
        let text = b"HTTP/1.1 201 Created\r\nconnection: Close\r\nContent-LENGTH: 5\r\n\r\nhel";
        let expected = Head { status: 201, length: text.len() + 2, body_at: text.len() - 3, closes: true };
        assert_eq!(head(text).unwrap(), Some(expected));
        assert_eq!(head(&text[..40]).unwrap(), None);
        assert!(head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
