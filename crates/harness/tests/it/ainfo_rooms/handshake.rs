//! Who may open a socket (contract §2.3): everybody else is refused with 403 before it opens.

use super::client::{Socket, open, say};
use crate::support::{Site, on_both};
use serde_json::{Value, json};

on_both! {
    tokens_open_sockets_of_their_rooms whoever_may_not_talk_is_refused what_is_no_handshake_is_told_so
    the_past_is_told_first
}

async fn tokens_open_sockets_of_their_rooms(site: &Site) {
    let user = site.user().await;
    let room = open(&user, "x").await;
    let uuid = user.get(&format!("/v1/rooms/{}", room["id"])).await.string("/id");
    let token = user.token();
    let bearer = format!("Bearer {token}");
    let paths = [
        (format!("/ws/chat/{}/?token={token}", room["id"]), None),
        (format!("/ws/chat/{}?token={token}", room["id"]), None),
        (format!("/ws/chat/{uuid}/?x=1&token={token}"), None),
        (format!("/ws/chat/{}/", room["id"]), Some(&bearer)),
        (format!("/ws/chat/{}/?token=", room["id"]), Some(&bearer)),
    ];
    for (path, header) in paths {
        let headers: Vec<(&str, &str)> =
            header.iter().map(|header| ("Authorization", header.as_str())).collect();
        let mut socket = Socket::at(&user.base, &path, &headers).await.expect("an open socket");
        socket.ask("안녕").await;
        while socket.json().await["is_streaming"] != false {}
        assert_eq!(socket.leave().await, None, "{path}");
    }
}

async fn whoever_may_not_talk_is_refused(site: &Site) {
    let (owner, stranger) = (site.user().await, site.user().await);
    let room = open(&owner, "mine").await;
    say(&owner, &room, "secret").await;
    let id = &room["id"];
    let (mine, theirs) = (owner.token(), stranger.token());
    let uuid = owner.get(&format!("/v1/rooms/{id}")).await.string("/id");
    let paths = [
        format!("/ws/chat/{id}/"),
        format!("/ws/chat/{id}/?token="),
        format!("/ws/chat/{id}/?token=nonsense"),
        format!("/ws/chat/{id}/?token={mine}x"),
        format!("/ws/chat/{id}/?Token={mine}"),
        format!("/ws/chat/{id}/?token={theirs}"),
        format!("/ws/chat/{uuid}/?token={theirs}"),
        format!("/ws/chat/999999999/?token={mine}"),
        format!("/ws/chat/0/?token={mine}"),
        format!("/ws/chat/x/?token={mine}"),
        format!("/ws/chat/99999999999999999999/?token={mine}"),
        format!("/ws/chat/01890000-0000-7000-8000-000000000000/?token={mine}"),
    ];
    let body = json!({"detail": "이 작업을 수행할 권한(permission)이 없습니다."});
    for path in &paths {
        let Err(refused) = Socket::at(&owner.base, path, &[]).await else { panic!("{path} was opened") };
        assert_eq!((refused.status, &refused.body), (403, &body), "{path}");
        assert!(!refused.headers.iter().any(|(name, _)| name == "www-authenticate"), "{refused:?}");
    }
    let foreign = Socket::at(&owner.base, &paths[0], &[("Authorization", &format!("Bearer {theirs}"))]).await;
    assert_eq!(foreign.err().map(|refused| refused.status), Some(403));
    for path in ["/ws/", "/ws/chat/", "/ws/other/1/", "/ws/chat/1/2/"] {
        let refused =
            Socket::at(&owner.base, &format!("{path}?token={mine}"), &[]).await.err().expect("a refusal");
        assert_eq!((refused.status, &refused.body), (404, &json!({"detail": "찾을 수 없습니다."})), "{path}");
    }
}

async fn what_is_no_handshake_is_told_so(site: &Site) {
    let user = site.user().await;
    let room = open(&user, "x").await;
    let path = format!("/ws/chat/{}/", room["id"]);
    let plain = user.get(&path).await;
    plain.is(426, &json!({"detail": "WebSocket 연결이 필요합니다."}));
    plain.has("upgrade", "websocket").has("sec-websocket-version", "13");
    // Whoever may not talk is not even told that.
    site.http().get(&path).await.has_status(403);
    let old = user
        .get(&path)
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("Sec-WebSocket-Version", "8");
    old.await.has("sec-websocket-version", "13").has_status(426);
}

async fn the_past_is_told_first(site: &Site) {
    let user = site.user().await;
    let room = open(&user, "x").await;
    for text in ["하나", "둘"] {
        say(&user, &room, text).await;
    }
    let stored = user.get(&format!("/chatbot/room/{}/logs/", room["id"])).await.json();
    let mut socket = Socket::to(&user, &room).await;
    for log in stored.as_array().expect("logs") {
        let told = socket.json().await;
        let keys: Vec<&String> = told.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["role", "message", "timestamp"]);
        assert_eq!((&told["role"], &told["message"]), (&log["role"], &log["message"]));
        // The same instant, in UTC: minutes and all below are those of Seoul.
        let (utc, seoul) = (text(&told["timestamp"]), text(&log["timestamp"]));
        assert!(utc.ends_with("+00:00") && seoul.ends_with("+09:00"), "{utc} {seoul}");
        assert_eq!(utc[13..].strip_suffix("+00:00"), seoul[13..].strip_suffix("+09:00"));
    }
    // And then what is said now.
    socket.ask("셋").await;
    assert_eq!(socket.reply().await, "reply to: 셋");
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
