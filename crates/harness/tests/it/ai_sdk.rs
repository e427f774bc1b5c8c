//! The AI SDK's chat over HTTP (contract §6.2), on both databases. What the SDK makes of it is tested
//! with the SDK itself, in `clients`.

use crate::native::sse::{Event, open};
use crate::openai::slow;
use crate::support::{Http, Reply, Site, name, on_both, until};
use maru_testkit::upstream::Script;
use serde_json::{Value, json};

on_both! {
    a_message_is_sent_and_its_reply_streamed
    a_message_whose_id_was_sent_before_is_the_same
    a_message_is_edited_when_the_client_says_so
    nothing_else_replaces_what_is_stored
    a_client_that_has_read_the_chat_elsewhere_goes_on_in_it
    a_reply_is_made_anew
    a_running_reply_is_resumed_from_its_beginning
    a_running_reply_is_stopped
    chats_are_the_callers_own
    nobodys_chats_are_in_no_list
    a_failure_is_told_in_the_stream
    bad_input_is_told_in_plain_words
}

fn body(chat: &str, id: &str, text: &str) -> Value {
    let message = json!({"id": id, "role": "user", "parts": [{"type": "text", "text": text}]});
    json!({"id": chat, "messages": [message], "trigger": "submit-message"})
}

async fn sent(http: &Http, body: Value) -> Vec<Event> {
    let stream = open(http, "POST", "/api/chat", &[], Some(body)).await;
    assert_eq!(stream.header("x-vercel-ai-ui-message-stream").as_deref(), Some("v1"));
    stream.rest().await
}

/// The types of the parts, with runs of deltas told once.
fn kinds(parts: &[Event]) -> Vec<&str> {
    let mut kinds: Vec<_> = parts.iter().filter_map(|part| part.data["type"].as_str()).collect();
    kinds.dedup();
    kinds
}

fn text(parts: &[Event]) -> String {
    parts.iter().filter_map(|part| part.data["delta"].as_str()).collect()
}

/// What a chat's room holds, read natively by its owner.
async fn said(user: &Http) -> Vec<String> {
    let rooms = user.get("/v1/rooms").await.has_status(200).json();
    let room = rooms["data"][0]["id"].as_str().expect("a room");
    assert_eq!(rooms["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(rooms["data"][0]["kind"], "ui");
    crate::openai::said(user, &format!("/v1/rooms/{room}")).await.into_iter().map(|(_, text)| text).collect()
}

#[track_caller]
fn refused(answer: &Reply, status: u16, words: &str) {
    answer.has("content-type", "text/plain; charset=utf-8").has_status(status);
    assert!(answer.text().contains(words), "{answer}");
}

async fn a_message_is_sent_and_its_reply_streamed(site: &Site) {
    let user = site.user().await;
    let parts = sent(&user, body("c", "m1", "one")).await;
    assert_eq!(
        kinds(&parts),
        ["start", "start-step", "text-start", "text-delta", "text-end", "finish-step", "finish"]
    );
    assert!(parts.last().expect("an end").data.is_null(), "[DONE] is no JSON");
    assert_eq!(
        (text(&parts).as_str(), &parts[parts.len() - 2].data["finishReason"]),
        ("reply to: one", &json!("stop"))
    );
    sent(&user, body("c", "m2", "two")).await;
    assert_eq!(said(&user).await, ["one", "reply to: one", "two", "reply to: two"]);
    // The reply has the same id everywhere.
    let room = user.get("/v1/rooms").await.string("/data/0/id");
    let reply = user.get(&format!("/v1/rooms/{room}/messages")).await.string("/data/1/id");
    assert_eq!(parts[0].data["messageId"], reply);
    // An app may send the newest message alone.
    let alone = json!({"id": "c", "message": {"id": "m3", "role": "user", "parts": [{"type": "text", "text": "three"}]}});
    assert_eq!(text(&sent(&user, alone).await), "reply to: three");
}

async fn a_message_whose_id_was_sent_before_is_the_same(site: &Site) {
    let (user, mark) = (site.user().await, name("once"));
    let first = sent(&user, body("c", "m1", &mark)).await;
    let sends = (0..5).map(|_| sent(&user, body("c", "m1", &mark)));
    for again in futures_util::future::join_all(sends).await {
        assert_eq!((&again[0].data, text(&again)), (&first[0].data, text(&first)));
    }
    assert_eq!(said(&user).await.len(), 2);
    assert_eq!(site.prompts_for(&mark).len(), 1);
    // At once, in a chat that is not there yet.
    let mark = name("at-once");
    let sends = (0..5).map(|_| sent(&user, body("d", "m1", &mark)));
    let parts = futures_util::future::join_all(sends).await;
    assert!(parts.iter().all(|told| told[0].data == parts[0][0].data));
    assert_eq!(site.prompts_for(&mark).len(), 1);
}

/// As `sendMessage({ text, messageId })` asks for it.
fn edited(chat: &str, id: &str, text: &str) -> Value {
    let mut body = body(chat, id, text);
    body["messageId"] = json!(id);
    body
}

fn anew(chat: &str, id: &str, text: &str) -> Value {
    let mut body = body(chat, id, text);
    body["trigger"] = json!("regenerate-message");
    body
}

async fn a_message_is_edited_when_the_client_says_so(site: &Site) {
    let user = site.user().await;
    sent(&user, body("c", "m1", "one")).await;
    sent(&user, body("c", "m2", "two")).await;
    let parts = sent(&user, edited("c", "m1", "uno")).await;
    assert_eq!(text(&parts), "reply to: uno");
    assert_eq!(said(&user).await, ["uno", "reply to: uno"]);
    // Sent once more, it is the same message; and of a message that never arrived there is nothing to replace.
    assert_eq!(sent(&user, edited("c", "m1", "uno")).await[0].data, parts[0].data);
    assert_eq!(text(&sent(&user, edited("c", "lost", "dos")).await), "reply to: dos");
    assert_eq!(said(&user).await, ["uno", "reply to: uno", "dos", "reply to: dos"]);
}

async fn nothing_else_replaces_what_is_stored(site: &Site) {
    let user = site.user().await;
    let all = ["one", "reply to: one", "two", "reply to: two"];
    sent(&user, body("c", "m1", "one")).await;
    sent(&user, body("c", "m2", "two")).await;
    let mut of_another = body("c", "m1", "uno");
    of_another["messageId"] = json!("m2");
    for unsaid in [body("c", "m1", "uno"), body("c", "m2", "dos"), of_another, anew("c", "m2", "dos")] {
        refused(&user.post("/api/chat").json(&unsaid).await, 400, "messageId");
        assert_eq!(said(&user).await, all, "{unsaid}");
    }
    // A page that does not know the newest message.
    refused(&user.post("/api/chat").json(&anew("c", "m1", "one")).await, 409, "more was said");
    assert_eq!(said(&user).await, all);
    assert_eq!(text(&sent(&user, anew("c", "m2", "two")).await), "reply to: two");
    // The person has chosen the earlier reply.
    let mut chosen = anew("c", "m1", "one");
    chosen["messageId"] = json!("the reply");
    assert_eq!(text(&sent(&user, chosen).await), "reply to: one");
    assert_eq!(said(&user).await, ["one", "reply to: one"]);
}

async fn a_client_that_has_read_the_chat_elsewhere_goes_on_in_it(site: &Site) {
    let user = site.user().await;
    let first = sent(&user, body("c", "m1", "one")).await;
    let room = user.get("/v1/rooms").await.string("/data/0/id");
    let ours = user.get(&format!("/v1/rooms/{room}/messages")).await.string("/data/0/id");
    assert_eq!(sent(&user, body("c", &ours, "one")).await[0].data, first[0].data, "the same message");
    refused(&user.post("/api/chat").json(&body("c", &ours, "uno")).await, 400, "messageId");
    assert_eq!(text(&sent(&user, edited("c", &ours, "uno")).await), "reply to: uno");
    assert_eq!(said(&user).await, ["uno", "reply to: uno"]);
    // In another chat it is an id like any other.
    let told = site.user().await;
    assert_eq!(text(&sent(&told, body("c", &ours, "mine")).await), "reply to: mine");
}

async fn a_reply_is_made_anew(site: &Site) {
    let (user, model) = (site.user().await, name("anew"));
    site.upstream
        .script_each(&model, vec![Script::reply("first"), Script::reply("second"), Script::reply("third")]);
    let mut body = body("c", "m1", "hi");
    body["model"] = json!(format!("test/{model}"));
    let first = sent(&user, body.clone()).await;
    body["trigger"] = json!("regenerate-message");
    body["messageId"] = first[0].data["messageId"].clone();
    let second = sent(&user, body.clone()).await;
    assert_eq!((text(&first).as_str(), text(&second).as_str()), ("first", "second"));
    assert_ne!(first[0].data["messageId"], second[0].data["messageId"]);
    assert_eq!(said(&user).await, ["hi", "second"]);
    // A client that has read the chat elsewhere knows the message by our own id.
    let room = user.get("/v1/rooms").await.string("/data/0/id");
    let ours = user.get(&format!("/v1/rooms/{room}/messages")).await.string("/data/0/id");
    body["messages"][0]["id"] = json!(ours);
    assert_eq!(text(&sent(&user, body.clone()).await), "third");
    body["messages"][0]["id"] = json!("unknown");
    refused(&user.post("/api/chat").json(&body).await, 404, "no such message");
    body["id"] = json!("unknown");
    refused(&user.post("/api/chat").json(&body).await, 404, "no such chat");
}

async fn a_running_reply_is_resumed_from_its_beginning(site: &Site) {
    let (user, model) = (site.user().await, name("slow"));
    slow(site, &model, "one two three four");
    user.get("/api/chat/c/stream").await.has_status(204);
    let mut body = body("c", "m1", "go");
    body["model"] = json!(format!("test/{model}"));
    let mut live = open(&user, "POST", "/api/chat", &[], Some(body)).await;
    let start = live.next().await.expect("a start");
    while live.next().await.expect("a delta").data["type"] != "text-delta" {}
    drop(live);
    let resumed = open(&user, "GET", "/api/chat/c/stream", &[], None).await;
    assert_eq!(resumed.header("x-vercel-ai-ui-message-stream").as_deref(), Some("v1"));
    let parts = resumed.rest().await;
    assert_eq!((&parts[0], text(&parts).as_str()), (&start, "one two three four"));
    user.get("/api/chat/c/stream").await.has_status(204);
    user.get("/api/chat/nowhere/stream").await.has_status(204);
}

async fn a_running_reply_is_stopped(site: &Site) {
    let (user, model) = (site.user().await, name("stalls"));
    site.upstream.script(&model, Script::stream().role().say("so far").stall());
    let mut body = body("c", "m1", "go");
    body["model"] = json!(format!("test/{model}"));
    let mut live = open(&user, "POST", "/api/chat", &[], Some(body)).await;
    while live.next().await.expect("a delta").data["type"] != "text-delta" {}
    user.post("/api/chat/c/stop").await.is(200, &json!({"success": true}));
    let rest = live.rest().await;
    assert_eq!(kinds(&rest), ["text-end", "abort"]);
    assert_eq!(said(&user).await, ["go", "so far"]);
    until("the model is no longer read", || async {
        site.upstream.calls_of(&model).iter().all(|call| call.end.is_some())
    })
    .await;
    user.post("/api/chat/c/stop").await.is(200, &json!({"success": true}));
    user.post("/api/chat/nowhere/stop").await.is(200, &json!({"success": true}));
    user.get("/api/chat/c/stream").await.has_status(204);
}

async fn chats_are_the_callers_own(site: &Site) {
    let (ann, bob, chat) = (site.user().await, site.user().await, name("chat"));
    sent(&ann, body(&chat, "m1", "ann's")).await;
    sent(&bob, body(&chat, "m1", "bob's")).await;
    assert_eq!(said(&ann).await, ["ann's", "reply to: ann's"]);
    assert_eq!(said(&bob).await, ["bob's", "reply to: bob's"]);
    // Without a token: nobody's, where the settings allow it.
    let mut none = site.http();
    none.token = None;
    let anonymous = none.post("/api/chat").json(&body(&chat, "m1", "nobody's")).await;
    assert!(anonymous.has_status(200).text().contains("nobody's"), "{anonymous}");
    let bad = site.http().with_token("sk-nobody");
    for (verb, path) in [
        ("POST", "/api/chat".to_owned()),
        ("GET", format!("/api/chat/{chat}/stream")),
        ("POST", format!("/api/chat/{chat}/stop")),
    ] {
        refused(&bad.ask(verb, &path).body("text/plain", "x").await, 401, "token");
    }
}

/// Who has no token has the chat's id for a key, and nobody is told of it.
async fn nobodys_chats_are_in_no_list(site: &Site) {
    let (user, chat, secret) = (site.user().await, name("chat"), name("secret"));
    let nobody = site.http();
    nobody.post("/api/chat").json(&body(&chat, "m1", &secret)).await.has_status(200);
    let made = user.post("/v1/rooms").json(&json!({"name": "after"})).await.json();
    let newest = made["number"].as_i64().expect("a number");
    let mut paths: Vec<String> = [
        "/chat/",
        "/v1/chat/chats",
        "/v1/chat/chats?user_id=user",
        "/v1/rooms",
        "/api/chats/",
        "/chatbot/room/",
    ]
    .map(str::to_owned)
    .into();
    for id in (1..newest).map(|number| number.to_string()).chain([chat.clone()]) {
        paths.extend([format!("/chat/{id}/"), format!("/v1/chat/{id}/history"), format!("/v1/rooms/{id}")]);
        paths.push(format!("/v1/chat/chats/{id}"));
        paths.push(format!("/api/chat/status?userId={id}&threadNum={id}"));
    }
    for path in &paths {
        for http in [&nobody, &user] {
            let answer = http.get(path).await;
            assert!(!answer.text().contains(&secret), "{path} {answer}");
            assert!(path.contains(&chat) || !answer.text().contains(&chat), "{path} {answer}");
        }
    }
    // With the id, it is there.
    let again = nobody.post("/api/chat").json(&body(&chat, "m1", &secret)).await;
    assert!(again.has_status(200).text().contains(&secret), "{again}");
    user.get(&format!("/api/chat/{chat}/stream")).await.has_status(204);
}

async fn a_failure_is_told_in_the_stream(site: &Site) {
    let (user, model) = (site.user().await, name("breaks"));
    site.upstream.script(&model, Script::stream().role().say("so far").reset());
    let mut body = body("c", "m1", "go");
    body["model"] = json!(format!("test/{model}"));
    let parts = sent(&user, body).await;
    let error = &parts[parts.len() - 2].data;
    assert_eq!((&error["type"], text(&parts).as_str()), (&json!("error"), "so far"));
    assert!(error["errorText"].as_str().is_some_and(|text| !text.is_empty()), "{error}");
}

async fn bad_input_is_told_in_plain_words(site: &Site) {
    let user = site.user().await;
    let image = json!({"id": "c", "messages": [{"id": "m", "role": "user", "parts": [{"type": "file", "url": "data:"}]}]});
    refused(
        &user.post("/api/chat").json(&image).await,
        400,
        "messages[0].parts[0]: maru reads text only, and no 'file'",
    );
    let number =
        json!({"id": "c", "messages": [{"id": "m", "role": "user", "parts": [{"type": "text", "text": 5}]}]});
    refused(&user.post("/api/chat").json(&number).await, 400, "messages[0].parts[0].text must be a string");
    refused(&user.post("/api/chat").json(&body("c", "m", " ")).await, 400, "empty");
    refused(&user.post("/api/chat").json(&body(&"x".repeat(129), "m", "x")).await, 400, "at most 128");
    refused(&user.post("/api/chat").json(&json!({"id": "c"})).await, 400, "messages");
    refused(&user.post("/api/chat").body("application/json", "{").await, 400, "JSON");
    refused(&user.post("/api/chat").body("text/plain", "{}").await, 415, "application/json");
    refused(&user.ask("PUT", "/api/chat").await, 405, "verb");
    let mut unknown = body("c", "m", "x");
    unknown["model"] = json!("nowhere/x");
    refused(&user.post("/api/chat").json(&unknown).await, 400, "no such model");
    assert_eq!(user.get("/v1/rooms").await.json()["data"], json!([]));
}
