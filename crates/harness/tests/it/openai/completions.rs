//! Chat completions: what the model is told, what is stored and what is not.

use super::{missing, pairs, said, stream};
use crate::support::{Site, name, on_both};
use maru_testkit::upstream::Script;
use serde_json::{Value, json};

on_both! {
    a_completion_is_answered_and_leaves_nothing
    what_the_model_can_be_told_is_passed_on
    chunks_are_the_reply
    a_stored_completion_is_a_room
    stored_completions_are_listed_changed_and_deleted
    a_failing_model_is_an_error_and_leaves_nothing
    models_are_listed_and_found
}

async fn a_completion_is_answered_and_leaves_nothing(site: &Site) {
    let user = site.user().await;
    let body = json!({"model": "test/prompt-echo", "messages": [
        {"role": "system", "content": "be brief"},
        {"role": "developer", "content": [{"type": "text", "text": "and kind"}]},
        {"role": "user", "content": "one", "name": "ann"},
        {"role": "assistant", "content": "eins"},
        {"role": "user", "content": [{"type": "text", "text": "tw"}, {"type": "text", "text": "o"}]},
    ]});
    let answer = user.post("/v1/chat/completions").json(&body).await.has_status(200).json();
    assert!(answer["id"].as_str().is_some_and(|id| id.starts_with("chatcmpl-")), "{answer}");
    assert_eq!(
        (&answer["object"], &answer["model"]),
        (&json!("chat.completion"), &json!("test/prompt-echo"))
    );
    let choice = &answer["choices"][0];
    assert_eq!((&choice["finish_reason"], &choice["message"]["role"]), (&json!("stop"), &json!("assistant")));
    let told: Value =
        serde_json::from_str(choice["message"]["content"].as_str().unwrap_or_default()).expect("json");
    let told: Vec<_> = told
        .as_array()
        .expect("messages")
        .iter()
        .map(|told| (told["role"].clone(), told["content"].clone()))
        .collect();
    let expected =
        [("system", "be brief\n\nand kind"), ("user", "one"), ("assistant", "eins"), ("user", "two")];
    assert_eq!(told, expected.map(|(role, text)| (json!(role), json!(text))));
    // Not stored: nowhere to be found.
    assert_eq!(user.get("/v1/rooms").await.json()["data"], json!([]));
    let id = answer["id"].as_str().unwrap_or_default();
    missing(&user.get(&format!("/v1/chat/completions/{id}")).await, "Chat completion", id);
}

async fn what_the_model_can_be_told_is_passed_on(site: &Site) {
    let (user, model) = (site.user().await, name("passed"));
    site.upstream.script(&model, Script::stream().role().say("x").finish("length").done().end());
    let body = json!({
        "model": format!("test/{model}"), "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.25, "top_p": 0.5, "max_tokens": 7, "frequency_penalty": 1, "presence_penalty": -1,
        "seed": 42, "stop": ["\n"], "reasoning_effort": "low",
        // Harmless, and unknown.
        "user": "u", "parallel_tool_calls": true, "tool_choice": "auto", "tools": [], "n": 1, "logprobs": false,
        "response_format": {"type": "text"}, "modalities": ["text"], "x": {"y": 1}, "service_tier": "auto",
    });
    let answer = user.post("/v1/chat/completions").json(&body).await.has_status(200).json();
    assert_eq!(answer["choices"][0]["finish_reason"], "length", "{answer}");
    let calls = site.upstream.calls_of(&model);
    let asked = &calls[0].body;
    for name in [
        "temperature",
        "top_p",
        "max_tokens",
        "frequency_penalty",
        "presence_penalty",
        "seed",
        "stop",
        "reasoning_effort",
    ] {
        let (told, given) = (&asked[name], &body[name]);
        let same = told == given || told.as_f64().is_some() && told.as_f64() == given.as_f64();
        assert!(same, "{name}: {told} for {given}");
    }
    assert!(asked.get("x").is_none() && asked.get("user").is_none(), "{asked}");
}

async fn chunks_are_the_reply(site: &Site) {
    let user = site.user().await;
    let body = json!({"model": "test/echo", "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "one two three"}]});
    let stream = stream(&user, "/v1/chat/completions", body).await;
    let all = stream.rest().await;
    let chunks: Vec<&Value> = all.iter().map(|event| &event.data).filter(|data| !data.is_null()).collect();
    assert!(all.iter().all(|event| event.event.is_empty()), "data lines only");
    let first = chunks[0];
    assert_eq!(
        (&first["object"], &first["choices"][0]["delta"]["role"]),
        (&json!("chat.completion.chunk"), &json!("assistant"))
    );
    let text: String =
        chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(text, "reply to: one two three");
    let (last, end) = (chunks[chunks.len() - 1], chunks[chunks.len() - 2]);
    assert_eq!(end["choices"][0]["finish_reason"], "stop");
    assert_eq!(last["choices"], json!([]));
    assert!(last["usage"]["total_tokens"].as_i64().is_some_and(|tokens| tokens > 0), "{last}");
    assert!(chunks.iter().all(|chunk| chunk["id"] == first["id"]));
}

async fn a_stored_completion_is_a_room(site: &Site) {
    let user = site.user().await;
    let body = json!({"model": "test/echo", "store": true, "metadata": {"topic": "numbers"}, "messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "one"}, {"role": "assistant", "content": "eins"}, {"role": "user", "content": "two"},
    ]});
    for streamed in [false, true] {
        let mut body = body.clone();
        body["stream"] = json!(streamed);
        let id = if streamed {
            let events = stream(&user, "/v1/chat/completions", body).await.rest().await;
            events[0].data["id"].as_str().expect("an id").to_owned()
        } else {
            user.post("/v1/chat/completions").json(&body).await.string("/id")
        };
        let path = format!("/v1/chat/completions/{id}");
        let kept = user.get(&path).await.has_status(200).json();
        assert_eq!(kept["choices"][0]["message"]["content"], "reply to: two");
        assert_eq!((&kept["metadata"], &kept["model"]), (&json!({"topic": "numbers"}), &json!("test/echo")));
        let room = format!("/v1/rooms/{}", id.trim_start_matches("chatcmpl-"));
        let shown = user.get(&room).await.has_status(200).json();
        assert_eq!(
            (&shown["kind"], &shown["system_prompt"], &shown["name"]),
            (&json!("openai"), &json!("be brief"), &json!("two"))
        );
        assert_eq!(
            said(&user, &room).await,
            pairs(&[("user", "one"), ("assistant", "eins"), ("user", "two"), ("assistant", "reply to: two")])
        );
        let asked = user.get(&format!("{path}/messages?limit=2")).await.has_status(200).json();
        let contents = |list: &Value| {
            list["data"]
                .as_array()
                .expect("data")
                .iter()
                .map(|said| said["content"].clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (contents(&asked), &asked["has_more"]),
            (vec![json!("be brief"), json!("one")], &json!(true))
        );
        let after = asked["last_id"].as_str().expect("a last id");
        // The second page begins after what the first one showed; the system's words come first alone.
        let rest = user.get(&format!("{path}/messages?after={after}")).await.has_status(200).json();
        assert_eq!((contents(&rest), &rest["has_more"]), (vec![json!("eins"), json!("two")], &json!(false)));
    }
}

async fn stored_completions_are_listed_changed_and_deleted(site: &Site) {
    let user = site.user().await;
    let mut ids = Vec::new();
    for n in 0..3 {
        let model = if n == 1 { "echo2" } else { "echo" };
        let body = json!({"model": format!("test/{model}"), "store": true, "messages": [{"role": "user", "content": format!("{n}")}]});
        ids.push(user.post("/v1/chat/completions").json(&body).await.string("/id"));
    }
    // Other rooms are no completions.
    user.post("/v1/conversations").json(&json!({})).await.has_status(200);
    let listed = |list: &Value| {
        list["data"]
            .as_array()
            .expect("data")
            .iter()
            .map(|one| one["id"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    let first = user.get("/v1/chat/completions?limit=2").await.has_status(200).json();
    assert_eq!((listed(&first), &first["has_more"]), (ids[..2].to_vec(), &json!(true)));
    let rest = user.get(&format!("/v1/chat/completions?limit=2&after={}", ids[1])).await.json();
    assert_eq!(
        (listed(&rest), &rest["has_more"], &rest["object"]),
        (ids[2..].to_vec(), &json!(false), &json!("list"))
    );
    let desc = user.get("/v1/chat/completions?order=desc&model=test/echo").await.json();
    assert_eq!(listed(&desc), [ids[2].clone(), ids[0].clone()]);
    let path = format!("/v1/chat/completions/{}", ids[0]);
    let changed = user.post(&path).json(&json!({"metadata": {"a": "b"}})).await.has_status(200).json();
    assert_eq!((&changed["metadata"], &changed["id"]), (&json!({"a": "b"}), &json!(ids[0])));
    let gone = user.ask("DELETE", &path).await;
    gone.is(200, &json!({"object": "chat.completion.deleted", "id": ids[0], "deleted": true}));
    missing(&user.get(&path).await, "Chat completion", &ids[0]);
}

async fn a_failing_model_is_an_error_and_leaves_nothing(site: &Site) {
    let (user, model) = (site.user().await, name("failing"));
    site.upstream.script(&model, Script::error(400, &[]));
    for store in [false, true] {
        let mut body = json!({"model": format!("test/{model}"), "store": store, "messages": [{"role": "user", "content": "hi"}]});
        super::refused(
            &user.post("/v1/chat/completions").json(&body).await,
            400,
            "model_refused",
            &Value::Null,
        );
        body["stream"] = json!(true);
        let events = stream(&user, "/v1/chat/completions", body).await.rest().await;
        assert!(events.last().expect("events").data["error"]["message"].is_string(), "{events:?}");
        assert_eq!(user.get("/v1/rooms").await.json()["data"], json!([]), "store: {store}");
    }
}

async fn models_are_listed_and_found(site: &Site) {
    let user = site.user().await;
    let list = user.get("/v1/models").await.has_status(200).json();
    assert_eq!((&list["object"], &list["data"][0]["id"]), (&json!("list"), &json!("test/echo")));
    assert!(list["data"].as_array().expect("data").iter().any(|model| model["id"] == "demo"), "{list}");
    for path in ["test/echo", "test%2Fecho", "test/any/thing", "demo"] {
        let model = user.get(&format!("/v1/models/{path}")).await.has_status(200).json();
        assert_eq!((&model["id"], &model["object"]), (&json!(path.replace("%2F", "/")), &json!("model")));
    }
    super::refused(&user.get("/v1/models/nowhere/x").await, 404, "model_not_found", &json!("model"));
}
