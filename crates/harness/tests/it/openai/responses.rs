//! Responses: alone, after another, in a conversation, in the background, cancelled, deleted.

use super::{missing, pairs, respond, room_path, said, slow, text};
use crate::support::{Site, name, on_both, until};
use maru_testkit::upstream::Script;
use serde_json::{Value, json};

on_both! {
    a_response_is_a_turn_of_a_room
    a_response_goes_on_from_another
    going_on_from_an_earlier_response_branches
    instructions_are_for_one_response_only
    a_response_that_is_not_stored_leaves_nothing
    what_was_asked_can_be_listed
    a_response_in_the_background_is_asked_for_later
    a_cancelled_response_keeps_its_text
    a_deleted_response_is_gone_with_what_was_said
    a_failed_response_says_so
    a_response_under_a_key_is_made_once
}

async fn a_response_is_a_turn_of_a_room(site: &Site) {
    let user = site.user().await;
    let body = json!({"model": "test/echo", "input": "hello", "metadata": {"a": "b"}, "temperature": 0.5, "user": "u", "x": [1]});
    let response = respond(&user, body).await;
    assert_eq!(
        (&response["object"], &response["status"], &response["model"]),
        (&json!("response"), &json!("completed"), &json!("test/echo"))
    );
    assert_eq!(
        (text(&response), &response["metadata"], &response["temperature"]),
        ("reply to: hello", &json!({"a": "b"}), &json!(0.5))
    );
    assert_eq!(
        (&response["error"], &response["previous_response_id"], &response["store"]),
        (&Value::Null, &Value::Null, &json!(true))
    );
    let usage = &response["usage"];
    assert_eq!(
        usage["total_tokens"].as_i64(),
        Some(
            usage["input_tokens"].as_i64().expect("tokens")
                + usage["output_tokens"].as_i64().expect("tokens")
        )
    );
    let room = room_path(&response);
    assert_eq!(said(&user, &room).await, pairs(&[("user", "hello"), ("assistant", "reply to: hello")]));
    let id = response["id"].as_str().expect("an id");
    assert_eq!(user.get(&format!("/v1/responses/{id}")).await.has_status(200).json(), response);
    // The same turn at the native API.
    let turn =
        user.get(&format!("/v1/turns/{}", id.trim_start_matches("resp_"))).await.has_status(200).json();
    assert_eq!((&turn["reply"], &turn["status"]), (&json!("reply to: hello"), &json!("completed")));
    missing(&user.get("/v1/responses/resp_x").await, "Response", "resp_x");
}

async fn a_response_goes_on_from_another(site: &Site) {
    let user = site.user().await;
    let first = respond(&user, json!({"input": "one"})).await;
    let second = respond(&user, json!({"input": "two", "previous_response_id": first["id"]})).await;
    assert_eq!(
        (&second["conversation"], &second["previous_response_id"]),
        (&first["conversation"], &first["id"])
    );
    let expected =
        [("user", "one"), ("assistant", "reply to: one"), ("user", "two"), ("assistant", "reply to: two")];
    assert_eq!(said(&user, &room_path(&second)).await, pairs(&expected));
    assert_eq!(site.prompts_for("two"), [["one", "reply to: one", "two"]]);
}

async fn going_on_from_an_earlier_response_branches(site: &Site) {
    let (user, marks) = (site.user().await, [name("a"), name("b"), name("c")]);
    let first = respond(&user, json!({"input": marks[0], "model": "test/echo"})).await;
    let after = |input: &str| json!({"input": input, "previous_response_id": first["id"]});
    let second = respond(&user, after(&marks[1])).await;
    let third = respond(&user, after(&marks[2])).await;
    assert_eq!(second["conversation"], first["conversation"]);
    assert_ne!(third["conversation"], first["conversation"]);
    assert_eq!(third["previous_response_id"], first["id"]);
    let reply = |n: usize| format!("reply to: {}", marks[n]);
    // Each sees what it goes on from, and nothing of the other.
    assert_eq!(site.prompts_for(&marks[2]), [[marks[0].clone(), reply(0), marks[2].clone()]]);
    let told: Vec<_> = said(&user, &room_path(&third)).await.into_iter().map(|(_, text)| text).collect();
    assert_eq!(told, [marks[0].clone(), reply(0), marks[2].clone(), reply(2)]);
    assert_eq!(said(&user, &room_path(&first)).await.len(), 4, "the first room is as it was");
    // At once: one goes on in the room, the others branch, and none sees another.
    let inputs: Vec<_> = (0..6).map(|n| name(&format!("at-once-{n}"))).collect();
    let sends = inputs
        .iter()
        .map(|input| respond(&user, json!({"input": input, "previous_response_id": third["id"]})));
    let responses = futures_util::future::join_all(sends).await;
    let stayed =
        responses.iter().filter(|response| response["conversation"] == third["conversation"]).count();
    assert_eq!(stayed, 1);
    for input in &inputs {
        let prompts = site.prompts_for(input);
        assert_eq!((prompts.len(), prompts[0].len()), (1, 5), "{prompts:?}");
    }
}

async fn instructions_are_for_one_response_only(site: &Site) {
    let (user, marks) = (site.user().await, [name("brief"), name("open")]);
    let first = respond(&user, json!({"input": marks[0], "instructions": "be brief"})).await;
    assert_eq!(first["instructions"], "be brief");
    let second = respond(&user, json!({"input": marks[1], "previous_response_id": first["id"]})).await;
    assert_eq!(second["instructions"], Value::Null);
    assert_eq!(site.prompts_for(&marks[0]), [["be brief".to_owned(), marks[0].clone()]]);
    assert_eq!(site.prompts_for(&marks[1])[0][0], marks[0], "they are not told again");
    assert_eq!(user.get(&room_path(&first)).await.json()["system_prompt"], "");
}

async fn a_response_that_is_not_stored_leaves_nothing(site: &Site) {
    let (user, mark) = (site.user().await, name("unstored"));
    let response = respond(&user, json!({"input": mark, "store": false, "instructions": "be brief"})).await;
    assert_eq!(
        (text(&response), &response["store"], &response["conversation"]),
        (format!("reply to: {mark}").as_str(), &json!(false), &Value::Null)
    );
    let id = response["id"].as_str().expect("an id");
    missing(&user.get(&format!("/v1/responses/{id}")).await, "Response", id);
    assert_eq!(user.get("/v1/rooms").await.json()["data"], json!([]));
    // It may know what was said, and adds nothing to it.
    let first = respond(&user, json!({"input": "one"})).await;
    let room = room_path(&first);
    for from in [json!({"previous_response_id": first["id"]}), json!({"conversation": first["conversation"]})]
    {
        let mark = name("beside");
        let mut body = json!({"input": mark, "store": false});
        body.as_object_mut().expect("an object").extend(from.as_object().expect("an object").clone());
        respond(&user, body).await;
        assert_eq!(site.prompts_for(&mark), [["one".to_owned(), "reply to: one".into(), mark]]);
    }
    assert_eq!(said(&user, &room).await.len(), 2);
    let refused =
        user.post("/v1/responses").json(&json!({"input": "x", "store": false, "background": true})).await;
    super::refused(&refused, 400, "invalid_value", &json!("background"));
}

async fn what_was_asked_can_be_listed(site: &Site) {
    let user = site.user().await;
    let first = respond(&user, json!({"input": "before"})).await;
    let input = json!([
        {"role": "user", "content": "one"}, {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "eins"}]},
        {"role": "user", "content": [{"type": "input_text", "text": "two"}]},
    ]);
    let second = respond(&user, json!({"input": input, "previous_response_id": first["id"]})).await;
    respond(&user, json!({"input": "after", "previous_response_id": second["id"]})).await;
    let path = format!("/v1/responses/{}/input_items", second["id"].as_str().expect("an id"));
    let texts = |list: &Value| {
        list["data"]
            .as_array()
            .expect("data")
            .iter()
            .map(|item| item["content"][0]["text"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    let list = user.get(&path).await.has_status(200).json();
    assert_eq!(
        (texts(&list), &list["has_more"]),
        (vec!["two".into(), "eins".into(), "one".to_owned()], &json!(false))
    );
    for (order, expected) in [("asc", ["one", "eins", "two"]), ("desc", ["two", "eins", "one"])] {
        let page = user.get(&format!("{path}?order={order}&limit=2")).await.json();
        assert_eq!(
            (texts(&page), &page["has_more"]),
            (expected[..2].iter().map(|&text| text.to_owned()).collect(), &json!(true))
        );
        let rest = user
            .get(&format!("{path}?order={order}&limit=2&after={}", page["last_id"].as_str().expect("an id")))
            .await
            .json();
        assert_eq!((texts(&rest), &rest["has_more"]), (vec![expected[2].to_owned()], &json!(false)));
    }
}

async fn a_response_in_the_background_is_asked_for_later(site: &Site) {
    let (user, model) = (site.user().await, name("background"));
    slow(site, &model, "one two three");
    let response =
        respond(&user, json!({"model": format!("test/{model}"), "input": "go", "background": true})).await;
    assert!(matches!(response["status"].as_str(), Some("queued" | "in_progress")), "{response}");
    assert_eq!(response["background"], true);
    let path = format!("/v1/responses/{}", response["id"].as_str().expect("an id"));
    until("it is completed", || async { user.get(&path).await.json()["status"] == "completed" }).await;
    assert_eq!(text(&user.get(&path).await.json()), "one two three");
}

async fn a_cancelled_response_keeps_its_text(site: &Site) {
    let (user, model) = (site.user().await, name("stalls"));
    site.upstream.script(&model, Script::stream().role().say("so far").stall());
    let response =
        respond(&user, json!({"model": format!("test/{model}"), "input": "go", "background": true})).await;
    let path = format!("/v1/responses/{}", response["id"].as_str().expect("an id"));
    until("it speaks", || async { text(&user.get(&path).await.json()) == "so far" }).await;
    let cancelled = user.post(&format!("{path}/cancel")).await.has_status(200).json();
    assert_eq!((&cancelled["status"], text(&cancelled)), (&json!("cancelled"), "so far"));
    assert_eq!(cancelled["output"][0]["status"], "incomplete");
    assert_eq!(user.post(&format!("{path}/cancel")).await.has_status(200).json(), cancelled, "twice is once");
    assert_eq!(user.get(&path).await.json(), cancelled);
    missing(&user.post("/v1/responses/resp_x/cancel").await, "Response", "resp_x");
}

async fn a_deleted_response_is_gone_with_what_was_said(site: &Site) {
    let user = site.user().await;
    let first = respond(
        &user,
        json!({"input": [{"role": "user", "content": "zero"}, {"role": "user", "content": "one"}]}),
    )
    .await;
    let second = respond(&user, json!({"input": "two", "previous_response_id": first["id"]})).await;
    let room = room_path(&first);
    let path = |response: &Value| format!("/v1/responses/{}", response["id"].as_str().expect("an id"));
    let gone = user.ask("DELETE", &path(&first)).await;
    gone.is(200, &json!({"id": first["id"], "object": "response", "deleted": true}));
    missing(&user.get(&path(&first)).await, "Response", first["id"].as_str().expect("an id"));
    assert_eq!(said(&user, &room).await, pairs(&[("user", "two"), ("assistant", "reply to: two")]));
    assert_eq!(user.get(&room).await.json()["message_count"], 2);
    // Its numbers have no gap, and the last one does not take the room along: another has opened it.
    let events = user.get(&format!("{room}/events")).await.has_status(200).json();
    let numbers: Vec<_> =
        events["data"].as_array().expect("events").iter().filter_map(|event| event["seq"].as_i64()).collect();
    assert_eq!(numbers, (1..=i64::try_from(numbers.len()).expect("few")).collect::<Vec<_>>());
    user.ask("DELETE", &path(&second)).await.has_status(200);
    user.get(&room).await.has_status(200);
    // One that stands alone in the room that it has opened does.
    let alone = respond(&user, json!({"input": "alone"})).await;
    user.ask("DELETE", &path(&alone)).await.has_status(200);
    user.get(&room_path(&alone)).await.has_status(404);
    // And one in a conversation of the client's own does not.
    let own = user.post("/v1/conversations").json(&json!({})).await.string("/id");
    let only = respond(&user, json!({"input": "only", "conversation": own})).await;
    user.ask("DELETE", &path(&only)).await.has_status(200);
    user.get(&format!("/v1/conversations/{own}")).await.has_status(200);
}

async fn a_failed_response_says_so(site: &Site) {
    let (user, model) = (site.user().await, name("fails"));
    site.upstream.script(&model, Script::error(400, &[]));
    let body = json!({"model": format!("test/{model}"), "input": "hi"});
    let response = respond(&user, body.clone()).await;
    assert_eq!(
        (&response["status"], &response["error"]["code"], &response["output"]),
        (&json!("failed"), &json!("server_error"), &json!([]))
    );
    let mut unstored = body;
    unstored["store"] = json!(false);
    super::refused(&user.post("/v1/responses").json(&unstored).await, 400, "model_refused", &Value::Null);
}

async fn a_response_under_a_key_is_made_once(site: &Site) {
    let user = site.user().await;
    let first = respond(&user, json!({"input": "zero"})).await;
    for body in
        [json!({"input": name("once")}), json!({"input": name("once"), "previous_response_id": first["id"]})]
    {
        let key = name("key");
        let sends = (0..4).map(|_| async { user.post("/v1/responses").key(&key).json(&body).await });
        let answers = futures_util::future::join_all(sends).await;
        assert!(
            answers
                .iter()
                .all(|answer| answer.status == 200 && answer.json()["id"] == answers[0].json()["id"])
        );
        assert_eq!(site.prompts_for(body["input"].as_str().expect("a text")).len(), 1);
    }
}
