//! A client as AInfo's page is one: rooms over HTTP, talk over a socket.

use crate::support::{Http, NOT_HANGING};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::fmt;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// What is said of a room that is not there, or not the caller's.
pub const MISSING: &str = "채팅방을 찾을 수 없거나 권한이 없습니다.";
/// What is said when there is no reply.
/// Somebody has stopped the reply.
pub const CANCELLED: &str = "⚠️ 응답이 취소되었습니다.";
pub const NO_REPLY: &str = "응답 생성 중 오류가 발생했습니다.";

/// A new room of that title.
pub async fn open(user: &Http, title: &str) -> Value {
    let answer = user.post("/chatbot/room/").json(&json!({ "title": title })).await;
    assert_eq!(answer.status, 201, "{answer}");
    answer.json()
}

/// A new room where this model of the test's provider answers, as this contract shows it.
pub async fn open_with(user: &Http, model: &str) -> Value {
    let body = json!({ "name": model, "model": format!("test/{model}") });
    let answer = user.post("/v1/rooms").json(&body).await;
    assert_eq!(answer.status, 201, "{answer}");
    user.get(&format!("/chatbot/room/{}/", answer.json()["number"])).await.json()
}

/// The logs of a room, as role and text.
pub async fn logs(user: &Http, room: &Value) -> Vec<(String, String)> {
    let answer = user.get(&format!("/chatbot/room/{}/logs/", room["id"])).await;
    assert_eq!(answer.status, 200, "{answer}");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let logs = answer.json();
    let logs = logs.as_array().expect("logs").iter();
    logs.map(|log| (text(&log["role"]), text(&log["message"]))).collect()
}

/// The same as one expects them.
pub fn said(logs: &[(&str, &str)]) -> Vec<(String, String)> {
    logs.iter().map(|(role, text)| ((*role).to_owned(), (*text).to_owned())).collect()
}

/// Cancels the latest reply of a room, as its owner can elsewhere.
pub async fn cancel(user: &Http, room: &Value) {
    let page = user.get(&format!("/v1/rooms/{}/messages?order=desc", room["id"])).await.json();
    let turn = page["data"][0]["turn_id"].as_str().expect("a turn").to_owned();
    user.post(&format!("/v1/turns/{turn}/cancel")).await.has_status(200);
}

/// Says something in a room and takes the whole reply.
pub async fn say(user: &Http, room: &Value, text: &str) -> String {
    let mut socket = Socket::to(user, room).await;
    let past = logs(user, room).await.len();
    for _ in 0..past {
        socket.json().await;
    }
    socket.ask(text).await;
    socket.reply().await
}

/// A handshake that was refused.
pub struct Refused {
    pub status: u16,
    pub body: Value,
    pub headers: Vec<(String, String)>,
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.body)
    }
}

/// An open socket.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    /// With the token in the address, as browsers must send it.
    pub async fn to(user: &Http, room: &Value) -> Self {
        let path = format!("/ws/chat/{}/?token={}", room["id"], user.token());
        Self::at(&user.base, &path, &[]).await.unwrap_or_else(|refused| panic!("{path}: {refused:?}"))
    }

    pub async fn at(base: &str, path: &str, headers: &[(&str, &str)]) -> Result<Self, Refused> {
        let address = format!("{}{path}", base.replacen("http", "ws", 1));
        let mut request = address.into_client_request().expect("an address");
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
            request.headers_mut().append(name, HeaderValue::from_str(value).expect("a header's value"));
        }
        let connected = tokio::time::timeout(NOT_HANGING, connect_async(request)).await.expect("an answer");
        match connected {
            Ok((stream, _)) => Ok(Self { stream }),
            Err(Error::Http(response)) => {
                let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
                let headers = response.headers().iter();
                Err(Refused {
                    status: response.status().as_u16(),
                    body: serde_json::from_slice(response.body().as_deref().unwrap_or_default())
                        .expect("JSON"),
                    headers: headers.map(|(name, value)| (name.to_string(), text(value))).collect(),
                })
            }
            Err(error) => panic!("{path}: {error}"),
        }
    }

    /// One of a server that may not be there.
    pub async fn open(address: &str) -> Option<Self> {
        let connected = tokio::time::timeout(NOT_HANGING, connect_async(address)).await.ok()?;
        connected.ok().map(|(stream, _)| Self { stream })
    }

    /// As [`Self::ask`], where the connection may be gone.
    pub async fn try_ask(&mut self, text: &str) -> Option<()> {
        let frame = json!({ "message": text, "is_report": false }).to_string();
        self.stream.send(Message::text(frame)).await.ok()
    }

    /// The next frame; `None` when there is no connection any more, or nothing comes over it.
    pub async fn try_frame(&mut self) -> Option<Message> {
        let next = tokio::time::timeout(NOT_HANGING, self.stream.next()).await.ok()?;
        next.and_then(Result::ok)
    }

    pub async fn send(&mut self, message: Message) {
        self.stream.send(message).await.expect("the server listens");
    }

    pub async fn text(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    /// A message as the page sends it.
    pub async fn ask(&mut self, text: &str) {
        self.text(&json!({ "message": text, "is_report": false }).to_string()).await;
    }

    /// The next frame; `None` when the connection is over.
    pub async fn frame(&mut self) -> Option<Message> {
        let next = tokio::time::timeout(NOT_HANGING, self.stream.next()).await;
        next.expect("a frame within half a minute").and_then(Result::ok)
    }

    /// The next frame of text.
    pub async fn json(&mut self) -> Value {
        loop {
            match self.frame().await {
                Some(Message::Text(text)) => return serde_json::from_str(&text).expect("JSON"),
                Some(Message::Ping(_)) => {}
                other => panic!("not a text: {other:?}"),
            }
        }
    }

    /// The next frame says just this is wrong.
    pub async fn error(&mut self, words: &str) {
        assert_eq!(self.json().await, json!({ "error": words }));
    }

    /// A reply in pieces, then whole, and nothing else between.
    pub async fn reply(&mut self) -> String {
        let mut pieces = String::new();
        loop {
            let frame = self.json().await;
            let text =
                frame["response"].as_str().unwrap_or_else(|| panic!("no response: {frame}")).to_owned();
            assert!(!text.is_empty(), "the page ignores an empty one: {frame}");
            let streaming = frame["is_streaming"] == true;
            assert_eq!(frame, json!({ "response": text, "is_streaming": streaming }));
            if !streaming {
                assert_eq!(pieces, text, "the pieces are the whole");
                return text;
            }
            pieces.push_str(&text);
        }
    }

    /// Nothing comes for a while.
    pub async fn is_silent(&mut self, patience: Duration) {
        if let Ok(frame) = tokio::time::timeout(patience, self.stream.next()).await {
            panic!("something came: {frame:?}");
        }
    }

    /// Reads to the end; the code that the server closed with.
    pub async fn close_code(&mut self) -> Option<u16> {
        let mut code = None;
        while let Some(frame) = self.frame().await {
            if let Message::Close(Some(close)) = frame {
                code = Some(close.code.into());
            }
        }
        code
    }

    /// Closes as a page does that is left.
    pub async fn leave(mut self) -> Option<u16> {
        self.stream.close(None).await.expect("the server listens");
        self.close_code().await
    }
}
