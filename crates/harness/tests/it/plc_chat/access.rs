//! Who may: anybody where the settings say so, an owner alone in an owned room (contract §0.3, §7).

use super::{cancel, history, is_no_chat, pairs, refused, registered, said, say, stream};
use crate::support::{Ask, Backend, Http, Site, for_both, name, on_both};
use maru_app::http::routes::{Policy, table};
use serde_json::json;

on_both! { an_owned_chat_is_its_owners_alone an_owner_reads_any_room_of_theirs a_wrong_token_is_nobody the_other_contracts_rooms_are_not_read }

mod closed {
    use super::*;
    for_both! { who_is_nobody_is_turned_away who_is_nobody_is_let_in_by_allow }
}

/// Every route of the contract, with ids that could be there.
fn routes(http: &Http) -> Vec<Ask> {
    let path = |path: &str| path.replace("{chat_id}", "chat001").replace("{plc_uuid}", "plc001");
    let open = table().into_iter().filter(|entry| entry.policy == Policy::Anonymous);
    let ours = open.filter(|entry| entry.path.starts_with("/v1/chat") || entry.path.starts_with("/v1/plcs"));
    let asks: Vec<Ask> = ours
        .map(|entry| {
            let ask = http.ask(entry.verb.as_str(), &path(entry.path));
            if entry.verb == "GET" { ask } else { ask.json(&json!({"message": "x"})) }
        })
        .collect();
    assert!(asks.len() > 15);
    asks
}

#[track_caller]
fn turned_away(answer: &crate::support::Reply) {
    refused(answer, 401, "CHAT_ACCESS_DENIED");
    answer.has("www-authenticate", "Bearer");
    assert_eq!(answer.json()["message"], "접근 권한이 없습니다.");
}

async fn an_owned_chat_is_its_owners_alone(site: &Site) {
    let (owner, other, nobody, chat) = (site.user().await, site.user().await, site.http(), name("chat"));
    say(&owner, &chat, "mine").await.has_status(200);
    for http in [&other, &nobody] {
        is_no_chat(&http.get(&format!("/v1/chat/{chat}/history")).await, &chat);
        is_no_chat(&http.get(&format!("/v1/chat/chats/{chat}")).await, &chat);
        is_no_chat(&http.post(&format!("/v1/chat/{chat}/clear")).await, &chat);
        assert_eq!(cancel(http, &chat).await.json()["cancelled"], json!(false));
        assert_eq!(
            http.ask("DELETE", &format!("/v1/chat/chats/{chat}")).await.json()["deleted"],
            json!(false)
        );
        let rename = format!("/v1/chat/chats/{chat}/title?new_title=x&user_id=user");
        assert_eq!(http.ask("PUT", &rename).await.json()["success"], json!(false));
    }
    // The same id of somebody else is another chat.
    say(&other, &chat, "theirs").await.has_status(200);
    say(&nobody, &chat, "nobody's").await.has_status(200);
    for (http, text) in [(&owner, "mine"), (&other, "theirs"), (&nobody, "nobody's")] {
        let reply = format!("reply to: {text}");
        assert_eq!(said(http, &chat).await, pairs(&[("user", text), ("assistant", &reply)]));
    }
    let listed = owner.get("/v1/chat/chats?user_id=user").await.json();
    assert_eq!(listed["chats"].as_array().map(Vec::len), Some(1), "{listed}");
    // An anonymous chat is not read with a token, as it is nobody's.
    let open = name("chat");
    say(&nobody, &open, "hello").await.has_status(200);
    is_no_chat(&owner.get(&format!("/v1/chat/{open}/history")).await, &open);
}

async fn an_owner_reads_any_room_of_theirs(site: &Site) {
    let (owner, other) = (site.user().await, site.user().await);
    let session = owner.say("by the token API").await.json();
    let (number, id) =
        (session["chat_id"].to_string(), session["session_identifier"].as_str().expect("an id").to_owned());
    let expected = pairs(&[("user", "by the token API"), ("assistant", "reply to: by the token API")]);
    assert_eq!(said(&owner, &number).await, expected);
    assert_eq!(said(&owner, &id).await, expected);
    for http in [&other, &site.http()] {
        is_no_chat(&http.get(&format!("/v1/chat/{number}/history")).await, &number);
        is_no_chat(&http.get(&format!("/v1/chat/{id}/history")).await, &id);
    }
    // What is sent there is said there, and not in a chat of that name.
    say(&owner, &number, "by the PLC API").await.has_status(200);
    let chats = owner.chats().await;
    assert_eq!(chats[0]["conversation"].as_array().map(Vec::len), Some(2), "{chats}");
    // To somebody else the number is a name like any other.
    say(&other, &number, "hello").await.has_status(200);
    assert_eq!(said(&owner, &number).await.len(), 4);
    assert_eq!(said(&other, &number).await.len(), 2);
}

async fn the_other_contracts_rooms_are_not_read(site: &Site) {
    let owner = site.user().await;
    let room = owner.post("/v1/rooms").json(&json!({"name": "native"})).await.json();
    let nobody = site.http();
    for id in [room["id"].as_str().expect("an id").to_owned(), room["number"].to_string()] {
        is_no_chat(&nobody.get(&format!("/v1/chat/{id}/history")).await, &id);
        assert_eq!(history(&owner, &id).await.len(), 0);
    }
    // Nor an anonymous chat by another id than its own.
    let chat = name("chat");
    say(&nobody, &chat, "hello").await.has_status(200);
    for number in 1..40 {
        let number = number.to_string();
        is_no_chat(&nobody.get(&format!("/v1/chat/{number}/history")).await, &number);
    }
}

async fn a_wrong_token_is_nobody(site: &Site) {
    let http = site.http();
    for header in ["Bearer nonsense", "Token ", "Bearer a b", "Bearer maru_sk_0"] {
        for ask in routes(&http) {
            turned_away(&ask.header("Authorization", header).await);
        }
    }
    let user = site.user().await;
    registered(&user).await;
    // A key works as a token does.
    let key = user.post("/v1/keys").json(&json!({"name": "k"})).await.string("/key");
    let chat = name("chat");
    let keyed = http.with_token(&key);
    say(&keyed, &chat, "hello").await.has_status(200);
    assert_eq!(history(&user, &chat).await.len(), 2);
    // Another scheme shows no token.
    let answer = http.get("/v1/plcs").header("Authorization", "Basic am9lOng=").await;
    answer.has_status(200);
}

async fn who_is_nobody_is_turned_away(backend: Backend) {
    let site = Site::start(backend, &[("MARU__AUTH__ANONYMOUS", "deny")]).await;
    for ask in routes(&site.http()) {
        turned_away(&ask.await);
    }
    // With a token the same paths work, on the caller's own rooms.
    let user = site.user().await;
    let plc = registered(&user).await;
    super::say_about(&user, "chat001", "hello", &super::uuid(&plc)).await.has_status(200);
    assert!(history(&user, "chat001").await[0]["plc_snapshot"].is_object());
    let streamed = stream(&user, "chat001", "more").await;
    assert_eq!(super::frames(&streamed).last().expect("an end")["type"], "ai_response_complete");
    is_no_chat(&site.user().await.get("/v1/chat/chat001/history").await, "chat001");
    // A body is read for nobody who is not known.
    let bad = site.http().post("/v1/chat/chat001/message").body("text/plain", "x").await;
    turned_away(&bad);
}

async fn who_is_nobody_is_let_in_by_allow(backend: Backend) {
    let site = Site::start(backend, &[("MARU__AUTH__ANONYMOUS", "allow")]).await;
    let http = site.http();
    say(&http, "chat001", "hello").await.has_status(200);
    assert_eq!(history(&http, "chat001").await.len(), 2);
    // It stays there over a restart, and becomes nobody's secret.
    let owner = site.user().await;
    say(&owner, "chat001", "mine").await.has_status(200);
    assert_eq!(said(&http, "chat001").await[0].1, "hello");
}
