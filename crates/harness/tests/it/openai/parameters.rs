//! The parameters that maru knows and does not read: each has its type, and none of them is passed over in
//! silence when it asks for what is not done.

use super::refusals::{COMPLETIONS, CONVERSATIONS, RESPONSES, all_refused, with};
use super::{refused, respond, said};
use crate::support::{Site, name, on_both};
use maru_testkit::upstream::Script;
use serde_json::{Value, json};

on_both! {
    what_is_not_read_has_a_type_all_the_same
    what_is_not_done_is_refused_by_name
    what_asks_for_nothing_is_accepted
    blank_items_are_not_kept
    how_much_is_to_be_said_is_told_to_the_model
    what_is_not_served_is_not_found
}

/// A value of no parameter's type but a number's, and one of no other's.
fn wrong() -> [Value; 2] {
    [json!(5), json!([[]])]
}

async fn what_is_not_read_has_a_type_all_the_same(site: &Site) {
    let common = [
        "user",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "parallel_tool_calls",
        "service_tier",
        "stream_options",
        "moderation",
        "tool_choice",
    ];
    let of_responses =
        ["truncation", "text", "reasoning", "prompt", "image", "access_programs", "background_options"];
    let of_completions =
        ["verbosity", "audio", "prediction", "logit_bias", "response_format", "function_call"];
    let mut cases = Vec::new();
    for (path, names) in [(RESPONSES, &of_responses[..]), (COMPLETIONS, &of_completions)] {
        for name in common.iter().chain(names) {
            cases.extend(wrong().map(|value| (path, json!({ *name: value }), *name)));
        }
        cases.push((path, json!({"tools": 5}), "tools"));
        cases.push((
            path,
            json!({"stream_options": {"include_obfuscation": "x"}}),
            "stream_options.include_obfuscation",
        ));
    }
    cases.extend([
        (RESPONSES, json!({"max_tool_calls": "x"}), "max_tool_calls"),
        (RESPONSES, json!({"context_management": "x"}), "context_management"),
        (RESPONSES, json!({"text": {"verbosity": 5}}), "text.verbosity"),
        (RESPONSES, json!({"text": {"format": 5}}), "text.format"),
        (RESPONSES, json!({"reasoning": {"effort": 5}}), "reasoning.effort"),
        (RESPONSES, json!({"include": [5]}), "include[0]"),
        (RESPONSES, json!({"input": [{"role": "user", "content": "x", "id": 5}]}), "input[0].id"),
        (COMPLETIONS, json!({"stream_options": {"include_usage": "x"}}), "stream_options.include_usage"),
        (COMPLETIONS, json!({"logprobs": "x"}), "logprobs"),
        (COMPLETIONS, json!({"functions": "x"}), "functions"),
        (COMPLETIONS, json!({"modalities": [5]}), "modalities[0]"),
        (COMPLETIONS, json!({"web_search_options": 5}), "web_search_options"),
        (COMPLETIONS, json!({"messages": [{"role": "user", "name": 5, "content": "x"}]}), "messages[0].name"),
        (
            COMPLETIONS,
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]}),
            "messages[0].content[0].text",
        ),
        (
            CONVERSATIONS,
            json!({"items": [{"role": "user", "content": [{"type": "text", "text": 5}]}]}),
            "items[0].content[0].text",
        ),
    ]);
    all_refused(site, "invalid_type", cases).await;
    let cases = vec![
        (RESPONSES, json!({"truncation": "sideways"}), "truncation"),
        (RESPONSES, json!({"text": {"verbosity": "loud"}}), "text.verbosity"),
        (RESPONSES, json!({"service_tier": "first class"}), "service_tier"),
        (RESPONSES, json!({"include": ["everything"]}), "include[0]"),
    ];
    all_refused(site, "invalid_value", cases).await;
}

async fn what_is_not_done_is_refused_by_name(site: &Site) {
    let cases = vec![
        (RESPONSES, json!({"context_management": [{"type": "compaction"}]}), "context_management"),
        (RESPONSES, json!({"moderation": {"model": "x"}}), "moderation"),
        (RESPONSES, json!({"prompt_cache_options": {"prewarm": true}}), "prompt_cache_options.prewarm"),
        (
            RESPONSES,
            json!({"background_options": {"completion_window": "8h"}}),
            "background_options.completion_window",
        ),
        (RESPONSES, json!({"access_programs": {"cyber": "daybreak_red"}}), "access_programs.cyber"),
        (RESPONSES, json!({"image": {"context_compression": "enabled"}}), "image.context_compression"),
        (RESPONSES, json!({"reasoning": {"context": "all_turns"}}), "reasoning.context"),
        (RESPONSES, json!({"reasoning": {"mode": "pro"}}), "reasoning.mode"),
        (RESPONSES, json!({"tool_choice": {"type": "web_search"}}), "tool_choice"),
        (COMPLETIONS, json!({"moderation": {"model": "x"}}), "moderation"),
        (COMPLETIONS, json!({"function_call": {"name": "f"}}), "function_call"),
        (COMPLETIONS, json!({"prediction": {"type": "content", "content": "x"}}), "prediction"),
    ];
    all_refused(site, "unsupported_parameter", cases).await;
}

async fn what_asks_for_nothing_is_accepted(site: &Site) {
    let user = site.user().await;
    let nothing = json!({
        "tools": [], "tool_choice": "auto", "parallel_tool_calls": true, "user": "ann", "safety_identifier": "x",
        "prompt_cache_key": "x", "prompt_cache_options": {"mode": "explicit", "ttl": "30m", "prewarm": false},
        "prompt_cache_retention": "24h", "service_tier": "priority", "moderation": null, "metadata": null,
        "stream_options": {"include_obfuscation": false}, "nobody_knows_this": {"x": [1]},
    });
    let of_responses = json!({
        "context_management": [], "prompt": null, "truncation": "auto", "max_tool_calls": 3,
        "text": {"format": {"type": "text"}, "verbosity": null},
        "reasoning": {"effort": "low", "summary": null, "mode": "standard", "context": "auto"},
        "include": ["reasoning.encrypted_content"], "image": {"context_compression": "auto"},
        "background_options": {"completion_window": "soonest"}, "access_programs": {"cyber": "standard"},
    });
    let of_completions = json!({
        "audio": null, "functions": [], "function_call": "none", "logit_bias": {}, "logprobs": false, "top_logprobs": 0,
        "modalities": ["text"], "n": 1, "prediction": null, "response_format": {"type": "text"},
        "web_search_options": null,
        "messages": [
            {"role": "user", "name": "ann", "content": "hi"},
            {"role": "assistant", "content": null, "refusal": "no", "tool_calls": [], "annotations": [], "audio": null},
            {"role": "user", "content": "why?"},
        ],
    });
    for (path, fields) in [(RESPONSES, of_responses), (COMPLETIONS, of_completions)] {
        let mut body = with(path, nothing.clone());
        body.as_object_mut().expect("an object").extend(fields.as_object().expect("fields").clone());
        let answer = user.post(path).json(&body).await.has_status(200).json();
        assert_eq!(
            answer["service_tier"], "default",
            "which is told, because it may not be what was asked for"
        );
    }
}

async fn blank_items_are_not_kept(site: &Site) {
    let user = site.user().await;
    let response = respond(&user, json!({"input": "hello"})).await;
    let items =
        format!("/v1/conversations/{}/items", response["conversation"]["id"].as_str().expect("an id"));
    for content in [json!(""), json!(" \n\t"), json!([]), json!([{"type": "input_text", "text": " "}])] {
        for role in ["user", "assistant", "system"] {
            let body = json!({"items": [
                {"role": "user", "content": "first"}, {"role": role, "content": content},
            ]});
            for path in [items.as_str(), CONVERSATIONS] {
                refused(&user.post(path).json(&body).await, 400, "invalid_value", &json!("items[1].content"));
            }
        }
        let body = json!({"input": [{"role": "user", "content": content}, {"role": "user", "content": "x"}]});
        refused(&user.post(RESPONSES).json(&body).await, 400, "invalid_value", &json!("input[0].content"));
    }
    assert_eq!(said(&user, &super::room_path(&response)).await.len(), 2, "and nothing beside it either");
}

async fn how_much_is_to_be_said_is_told_to_the_model(site: &Site) {
    let (user, model) = (site.user().await, name("brief"));
    site.upstream.script(&model, Script::reply("ok"));
    let model = format!("test/{model}");
    let response = respond(&user, json!({"model": model, "input": "x", "text": {"verbosity": "low"}})).await;
    assert_eq!(response["text"]["verbosity"], "low");
    let body = with(COMPLETIONS, json!({"model": model, "verbosity": "high"}));
    user.post(COMPLETIONS).json(&body).await.has_status(200);
    let asked: Vec<_> = site.upstream.calls_of(model.trim_start_matches("test/"));
    let asked: Vec<_> = asked.iter().map(|call| call.body["verbosity"].clone()).collect();
    assert_eq!(asked, [json!("low"), json!("high")]);
}

/// What the SDKs ask of OpenAI and maru does not have is their own not-found error; the native API beside it has
/// its own.
async fn what_is_not_served_is_not_found(site: &Site) {
    let user = site.user().await;
    for (verb, path) in [
        ("GET", "/v1/files"),
        ("POST", "/v1/embeddings"),
        ("POST", "/v1/audio/speech"),
        ("POST", "/v1/images/generations"),
        ("POST", "/v1/moderations"),
        ("GET", "/v1/batches/batch_1"),
        ("POST", "/v1/fine_tuning/jobs"),
        ("GET", "/v1/vector_stores/vs_1/files"),
        ("GET", "/v1/assistants"),
        ("POST", "/v1/threads"),
        ("DELETE", "/v1/threads/thread_1"),
        ("POST", "/v1/completions"),
    ] {
        for http in [&user, &site.http()] {
            let error = refused(
                &http.ask(verb, path).json(&json!({"input": "x"})).await,
                404,
                "not_found",
                &Value::Null,
            );
            assert!(
                error["message"].as_str().is_some_and(|text| text.contains("maru does not do")),
                "{error}"
            );
        }
    }
    for path in ["/v1/file", "/v1/filesystem", "/v1/nothing"] {
        user.get(path).await.has("content-type", "application/problem+json").has_status(404);
    }
}
