//! `maru health`: asks the running server how it is, as a container's health check does. It needs no
//! `curl`, which an image of one binary does not have.

use crate::serve::reachable;
use crate::settings::Settings;
use maru_domain::error::BoxError;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long the whole question may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// More of an answer is not read.
const ANSWER: u64 = 16 * 1024;

/// Asks the server that listens where these settings say. Answers what it says of itself.
///
/// # Errors
/// When nobody listens, or the answer is another than 200.
pub async fn ask(settings: &Settings, path: &str) -> Result<String, BoxError> {
    let address = reachable(settings.server.bind);
    if address.port() == 0 {
        return Err("server.bind has port 0: nobody knows which one it has got".into());
    }
    let asked = async {
        let mut stream = TcpStream::connect(address).await?;
        let question = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(question.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(ANSWER).read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(format!("{address}: {error}; is `maru serve` running?").into()),
        Err(_) => return Err(format!("{address} does not answer").into()),
    };
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split(' ').nth(1) {
        Some("200") => Ok(body.trim().to_owned()),
        _ => Err(format!("{address}{path}: {} {body}", head.lines().next().unwrap_or_default()).into()),
    }
}
