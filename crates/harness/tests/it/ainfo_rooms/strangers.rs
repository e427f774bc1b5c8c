//! Somebody else's room is a missing one (contract §0.4, §2.2): same status, same bytes. The
//! original shows any room's logs to anybody.

use super::client::{MISSING, open, say};
use crate::support::{Site, on_both};
use serde_json::json;

on_both! { foreign_is_missing what_is_no_id_names_nothing }

async fn foreign_is_missing(site: &Site) {
    let (owner, stranger) = (site.user().await, site.user().await);
    let theirs = open(&owner, "mine alone").await;
    say(&owner, &theirs, "secret").await;
    let before = owner.get("/chatbot/room/").await.json();
    let uuid = owner.get(&format!("/v1/rooms/{}", theirs["id"])).await.string("/id");
    let missing = json!(theirs["id"].as_i64().unwrap_or_default() + 1_000_000);
    let body = json!({"title": "taken over"});
    let ids =
        [theirs["id"].to_string(), uuid, missing.to_string(), "01890000-0000-7000-8000-000000000000".into()];
    for id in ids {
        for verb in ["GET", "PATCH", "PUT", "DELETE"] {
            let ask = stranger.ask(verb, &format!("/chatbot/room/{id}/"));
            let answer = if verb == "GET" { ask.await } else { ask.json(&body).await };
            answer.is(404, &json!({"detail": MISSING}));
        }
        stranger.get(&format!("/chatbot/room/{id}/logs/")).await.is(404, &json!({"detail": MISSING}));
    }
    stranger.get("/chatbot/room/").await.is(200, &json!([]));
    // A body that names another owner opens a room of one's own.
    let opened =
        stranger.post("/chatbot/room/").json(&json!({"user": theirs["user"], "id": theirs["id"]})).await;
    assert_ne!((&opened.json()["user"], &opened.json()["id"]), (&theirs["user"], &theirs["id"]));
    owner.get("/chatbot/room/").await.is(200, &before);
}

async fn what_is_no_id_names_nothing(site: &Site) {
    let user = site.user().await;
    let room = open(&user, "x").await;
    let path = format!("/v1/rooms/{}", room["id"]);
    let uuid = user.get(&path).await.string("/id");
    for id in [uuid.clone(), uuid.to_uppercase(), uuid.replace('-', "")] {
        user.get(&format!("/chatbot/room/{id}/")).await.is(200, &room);
    }
    for id in ["x", "-1", "+1", "1.0", "1e3", "0x1", "%20", "1%20", "%EA%B0%80", "null", "1;2", &uuid[1..]] {
        for verb in ["GET", "PATCH", "PUT", "DELETE"] {
            user.ask(verb, &format!("/chatbot/room/{id}/"))
                .await
                .is(404, &json!({"detail": "찾을 수 없습니다."}));
        }
        user.get(&format!("/chatbot/room/{id}/logs/")).await.is(404, &json!({"detail": "찾을 수 없습니다."}));
    }
    for id in ["0", "00", "9223372036854775807", "9223372036854775808", "99999999999999999999999"] {
        user.get(&format!("/chatbot/room/{id}/")).await.is(404, &json!({"detail": MISSING}));
    }
    // A number is a number with zeros before it, too.
    user.get(&format!("/chatbot/room/00{}/", room["id"])).await.is(200, &room);
}
