//! Reads a request, as far as a test's provider must.

use serde_json::Value;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// No request of a test is larger.
const LARGEST: usize = 64 << 20;

/// A request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Value,
}

impl Request {
    /// The next request of a connection. `None` when the client has closed it, or speaks something else.
    pub(super) async fn read(
        from: &mut (impl AsyncRead + Unpin),
        buffer: &mut Vec<u8>,
    ) -> io::Result<Option<Self>> {
        let head = loop {
            // A TLS handshake begins with this byte; it has no head to wait for.
            if buffer.first() == Some(&0x16) {
                return Ok(None);
            }
            if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if !more(from, buffer).await? {
                return Ok(None);
            }
        };
        let text: Vec<u8> = buffer.drain(..head).collect();
        let text = String::from_utf8_lossy(&text).into_owned();
        let mut lines = text.split("\r\n");
        let mut first = lines.next().unwrap_or_default().split(' ');
        let (method, path) =
            (first.next().unwrap_or_default().to_owned(), first.next().unwrap_or_default().to_owned());
        let header = |line: &str| {
            line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        };
        let headers: Vec<_> = lines.filter_map(header).collect();
        let length = headers
            .iter()
            .find(|(name, _)| name == "content-length")
            .and_then(|(_, value)| value.parse().ok());
        let length: usize = length.unwrap_or(0);
        while buffer.len() < length {
            if !more(from, buffer).await? {
                return Ok(None);
            }
        }
        let body: Vec<u8> = buffer.drain(..length).collect();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        Ok(Some(Self { method, path, headers, body }))
    }

    pub(super) fn model(&self) -> String {
        self.body.get("model").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    pub(super) fn wants_stream(&self) -> bool {
        self.body.get("stream").and_then(Value::as_bool).unwrap_or(false)
    }
}

/// Reads more; false at the end.
pub(super) async fn more(from: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> io::Result<bool> {
    if buffer.len() > LARGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the request is too large"));
    }
    Ok(from.read_buf(buffer).await? > 0)
}
