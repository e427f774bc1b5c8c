//! Who calls (contract §0.3, §1.1), on every route that wants a token.

use crate::support::{Ask, Http, Reply, Site, on_both};
use maru_app::http::routes::{Policy, table};
use serde_json::{Value, json};

on_both! { the_header_is_read_as_the_contract_says forged_tokens_are_refused an_answer_to_nobody_reads_no_body }

const NONE: &str = "Authentication credentials were not provided.";
const EMPTY: &str = "Invalid token header. No credentials provided.";
const SPACES: &str = "Invalid token header. Token string should not contain spaces.";
const UNKNOWN: &str = "Invalid token.";

/// Every route of the token API that wants a token, with ids that could be somebody's, as verb and path.
fn routes() -> Vec<(String, String)> {
    let wanted =
        table().into_iter().filter(|entry| entry.policy == Policy::Token && entry.path.starts_with("/api/"));
    let path = |path: &str| {
        path.replace("{chat_id}", "1").replace("{message_id}", "01890000-0000-7000-8000-000000000000")
    };
    let routes: Vec<_> =
        wanted.map(|entry| (entry.verb.to_string(), format!("{}/", path(entry.path)))).collect();
    assert!(routes.len() >= 5 && routes.iter().all(|(_, path)| !path.contains('{')), "{routes:?}");
    routes
}

fn ask(http: &Http, verb: &str, path: &str) -> Ask {
    let ask = http.ask(verb, path);
    if verb == "GET" { ask } else { ask.json(&json!({"content": "x"})) }
}

#[track_caller]
fn refused(answer: &Reply, detail: &str) {
    answer.is(401, &json!({"detail": detail})).has("www-authenticate", "Token");
}

async fn the_header_is_read_as_the_contract_says(site: &Site) {
    let http = site.http();
    let cases: [(&[u8], &str); 16] = [
        (b"", NONE),
        (b"Basic am9lOng=", NONE),
        (b"Tokens abc", NONE),
        (b"JWT abc", NONE),
        (b"abc", NONE),
        (b"Token", EMPTY),
        (b"token ", EMPTY),
        (b"Bearer", EMPTY),
        (b"Token a b", SPACES),
        (b"Bearer a b c", SPACES),
        (b"Token e45e502b8a1d6f7c3e9a0b2d4f6a8c0e1d3f5b7a", UNKNOWN),
        (b"bearer maru_sk_0000000000000000000000000000000000000000000", UNKNOWN),
        (b"Token maru_sk_", UNKNOWN),
        (b"Token ..", UNKNOWN),
        (b"Token null", UNKNOWN),
        (b"Token \"abc\"", UNKNOWN),
    ];
    for (verb, path) in routes() {
        refused(&ask(&http, &verb, &path).await, NONE);
        for (header, detail) in &cases {
            let answer = ask(&http, &verb, &path).header("Authorization", header).await;
            assert_eq!(answer.json()["detail"], *detail, "{:?} {answer}", String::from_utf8_lossy(header));
            refused(&answer, detail);
        }
        // Bytes that are no text, two headers, and a token where it is not looked for.
        let odd = ask(&http, &verb, &path).header("Authorization", b"Token \xff\xfe").await;
        odd.has("www-authenticate", "Token").has_status(401);
    }
    let user = site.user().await;
    let token = user.token();
    for (verb, path) in routes() {
        let two = ask(&user, &verb, &path).header("Authorization", "Token other").await;
        two.has("www-authenticate", "Token").has_status(401);
        refused(&ask(&http, &verb, &format!("{path}?token={token}")).await, NONE);
        refused(
            &ask(&http, &verb, &path).header("Cookie", format!("token={token}; sessionid={token}")).await,
            NONE,
        );
    }
    for header in ["Token", "token", "TOKEN", "Bearer", "bearer", "BEARER", "Token  "] {
        let answer = http.get("/api/test_token/").header("Authorization", format!("{header} {token}")).await;
        answer.has_status(200);
    }
}

async fn forged_tokens_are_refused(site: &Site) {
    let user = site.user().await;
    user.get("/api/test_token/").await.has_status(200);
    let token = user.token().to_owned();
    let parts: Vec<&str> = token.split('.').collect();
    let [head, claims, signature] = parts[..] else { panic!("not a JWT: {token}") };
    let last = if signature.ends_with('A') { "E" } else { "A" };
    let flipped = |text: &str| {
        let first = if text.starts_with('a') { 'b' } else { 'a' };
        format!("{first}{}", &text[1..])
    };
    let none = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJub25lIn0";
    let forged = [
        format!("{head}.{claims}."),
        format!("{head}.{claims}"),
        format!("{none}.{claims}."),
        format!("{none}.{claims}.{signature}"),
        format!("{}.{claims}.{signature}", flipped(head)),
        format!("{head}.{}.{signature}", flipped(claims)),
        format!("{head}.{claims}.{}", flipped(signature)),
        format!("{head}.{claims}.{}{last}", &signature[..signature.len() - 1]),
        format!("{head}.{claims}.{signature}="),
        format!("{head}.{claims}.{signature}.{signature}"),
        format!("{claims}.{head}.{signature}"),
        token.to_uppercase(),
        token[..token.len() - 1].to_owned(),
        "a".repeat(16 * 1024),
        format!("{head}.{}.{signature}", "e30".repeat(3000)),
    ];
    for forged in &forged {
        for http in [user.with_token(forged)] {
            refused(&http.get("/api/test_token/").await, UNKNOWN);
        }
    }
    // A token of another maru, signed with another secret.
    let other = Site::start(site.backend, &[]).await;
    let (foreign, _) = other.user_named("foreign").await;
    foreign.get("/api/test_token/").await.has_status(200);
    for (verb, path) in routes() {
        refused(&ask(&site.http().with_token(foreign.token()), &verb, &path).await, UNKNOWN);
    }
    user.get("/api/test_token/").await.has_status(200);
}

/// Who is not known is told so first, whatever the body is.
async fn an_answer_to_nobody_reads_no_body(site: &Site) {
    let gone = site.user().await;
    let bad = [
        ("application/json", "{"),
        ("text/plain", "x"),
        ("application/json", "[]"),
        ("application/json", "{}"),
    ];
    for http in
        [site.http(), site.http().with_token("nonsense"), gone.with_token(&format!("{}x", gone.token()))]
    {
        for (verb, path) in routes().iter().filter(|(verb, _)| verb != "GET") {
            for (content_type, body) in bad {
                let answer = http.ask(verb, path).body(content_type, body).await;
                assert_eq!(answer.status, 401, "{content_type} {body} {answer}");
            }
        }
    }
    // The token is good by its signature and its session is over: that takes a look at the database.
    let (user, value) = site.user_named(&crate::support::name("over")).await;
    let arguments = [
        "user",
        "delete",
        "--yes",
        "--store",
        &site.store,
        value["user"]["username"].as_str().expect("a name"),
    ];
    crate::support::maru(site.server.home(), &arguments, "").ok();
    for (content_type, body) in bad {
        let answer = user.post("/api/chats/").body(content_type, body).await;
        assert_eq!(
            (answer.status, answer.json()),
            (401, json!({"detail": UNKNOWN}) as Value),
            "{content_type} {body}"
        );
    }
}
