//! Readers that are slow, that leave, or whose token stops working.

use super::{at, room, sse};
use crate::support::{Backend, Http, Site, for_both, maru, name, until};
use maru_testkit::upstream::Script;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

for_both! { slow_readers_are_dropped_and_hurt_nobody revoked_tokens_end_open_streams readers_that_leave_stop_nothing }

async fn started(site: &Site, user: &Http, script: Script) -> (Value, Value) {
    let model = name("readers");
    site.upstream.script(model.clone(), script);
    let made = room(user, json!({"model": format!("test/{model}")})).await;
    let sent =
        user.post(&at(&made, "/messages")).json(&json!({"content": "go"})).await.has_status(201).json();
    (made, sent["turn"].clone())
}

/// Reads `bytes` every `every`, never keeping up, until the server gives up; answers how long that took.
fn drip(base: &str, token: &str, turn: &Value, bytes: usize, every: Duration) -> Duration {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    // Small, so that the network holds little and the server notices.
    socket.set_recv_buffer_size(8 * 1024).expect("a small buffer");
    let address: std::net::SocketAddr = base.trim_start_matches("http://").parse().expect("an address");
    socket.connect(&address.into()).expect("a connection");
    let mut stream = TcpStream::from(socket);
    let id = turn["id"].as_str().expect("an id");
    let head =
        format!("GET /v1/turns/{id}/events HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("a request");
    stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a time limit");
    let began = Instant::now();
    let mut chunk = vec![0; 64 * 1024];
    while began.elapsed() < Duration::from_secs(85) {
        // Who reads little hears of the end only when it reads on: a window that is shut tells nothing.
        let slowly = began.elapsed() < Duration::from_secs(55);
        if slowly && bytes == 0 {
            std::thread::sleep(every);
            continue;
        }
        let waited = |error: &std::io::Error| {
            matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
        };
        let most = if slowly { bytes } else { chunk.len() };
        match stream.read(&mut chunk[..most]) {
            Ok(0) => return began.elapsed(),
            Err(error) if !waited(&error) => return began.elapsed(),
            Ok(_) | Err(_) => {}
        }
        if slowly {
            std::thread::sleep(every);
        }
    }
    panic!("a reader of {bytes} bytes every {every:?} was served for {:?}", began.elapsed());
}

async fn slow_readers_are_dropped_and_hurt_nobody(backend: Backend) {
    let site = Site::start(backend, &[]).await;
    let user = site.user().await;
    // Some 40 kB a second, for as long as the slow ones may last and within what a reply may hold.
    let word = "0123456789abcdef".repeat(128);
    let mut script = Script::stream().role();
    for _ in 0..1_900 {
        script = script.say(&word).wait(Duration::from_millis(50));
    }
    let (_, turn) = started(&site, &user, script.finish("stop").done().end()).await;
    let (base, token) = (site.server.base_url(), user.token().to_owned());
    let slow: Vec<_> = [(0, 100), (1, 100), (1_000, 1_000)]
        .map(|(bytes, every)| {
            let (base, token, turn) = (base.clone(), token.clone(), turn.clone());
            tokio::task::spawn_blocking(move || {
                drip(&base, &token, &turn, bytes, Duration::from_millis(every))
            })
        })
        .into();
    // Meanwhile another reader of the same stream gets every byte of it, in order.
    let mut healthy = sse::turn(&user, &turn, None).await;
    let mut heard = String::new();
    let mut n = 0;
    let mut waiting = std::pin::pin!(futures_util::future::join_all(slow));
    let took = loop {
        tokio::select! {
            took = &mut waiting => break took,
            event = healthy.named("delta") => {
                n += 1;
                assert!(event.id.is_some_and(|id| id.ends_with(&format!("-{n}"))), "in order, without a gap");
                heard += event.data["text"].as_str().unwrap_or_default();
            }
        }
    };
    for took in took {
        let took = took.expect("a reader");
        assert!(took < Duration::from_secs(90), "{took:?}");
    }
    assert!(
        heard.len() > 1_000_000 && heard.chars().zip(word.chars().cycle()).all(|(one, other)| one == other)
    );
    user.post(&format!("/v1/turns/{}/cancel", turn["id"].as_str().expect("an id"))).await.has_status(200);
}

async fn revoked_tokens_end_open_streams(backend: Backend) {
    let site = Site::start(backend, &[]).await;
    for elsewhere in [false, true] {
        let username = name("revoked");
        let (user, _) = site.user_named(&username).await;
        let (made, turn) =
            started(&site, &user, Script::stream().role().say("so far").wait(Duration::from_secs(90))).await;
        let mut of_turn = sse::turn(&user, &turn, None).await;
        of_turn.named("delta").await;
        let of_room = sse::open(&user, "GET", &at(&made, "/events?after=3"), &[], None).await;
        // By the server itself, or by a command of another process on the same database.
        if elsewhere {
            let command = ["user", "disable", &username, "--store", &site.store];
            maru(site.server.home(), &command, "").ok();
        } else {
            user.post("/v1/auth/logout").await.has_status(204);
        }
        let began = Instant::now();
        let (turn_events, _) = futures_util::future::join(of_turn.rest(), of_room.rest()).await;
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        assert!(turn_events.iter().all(|event| event.event != "done"), "the turn itself goes on");
        assert_eq!(user.get("/v1/me").await.status, 401);
    }
}

async fn readers_that_leave_stop_nothing(backend: Backend) {
    let site = Site::start(backend, &[]).await;
    let user = site.user().await;
    let (_, turn) = started(&site, &user, Script::tokens(100, 50)).await;
    for _ in 0..5 {
        let mut stream = sse::turn(&user, &turn, None).await;
        stream.named("delta").await;
        drop(stream);
    }
    let path = format!("/v1/turns/{}", turn["id"].as_str().expect("an id"));
    until("the turn has ended", || async { user.get(&path).await.string("/status") == "completed" }).await;
    assert_eq!(user.get(&path).await.string("/reply"), Script::text_of_tokens(100));
}
