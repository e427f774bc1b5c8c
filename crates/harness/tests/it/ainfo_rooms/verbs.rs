//! Slashes, verbs, unknown paths (contract §0.2, §0.6, §2.2).

use super::client::open;
use crate::support::{Site, on_both};
use serde_json::json;

on_both! { both_slashes_are_served other_verbs_are_405 unknown_paths_are_404 }

async fn both_slashes_are_served(site: &Site) {
    let user = site.user().await;
    let room = open(&user, "x").await;
    let path = format!("/chatbot/room/{}", room["id"]);
    for path in ["/chatbot/room".to_owned(), path.clone(), format!("{path}/logs")] {
        let answers = [user.get(&path).await, user.get(&format!("{path}/")).await];
        assert_eq!((answers[0].status, answers[0].text()), (200, answers[1].text()), "{}", answers[0]);
        let head = user.ask("HEAD", &path).await;
        assert_eq!((head.status, head.body.len()), (200, 0), "{head}");
    }
    user.post("/chatbot/room").json(&json!({})).await.has_status(201);
    user.ask("PATCH", &path).json(&json!({"title": "y"})).await.has_status(200);
    user.ask("PUT", &path).json(&json!({"title": "z"})).await.has_status(200);
    user.ask("DELETE", &path).await.has_status(204);
}

async fn other_verbs_are_405(site: &Site) {
    let user = site.user().await;
    let paths: [(&str, &[&str]); 4] = [
        ("/chatbot/room", &["GET", "POST"]),
        ("/chatbot/room/7", &["GET", "PUT", "PATCH", "DELETE"]),
        ("/chatbot/room/7/logs", &["GET"]),
        ("/ws/chat/7", &["GET"]),
    ];
    for (path, verbs) in paths {
        let allow = format!("{}, OPTIONS", verbs.join(", "));
        for verb in ["POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"] {
            if verbs.contains(&verb) {
                continue;
            }
            for path in [path.to_owned(), format!("{path}/")] {
                let words = format!("메소드(Method) \"{verb}\"는 허용되지 않습니다.");
                user.ask(verb, &path).await.is(405, &json!({ "detail": words })).has("allow", &allow);
                if path.starts_with("/ws") {
                    continue;
                }
                // Who is not known is told that, and nothing else (contract §2).
                let words = "자격 인증데이터(authentication credentials)가 제공되지 않았습니다.";
                let stranger = site.http().ask(verb, &path).await;
                stranger.has("www-authenticate", "Bearer realm=\"api\"").is(401, &json!({ "detail": words }));
                site.http().with_token("forged").ask(verb, &path).await.has_status(401);
            }
        }
        let options = user.ask("OPTIONS", path).await;
        options.has("allow", &allow).has_status(204);
    }
}

async fn unknown_paths_are_404(site: &Site) {
    let user = site.user().await;
    let paths = [
        "/chatbot",
        "/chatbot/",
        "/chatbot/rooms/",
        "/chatbot/room/7/log/",
        "/chatbot/room/7/logs/1/",
        "/chatbot//room/",
    ];
    let sockets = ["/ws", "/ws/", "/ws/chat/", "/ws/chat/7/8/", "/ws/chats/7/"];
    for path in paths.into_iter().chain(sockets) {
        for verb in ["GET", "POST", "DELETE"] {
            user.ask(verb, path).await.is(404, &json!({"detail": "찾을 수 없습니다."}));
        }
    }
}
