//! Clients that break the protocol (RFC 6455): the connection ends, and nothing else does.

use super::client::{logs, open, say};
use crate::support::{Http, NOT_HANGING, Raw, Site, exchange, on_both};
use serde_json::{Value, json};

on_both! { whoever_breaks_the_protocol_is_closed }

/// A frame of a client, under a mask of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    announced(first, payload.len() as u64, payload)
}

/// The same with a length of its own.
fn announced(first: u8, length: u64, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length), _) if length < 126 => frame.push(0x80 | length),
        (_, Ok(length)) => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend(length.to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// Opens a socket by hand, sends these bytes, and reads until the server closes.
async fn send(user: &Http, room: &Value, frames: Vec<u8>) -> Raw {
    let mut bytes = format!(
        "GET /ws/chat/{}/?token={} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        room["id"],
        user.token()
    )
    .into_bytes();
    bytes.extend(frames);
    let base = user.base.clone();
    let blocking = move || exchange(&base, &bytes, false, NOT_HANGING);
    tokio::task::spawn_blocking(blocking).await.expect("an exchange")
}

/// The code of the close frame that ends what the server has sent.
fn close_code(raw: &Raw) -> Option<u16> {
    match raw.bytes[..] {
        [.., 0x88, 0x02, high, low] => Some(u16::from_be_bytes([high, low])),
        _ => None,
    }
}

async fn whoever_breaks_the_protocol_is_closed(site: &Site) {
    let user = site.user().await;
    let room = open(&user, "x").await;
    let (text, continued, last) = (0x81, 0x01, 0x80);
    let part = vec![b'x'; 600 * 1024];
    let cases: [(&str, Vec<u8>, &[u16]); 11] = [
        ("no mask", vec![text, 0x02, b'{', b'}'], &[1002]),
        ("a reserved bit", frame(0xc1, b"{}"), &[1002, 1007]),
        ("an unknown kind", frame(0x83, b"{}"), &[1002]),
        ("no UTF-8", frame(text, b"\xff\xfe"), &[1007]),
        ("no UTF-8 in parts", [frame(continued, b"\xff"), frame(last, b"\xfe")].concat(), &[1007]),
        ("a part of nothing", frame(last, b"{}"), &[1002]),
        ("a text inside a text", [frame(continued, b"{"), frame(text, b"{}")].concat(), &[1002]),
        ("a long ping", frame(0x89, &[b'x'; 126]), &[1002]),
        ("a ping in parts", frame(0x09, b"x"), &[1002]),
        ("too large", frame(text, &vec![b'x'; 1024 * 1024 + 1]), &[1009]),
        ("too large in parts", [frame(continued, &part), frame(last, &part)].concat(), &[1009]),
    ];
    for (what, bytes, codes) in cases {
        let raw = send(&user, &room, bytes).await;
        assert_eq!(raw.status(), Some(101), "{what}: {}", raw.text());
        let code = close_code(&raw);
        assert!(
            raw.closed && code.is_some_and(|code| codes.contains(&code)),
            "{what}: {code:?} {:?}",
            raw.took
        );
    }
    // Without an end: a frame of a terabyte, and a message of more and more empty parts. The server
    // may close before it has read all, and then the client does not see with what words.
    let endless = [
        announced(text, 1 << 40, &vec![b'x'; 3 << 20]),
        announced(text, u64::MAX, b"x"),
        [frame(continued, b"x"), frame(0x00, b"").repeat(400_000)].concat(),
    ];
    for bytes in endless {
        let raw = send(&user, &room, bytes).await;
        assert!(raw.closed, "{:?}", raw.took);
    }
    // A close of their own is answered with the same.
    let raw = send(&user, &room, frame(0x88, &[0x03, 0xe8])).await;
    assert_eq!((raw.closed, close_code(&raw)), (true, Some(1000)));
    assert_eq!(logs(&user, &room).await, []);
    assert_eq!(say(&user, &room, "still well").await, "reply to: still well");
    user.get("/chatbot/room/").await.has_status(200);
    assert_eq!(json!(logs(&user, &room).await.len()), 2);
}
