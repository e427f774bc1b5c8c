//! How bodies are read (contract §0.7, §0.9): JSON, forms, multipart forms, and what is none of them.

use crate::support::{Reply, Site, name, on_both};
use serde_json::{Value, json};

on_both! { json_is_read_as_drf_reads_it forms_count_like_json other_types_are_415 bodies_have_a_size }

const JSON: &str = "application/json";

fn dictionary(kind: &str) -> Value {
    json!({"non_field_errors": [format!("Invalid data. Expected a dictionary, but got {kind}.")]})
}

async fn json_is_read_as_drf_reads_it(site: &Site) {
    let user = site.user().await;
    let posts = ["/api/register/", "/api/login/", "/api/chats/"];
    for path in posts {
        for (body, kind) in [
            ("[]", "list"),
            ("[{\"content\":\"x\"}]", "list"),
            ("\"x\"", "str"),
            ("1", "int"),
            ("1.5", "float"),
            ("true", "bool"),
            ("null", "NoneType"),
        ] {
            user.post(path).body(JSON, body).await.is(400, &dictionary(kind));
        }
        for body in [
            "{",
            "{]",
            "{'a': 1}",
            "{\"content\"}",
            "{\"content\": \"x\",}",
            "{} x",
            "\u{feff}{}",
            "nan",
            "{\"a\": NaN}",
            "  ",
            "{\"content\": \"\\ud800\"}",
            "{\"content\": \"a\nb\"}",
        ] {
            malformed(&user.post(path).body(JSON, body).await);
        }
        malformed(&user.post(path).body(JSON, b"{\"content\": \"\xff\"}".to_vec()).await);
    }
    let sent = user.say("first").await.json();
    let (chat, message) = (&sent["chat_id"], sent["conversation"][0]["message_id"].as_str().expect("an id"));
    let path = format!("/api/chats/{chat}/messages/{message}/");
    user.ask("PATCH", &path).body(JSON, "[]").await.is(400, &dictionary("list"));
    malformed(&user.ask("PATCH", &path).body(JSON, "{").await);
    // An empty body is no field at all; white space around an object and a charset are nothing.
    user.post("/api/chats/").body(JSON, "").await.is(400, &json!({"error": "Content is required."}));
    user.post("/api/chats/").await.is(400, &json!({"error": "Content is required."}));
    user.post("/api/chats/")
        .body("Application/JSON; Charset=UTF-8", " \n{\"content\": \"second\"}\n ")
        .await
        .has_status(200);
    // Of a field that comes twice the last counts, as in Python.
    let twice = user.post("/api/chats/").body(JSON, "{\"content\": \"a\", \"content\": \"third\"}").await;
    assert_eq!(twice.json()["conversation"][2]["You"], "third");
    // A number is its text; anything else is refused by name.
    let number = user.post("/api/chats/").body(JSON, "{\"content\": 42}").await;
    assert_eq!(number.json()["conversation"][3]["You"], "42");
    for body in [json!({"content": true}), json!({"content": ["x"]}), json!({"content": {"x": 1}})] {
        user.post("/api/chats/").json(&body).await.is(400, &json!({"content": ["Not a valid string."]}));
    }
    // A query is not a body.
    user.post("/api/chats/?content=x").await.is(400, &json!({"error": "Content is required."}));
    assert_eq!(user.chats().await[0]["conversation"].as_array().map(Vec::len), Some(4));
}

#[track_caller]
fn malformed(answer: &Reply) {
    answer.has("content-type", "application/json").has_status(400);
    let detail = answer.string("/detail");
    assert!(
        detail.starts_with("JSON parse error - ")
            && answer.json().as_object().map(serde_json::Map::len) == Some(1),
        "{answer}"
    );
}

async fn forms_count_like_json(site: &Site) {
    let http = site.http();
    const FORM: &str = "application/x-www-form-urlencoded";
    let username = name("form");
    let body = format!("username=+{username}+&email=f%40example.com&password=a%26b+c&ignored=%00");
    let registered = http.post("/api/register/").body(FORM, body).await;
    assert_eq!(registered.json()["user"]["email"], "f@example.com", "{registered}");
    http.post("/api/login/")
        .body(FORM, format!("username={username}&password=a%26b+c"))
        .await
        .has_status(200);
    http.post("/api/register/").body(FORM, "username=&password=").await.is(
        400,
        &json!({"username": ["This field may not be blank."], "password": ["This field may not be blank."]}),
    );
    let user = http.with_token(&registered.string("/token"));
    let first = user
        .post("/api/chats/")
        .body(
            "application/x-www-form-urlencoded; charset=utf-8",
            "content=%EC%95%88%EB%85%95+%2B&end_session=false",
        )
        .await;
    assert_eq!((first.status, first.json()["conversation"][0]["You"].clone()), (201, json!("안녕 +")));
    let message = first.string("/conversation/0/message_id");
    let path = format!("/api/chats/{}/messages/{message}/", first.json()["chat_id"]);
    user.ask("PATCH", &path)
        .body(FORM, "content=new")
        .await
        .is(200, &json!({"message": "Message updated successfully"}));
    user.post("/api/chats/").body(FORM, "content=bye&end_session=True").await.has_status(200);

    // Multipart: text parts are fields, files are not.
    let part = |name: &str, value: &str| {
        format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    const MULTIPART: &str = "multipart/form-data; boundary=XX";
    let body =
        format!("{}{}--XX--\r\n", part("content", "by multipart\r\nin two lines"), part("end_session", "no"));
    let answer = user.post("/api/chats/").body(MULTIPART, body).await;
    assert_eq!(
        (answer.status, answer.json()["conversation"][0]["You"].clone()),
        (201, json!("by multipart\r\nin two lines"))
    );
    let file = "--XX\r\nContent-Disposition: form-data; name=\"content\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nfile\r\n--XX--\r\n";
    user.post("/api/chats/").body(MULTIPART, file).await.is(400, &json!({"error": "Content is required."}));
    let username = name("multipart");
    let body = format!(
        "{}{}{}--XX--\r\n",
        part("username", &username),
        part("email", "m@example.com"),
        part("password", "pw")
    );
    http.post("/api/register/").body(MULTIPART, body).await.has_status(200);
    http.post("/api/login/").json(&json!({"username": username, "password": "pw"})).await.has_status(200);
    for (content_type, body) in [
        ("multipart/form-data", "--XX--\r\n"),
        (MULTIPART, "no boundary at all"),
        (MULTIPART, "--XX\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\ncut"),
    ] {
        let answer = user.post("/api/chats/").body(content_type, body).await;
        answer.has("content-type", JSON).has_status(400);
        assert!(answer.string("/detail").starts_with("Multipart form parse error"), "{answer}");
    }
}

async fn other_types_are_415(site: &Site) {
    let user = site.user().await;
    for path in ["/api/register/", "/api/login/", "/api/chats/"] {
        for content_type in [
            "text/plain",
            "text/plain;charset=UTF-8",
            "application/octet-stream",
            "application/xml",
            "application/jsonx",
            "application/json+x",
            "text/json",
        ] {
            let answer = user.post(path).body(content_type, "{\"content\":\"x\"}").await;
            answer.is(
                415,
                &json!({"detail": format!("Unsupported media type \"{content_type}\" in request.")}),
            );
        }
        user.post(path)
            .body("", "{\"content\":\"x\"}")
            .await
            .is(415, &json!({"detail": "Unsupported media type \"\" in request."}));
        for encoding in ["gzip", "br", "deflate", "gzip, gzip", "x"] {
            let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xabV*\x01\x00".to_vec();
            user.post(path)
                .header("Content-Encoding", encoding)
                .body(JSON, gzip)
                .await
                .has("content-type", JSON)
                .has_status(415);
        }
        user.post(path).header("Content-Encoding", "identity").body(JSON, "[]").await.has_status(400);
    }
    user.get("/api/chats/").await.is(200, &json!([]));
}

async fn bodies_have_a_size(site: &Site) {
    const MIB: usize = 1 << 20;
    let user = site.user().await;
    // Too long for a message, and not too large for a body.
    let body = |size: usize| {
        let (head, tail) = ("{\"content\":\"", "\"}");
        format!("{head}{}{tail}", "x".repeat(size - head.len() - tail.len()))
    };
    assert_eq!(body(MIB).len(), MIB);
    user.post("/api/chats/").body(JSON, body(MIB)).await.has_status(400);
    for path in ["/api/register/", "/api/login/", "/api/chats/"] {
        let answer = user.post(path).body(JSON, body(MIB + 1)).await;
        answer.is(413, &json!({"detail": "The request body is too large."}));
    }
    // A message has 32 000 characters, whatever their bytes; more is refused and not cut.
    let longest = "\u{1d11e}".repeat(32_000);
    let sent = user.say(&longest).await;
    assert_eq!((sent.status, sent.json()["conversation"][0]["You"].as_str()), (201, Some(longest.as_str())));
    user.say(&"a".repeat(32_001))
        .await
        .is(400, &json!({"error": "Content may have at most 32000 characters."}));
    let (chat, message) =
        (sent.json()["chat_id"].clone(), sent.json()["conversation"][0]["message_id"].clone());
    user.edit(&chat, &message, &"a".repeat(32_001)).await.has_status(400);
    user.edit(&chat, &message, &"나".repeat(32_000)).await.has_status(200);
    assert_eq!(user.chats().await[0]["conversation"][0]["You"], "나".repeat(32_000));
}
