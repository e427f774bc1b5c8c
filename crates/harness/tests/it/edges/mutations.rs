//! Five hundred good requests, each with something wrong in it. The dice are loaded: every run throws the same.

use super::{Treasure, request};
use crate::support::{Dice, Site, name, on_both, probe};

on_both! { mutated_requests_break_nothing }

const MUTANTS: usize = 500;
const SEED: u64 = 20_261_121;

/// What a mutation may put in.
const PIECES: &[&[u8]] = &[
    b"\0",
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\xff",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xef\xbb\xbf",
    b" ",
    b"\t",
    b":",
    b",",
    b";",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"{",
    b"}",
    b"[",
    b"]",
    b"null",
    b"true",
    b"-1",
    b"1e400",
    b"99999999999999999999",
    b"0x",
    b"%",
    b"%00",
    b"%ff",
    b"%2f",
    b"..",
    b"/",
    b"?",
    b"#",
    b"&",
    b"=",
    b"+",
    b"Content-Length: 0\r\n",
    b"Content-Length: 7\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: keep-alive\r\n",
    b"Upgrade: websocket\r\n",
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"HTTP/2",
    b"GET ",
    b"POST ",
    b"OPTIONS ",
    b"\x1b[31m",
    b"\xf0\x9f\x99\x82",
    b"Idempotency-Key: x\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Origin: null\r\n",
];

async fn mutated_requests_break_nothing(site: &Site) {
    let treasure = Treasure::bury(site).await;
    let user = site.user().await;
    let sent = user.say("target").await.json();
    let token = format!("Token {}", user.token());
    let headers = [
        ("Authorization", token.as_str()),
        ("Content-Type", "application/json"),
        ("Idempotency-Key", "k-1"),
        ("Origin", "https://a.example"),
        ("X-Forwarded-For", "192.0.2.1"),
    ];
    let edit = format!(
        "/api/chats/{}/messages/{}/",
        sent["chat_id"],
        sent["conversation"][0]["message_id"].as_str().expect("an id")
    );
    let username = name("mutant");
    let good = [
        request(
            "POST",
            "/api/register/",
            &headers,
            format!("{{\"username\":\"{username}\",\"email\":\"m@example.com\",\"password\":\"pw\"}}")
                .as_bytes(),
        ),
        request(
            "POST",
            "/api/login/",
            &headers,
            format!("{{\"username\":\"{username}\",\"password\":\"pw\"}}").as_bytes(),
        ),
        request(
            "POST",
            "/api/chats/",
            &headers,
            b"{\"content\":\"hello \xec\x95\x88\\n\",\"end_session\":false}",
        ),
        request("GET", "/api/chats/?session_id=01890000-0000-7000-8000-000000000000", &headers, b""),
        request("PATCH", &edit, &headers, b"{\"content\":\"edited\"}"),
        request("DELETE", "/api/chats/999999/", &headers, b""),
        request("GET", "/api/test_token/", &headers, b""),
        request("GET", "/openapi.json", &headers, b""),
        request(
            "OPTIONS",
            "/api/chats/",
            &[("Origin", "https://a.example"), ("Access-Control-Request-Method", "POST")],
            b"",
        ),
    ];
    let mut dice = Dice(SEED);
    let mutants: Vec<Vec<u8>> = (0..MUTANTS).map(|n| mutant(&good[n % good.len()], &mut dice)).collect();
    let mut answered = 0;
    for batch in mutants.chunks(16) {
        let base = site.server.base_url();
        let probes =
            futures_util::future::join_all(batch.iter().map(|bytes| probe(&base, bytes.clone()))).await;
        for (bytes, answer) in batch.iter().zip(probes) {
            let sent = String::from_utf8_lossy(bytes);
            assert!(answer.closed, "left hanging: {sent:?} {answer:?}");
            assert!(answer.statuses().iter().all(|status| *status < 500), "{sent:?} → {}", answer.text());
            answered += usize::from(answer.status().is_some());
        }
    }
    assert!(answered > MUTANTS / 2, "only {answered} of {MUTANTS} were answered at all");
    treasure.is_there(site).await;
}

fn mutant(good: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..=dice.below(3) {
        let at = dice.below(bytes.len().max(1)).min(bytes.len());
        let end = (at + 1 + dice.below(12)).min(bytes.len());
        match dice.below(8) {
            // Turn a bit.
            0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            // Take something out.
            1 => drop(bytes.drain(at..end)),
            // Say something twice.
            2 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            // Cut the end off.
            3 => bytes.truncate(at),
            // Exchange two places.
            4 if at < bytes.len() => {
                let other = dice.below(bytes.len());
                bytes.swap(at, other);
            }
            // Make something long.
            5 => {
                let piece = dice.pick(PIECES).repeat(1 + dice.below(2000));
                bytes.splice(at..at, piece);
            }
            // Put something else in its place.
            6 => {
                let piece = dice.pick(PIECES).to_vec();
                bytes.splice(at..end, piece);
            }
            // Put something in.
            _ => {
                let piece = dice.pick(PIECES).to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}
