//! Bad input: refused in OpenAI's shape, by name, and nothing of it stored.

use super::{missing, refused, respond};
use crate::support::{Site, on_both};
use serde_json::{Value, json};

on_both! {
    wrong_types_are_named
    what_maru_does_not_do_is_refused_by_name
    unknown_models_are_named
    both_ways_to_go_on_exclude_each_other
    broken_bodies_are_refused
    lists_refuse_what_they_do_not_know
}

pub const RESPONSES: &str = "/v1/responses";
pub const COMPLETIONS: &str = "/v1/chat/completions";
pub const CONVERSATIONS: &str = "/v1/conversations";

/// A body that would do, with these fields in place of its own.
pub fn with(path: &str, fields: Value) -> Value {
    let mut body = match path {
        RESPONSES => json!({"input": "hi"}),
        COMPLETIONS => json!({"messages": [{"role": "user", "content": "hi"}], "store": true}),
        _ => json!({}),
    };
    body.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
    body
}

/// All of these are refused, and nothing is stored.
pub async fn all_refused(site: &Site, code: &str, cases: Vec<(&str, Value, &str)>) {
    let user = site.user().await;
    for (path, fields, param) in cases {
        let answer = user.post(path).json(&with(path, fields.clone())).await;
        let error = refused(&answer, 400, code, &json!(param));
        assert_eq!(error["type"], "invalid_request_error", "{fields}");
    }
    assert_eq!(user.get("/v1/rooms").await.json()["data"], json!([]), "nothing was stored");
}

async fn wrong_types_are_named(site: &Site) {
    let message = |content: Value| json!({"messages": [{"role": "user", "content": content}]});
    let cases = vec![
        (RESPONSES, json!({"input": 5}), "input"),
        (RESPONSES, json!({"input": [5]}), "input[0]"),
        (RESPONSES, json!({"input": [{"role": "user", "content": 5}]}), "input[0].content"),
        (
            RESPONSES,
            json!({"input": [{"role": "user", "content": [{"type": "input_text", "text": 5}]}]}),
            "input[0].content[0].text",
        ),
        (RESPONSES, json!({"input": [{"role": 5, "content": "x"}]}), "input[0].role"),
        (RESPONSES, json!({"model": 5}), "model"),
        (RESPONSES, json!({"stream": "yes"}), "stream"),
        (RESPONSES, json!({"store": 1}), "store"),
        (RESPONSES, json!({"background": "x"}), "background"),
        (RESPONSES, json!({"instructions": ["x"]}), "instructions"),
        (RESPONSES, json!({"temperature": "hot"}), "temperature"),
        (RESPONSES, json!({"max_output_tokens": 1.5}), "max_output_tokens"),
        (RESPONSES, json!({"metadata": "x"}), "metadata"),
        (RESPONSES, json!({"metadata": {"a": 1}}), "metadata.a"),
        (RESPONSES, json!({"conversation": 5}), "conversation"),
        (RESPONSES, json!({"conversation": {"id": 5}}), "conversation.id"),
        (RESPONSES, json!({"previous_response_id": {}}), "previous_response_id"),
        (RESPONSES, json!({"include": "x"}), "include"),
        (COMPLETIONS, json!({"messages": "x"}), "messages"),
        (COMPLETIONS, message(json!(5)), "messages[0].content"),
        (COMPLETIONS, message(json!([5])), "messages[0].content[0]"),
        (COMPLETIONS, json!({"n": "x"}), "n"),
        (COMPLETIONS, json!({"stop": 5}), "stop"),
        (COMPLETIONS, json!({"stop": [5]}), "stop[0]"),
        (COMPLETIONS, json!({"stream_options": 5}), "stream_options"),
        (CONVERSATIONS, json!({"items": {}}), "items"),
        (CONVERSATIONS, json!({"items": ["x"]}), "items[0]"),
        (CONVERSATIONS, json!({"metadata": []}), "metadata"),
    ];
    all_refused(site, "invalid_type", cases).await;
    let said = |role: &str, text: &str| json!({"messages": [{"role": role, "content": text}]});
    let said_after = |first: &str, role: &str, text: &str| json!({"messages": [{"role": first, "content": "x"}, {"role": role, "content": text}]});
    let many: Vec<_> = (0..21).map(|_| json!({"role": "user", "content": "x"})).collect();
    let notes: serde_json::Map<String, Value> = (0..17).map(|n| (n.to_string(), json!("x"))).collect();
    let cases = vec![
        (RESPONSES, json!({"input": ""}), "input"),
        (RESPONSES, json!({"input": "a\u{0}b"}), "input"),
        (RESPONSES, json!({"input": []}), "input"),
        (RESPONSES, json!({"input": "x".repeat(32_001)}), "input"),
        (RESPONSES, json!({"input": [{"role": "assistant", "content": "x"}]}), "input[0].role"),
        (RESPONSES, json!({"input": [{"role": "robot", "content": "x"}]}), "input[0].role"),
        (RESPONSES, json!({"temperature": 2.5}), "temperature"),
        (RESPONSES, json!({"top_p": -1}), "top_p"),
        (RESPONSES, json!({"metadata": notes}), "metadata"),
        (RESPONSES, json!({"metadata": {"a": "x".repeat(513)}}), "metadata.a"),
        (COMPLETIONS, json!({"messages": []}), "messages"),
        (COMPLETIONS, said("assistant", "x"), "messages[0].role"),
        (COMPLETIONS, said("user", " "), "messages[0].content"),
        (COMPLETIONS, said("system", "x"), "messages[0].role"),
        (COMPLETIONS, said_after("system", "assistant", "x"), "messages[1].role"),
        (COMPLETIONS, said_after("system", "user", " "), "messages[1].content"),
        (COMPLETIONS, json!({"max_tokens": 0}), "max_tokens"),
        (CONVERSATIONS, json!({"items": many}), "items"),
    ];
    all_refused(site, "invalid_value", cases).await;
    let cases = vec![
        (RESPONSES, json!({"input": null}), "input"),
        (RESPONSES, json!({"input": [{"content": "x"}]}), "input[0].role"),
        (RESPONSES, json!({"input": [{"role": "user"}]}), "input[0].content"),
        (
            RESPONSES,
            json!({"input": [{"role": "user", "content": [{"text": "x"}]}]}),
            "input[0].content[0].type",
        ),
        (RESPONSES, json!({"conversation": {}}), "conversation.id"),
        (COMPLETIONS, json!({"messages": null}), "messages"),
    ];
    all_refused(site, "missing_required_parameter", cases).await;
}

async fn what_maru_does_not_do_is_refused_by_name(site: &Site) {
    let image = json!({"type": "input_image", "image_url": "data:image/png;base64,AA=="});
    let content =
        |part: Value| json!([{"role": "user", "content": [{"type": "input_text", "text": "x"}, part]}]);
    let tool = json!([{"type": "function", "name": "f", "function": {"name": "f"}}]);
    let part = |kind: &str| json!({"messages": [{"role": "user", "content": [{"type": kind}]}]});
    let cases = vec![
        (RESPONSES, json!({"input": content(image)}), "input[0].content[1].type"),
        (
            RESPONSES,
            json!({"input": content(json!({"type": "input_file", "file_id": "f"}))}),
            "input[0].content[1].type",
        ),
        (
            RESPONSES,
            json!({"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}),
            "input[0].type",
        ),
        (RESPONSES, json!({"input": [{"type": "item_reference", "id": "msg_1"}]}), "input[0].type"),
        (RESPONSES, json!({"tools": tool}), "tools"),
        (RESPONSES, json!({"tool_choice": "required"}), "tool_choice"),
        (RESPONSES, json!({"prompt": {"id": "p"}}), "prompt"),
        (
            RESPONSES,
            json!({"text": {"format": {"type": "json_schema", "name": "n", "schema": {}}}}),
            "text.format.type",
        ),
        (RESPONSES, json!({"include": ["message.output_text.logprobs"]}), "include[0]"),
        (RESPONSES, json!({"reasoning": {"summary": "auto"}}), "reasoning.summary"),
        (COMPLETIONS, json!({"tools": tool}), "tools"),
        (COMPLETIONS, json!({"functions": tool}), "functions"),
        (COMPLETIONS, json!({"web_search_options": {}}), "web_search_options"),
        (COMPLETIONS, json!({"tool_choice": {"type": "function"}}), "tool_choice"),
        (COMPLETIONS, json!({"n": 2}), "n"),
        (COMPLETIONS, json!({"logprobs": true}), "logprobs"),
        (COMPLETIONS, json!({"response_format": {"type": "json_object"}}), "response_format.type"),
        (COMPLETIONS, json!({"modalities": ["text", "audio"]}), "modalities[1]"),
        (COMPLETIONS, json!({"audio": {"voice": "alloy"}}), "audio"),
        (COMPLETIONS, json!({"logit_bias": {"50256": -100}}), "logit_bias"),
        (COMPLETIONS, part("image_url"), "messages[0].content[0].type"),
        (COMPLETIONS, part("input_audio"), "messages[0].content[0].type"),
        (
            COMPLETIONS,
            json!({"messages": [{"role": "tool", "content": "x", "tool_call_id": "c"}]}),
            "messages[0].role",
        ),
        (
            COMPLETIONS,
            json!({"messages": [{"role": "assistant", "content": "", "tool_calls": tool}]}),
            "messages[0].tool_calls",
        ),
        (CONVERSATIONS, json!({"items": [{"type": "reasoning", "summary": []}]}), "items[0].type"),
    ];
    all_refused(site, "unsupported_parameter", cases).await;
}

async fn unknown_models_are_named(site: &Site) {
    let user = site.user().await;
    for path in [RESPONSES, COMPLETIONS] {
        for model in ["nowhere/x", "gpt-4o", "", "test/"] {
            let answer = user.post(path).json(&with(path, json!({"model": model}))).await;
            refused(&answer, 404, "model_not_found", &json!("model"));
        }
    }
    assert_eq!(user.get("/v1/rooms").await.json()["data"], json!([]));
}

async fn both_ways_to_go_on_exclude_each_other(site: &Site) {
    let user = site.user().await;
    let first = respond(&user, json!({"input": "one"})).await;
    let body =
        json!({"input": "two", "previous_response_id": first["id"], "conversation": first["conversation"]});
    refused(
        &user.post(RESPONSES).json(&body).await,
        400,
        "mutually_exclusive_parameters",
        &json!("previous_response_id"),
    );
    let body = json!({"input": "two", "previous_response_id": "resp_x"});
    let answer = user.post(RESPONSES).json(&body).await;
    refused(&answer, 400, "previous_response_not_found", &json!("previous_response_id"));
    missing(
        &user.post(RESPONSES).json(&json!({"input": "x", "conversation": "conv_x"})).await,
        "Conversation",
        "conv_x",
    );
    // A room that has ended can be read; to say more in it is not tried again and again.
    let room = super::room_path(&first);
    user.post(&format!("{room}/end")).await.has_status(200);
    let ended =
        user.post(RESPONSES).json(&json!({"input": "x", "conversation": first["conversation"]})).await;
    refused(&ended, 400, "room_ended", &Value::Null);
}

async fn broken_bodies_are_refused(site: &Site) {
    let user = site.user().await;
    for path in [RESPONSES, COMPLETIONS, CONVERSATIONS] {
        refused(&user.post(path).body("application/json", "{").await, 400, "invalid_json", &Value::Null);
        refused(&user.post(path).body("application/json", "[1]").await, 400, "invalid_json", &Value::Null);
        refused(&user.post(path).body("text/plain", "{}").await, 415, "unsupported_media_type", &Value::Null);
        refused(
            &user.post(path).body("application/json", vec![b' '; 2 << 20]).await,
            413,
            "body_too_large",
            &Value::Null,
        );
        refused(&user.ask("PUT", path).await, 405, "method_not_allowed", &Value::Null);
    }
    refused(&user.get("/v1/responses/x/y/z").await, 404, "not_found", &Value::Null);
}

async fn lists_refuse_what_they_do_not_know(site: &Site) {
    let user = site.user().await;
    let first = respond(&user, json!({"input": "one"})).await;
    let id = |name: &Value| name.as_str().expect("an id").to_owned();
    let lists = [
        format!("/v1/conversations/{}/items", id(&first["conversation"]["id"])),
        format!("/v1/responses/{}/input_items", id(&first["id"])),
        COMPLETIONS.to_owned(),
    ];
    for list in lists {
        for (query, param) in [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=x", "limit"),
            ("order=up", "order"),
            ("after=x", "after"),
        ] {
            refused(&user.get(&format!("{list}?{query}")).await, 400, "invalid_value", &json!(param));
        }
        let logprobs = user.get(&format!("{list}?include[]=message.output_text.logprobs")).await;
        refused(&logprobs, 400, "unsupported_parameter", &json!("include"));
    }
}
