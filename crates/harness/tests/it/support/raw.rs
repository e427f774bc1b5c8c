//! Bytes over TCP, for what no HTTP client would send.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// What came back.
#[derive(Debug)]
pub struct Raw {
    pub bytes: Vec<u8>,
    /// The server closed; otherwise we gave up waiting.
    pub closed: bool,
    pub took: Duration,
}

impl Raw {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The statuses of all answers, in order, without `100 Continue`.
    pub fn statuses(&self) -> Vec<u16> {
        let text = self.text();
        let status = |line: &str| {
            line.strip_prefix("HTTP/1.1 ").or(line.strip_prefix("HTTP/1.0 "))?.get(..3)?.parse().ok()
        };
        // An answer's head begins where the body before it ends, without a line end between them.
        let heads = text.match_indices("HTTP/1.").filter_map(|(at, _)| status(&text[at..]));
        heads.filter(|status| *status != 100).collect()
    }

    pub fn status(&self) -> Option<u16> {
        self.statuses().first().copied()
    }
}

/// Sends `bytes` and reads until the server closes, at most `patience`.
pub fn exchange(base: &str, bytes: &[u8], half_close: bool, patience: Duration) -> Raw {
    let began = Instant::now();
    let address = base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("the server takes connections");
    stream.set_nodelay(true).expect("no delay");
    stream.set_write_timeout(Some(patience)).expect("a time limit");
    // The server may answer and close before it has read everything: that is its good right.
    let written = stream.write_all(bytes);
    if half_close && written.is_ok() {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut got = Vec::new();
    let mut closed = false;
    let mut chunk = vec![0; 64 * 1024];
    while let Some(left) = patience.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
        stream.set_read_timeout(Some(left)).expect("a time limit");
        match stream.read(&mut chunk) {
            Ok(0) => {
                closed = true;
                break;
            }
            Ok(n) => got.extend_from_slice(&chunk[..n]),
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
            {
                break;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            // Reset: what the server had not read was thrown away with the connection.
            Err(_) => {
                closed = true;
                break;
            }
        }
    }
    Raw { bytes: got, closed, took: began.elapsed() }
}

/// The same without blocking the test's runtime, half-closed, with ample patience.
pub async fn probe(base: &str, bytes: impl Into<Vec<u8>>) -> Raw {
    let (base, bytes) = (base.to_owned(), bytes.into());
    let blocking = move || exchange(&base, &bytes, true, super::site::NOT_HANGING);
    tokio::task::spawn_blocking(blocking).await.expect("a probe")
}
