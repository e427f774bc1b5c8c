//! Who calls (contract §2), on every route of the contract that wants a token.

use super::client::open;
use crate::support::{Site, maru, name, on_both, until};
use maru_app::http::routes::{Policy, table};
use serde_json::{Value, json};

on_both! { callers_are_asked_in_the_contracts_words a_disabled_account_is_told_so }

const SCHEME: &str = "Bearer realm=\"api\"";

fn routes() -> Vec<(String, String)> {
    let wanted = table().into_iter().filter(|entry| entry.policy == Policy::Token);
    let wanted = wanted.filter(|entry| entry.path.starts_with("/chatbot/"));
    let routes: Vec<_> =
        wanted.map(|entry| (entry.verb.to_string(), entry.path.replace("{pk}", "1") + "/")).collect();
    assert_eq!(routes.len(), 7, "{routes:?}");
    routes
}

async fn callers_are_asked_in_the_contracts_words(site: &Site) {
    let none = json!({"detail": "자격 인증데이터(authentication credentials)가 제공되지 않았습니다."});
    let bad = json!({"detail": "토큰이 유효하지 않습니다.", "code": "token_not_valid"});
    let http = site.http();
    let cases: [(&str, &Value); 8] = [
        ("", &none),
        ("Basic am9lOng=", &none),
        ("JWT x", &none),
        ("Bearer", &bad),
        ("Bearer a b", &bad),
        ("Bearer x", &bad),
        ("Token maru_sk_0000000000000000000000000000000000000000000", &bad),
        ("bearer eyJhbGciOiJub25lIn0.e30.", &bad),
    ];
    for (verb, path) in routes() {
        http.ask(&verb, &path).await.is(401, &none).has("www-authenticate", SCHEME);
        for (header, body) in &cases {
            let answer = http.ask(&verb, &path).header("Authorization", header).await;
            answer.is(401, body).has("www-authenticate", SCHEME);
        }
        // Nothing of a body is read for nobody, and a token in the address counts for sockets alone.
        let answer = http.ask(&verb, &path).body("text/plain", "{").await;
        answer.is(401, &none);
    }
    let user = site.user().await;
    let room = open(&user, "mine").await;
    http.get(&format!("/chatbot/room/?token={}", user.token())).await.is(401, &none);
    for scheme in ["Bearer", "bearer", "Token"] {
        let asked = http.get("/chatbot/room/").header("Authorization", format!("{scheme} {}", user.token()));
        asked.await.is(200, &json!([room]));
    }
}

async fn a_disabled_account_is_told_so(site: &Site) {
    let username = name("leaving");
    let (user, _) = site.user_named(&username).await;
    user.get("/chatbot/room/").await.has_status(200);
    maru(site.server.home(), &["user", "disable", &username, "--store", &site.store], "").ok();
    let body = json!({"detail": "계정이 중지되었거나 삭제되었습니다.", "code": "user_inactive"});
    until("it is noticed", || async { user.get("/chatbot/room/").await.status == 401 }).await;
    user.get("/chatbot/room/").await.is(401, &body).has("www-authenticate", SCHEME);
}
