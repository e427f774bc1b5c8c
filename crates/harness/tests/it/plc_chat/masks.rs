//! What a history shows of a PLC: as it was then, and nothing while it is inactive or deleted.

use super::{history, refused, registered, say, say_about, uuid};
use crate::support::{Http, Site, name, on_both};
use serde_json::{Value, json};

on_both! {
    a_snapshot_outlives_every_change an_inactive_plc_is_hidden_at_once a_deleted_plc_stays_hidden
    a_plc_that_is_not_there_is_refused a_cached_history_is_never_stale
}

async fn activate(http: &Http, plc: &Value, active: bool) {
    let answer =
        http.ask("PATCH", &format!("/v1/plcs/{}", uuid(plc))).json(&json!({ "is_active": active })).await;
    answer.has_status(200);
    assert_eq!(answer.json()["is_active"], json!(active), "{answer}");
}

fn shown(message: &Value) -> (Value, bool, bool) {
    (message["plc_uuid"].clone(), message["plc_hierarchy"].is_object(), message["plc_snapshot"].is_object())
}

async fn a_snapshot_outlives_every_change(site: &Site) {
    let (http, chat) = (site.http(), name("chat"));
    let plc = registered(&http).await;
    say_about(&http, &chat, "before", &uuid(&plc)).await.has_status(200);
    let before = history(&http, &chat).await;
    let renamed = name("RENAMED");
    let change = json!({"items": [{"plc_uuid": plc["plc_uuid"], "plc_id": renamed, "plc_name": "OTHER", "unit": "9"}]});
    let changed = http.ask("PUT", "/v1/plcs/batch").json(&change).await;
    assert_eq!(changed.json()["updated_count"], 1, "{changed}");
    assert_eq!(history(&http, &chat).await, before, "as it was when the message was created");
    say_about(&http, &chat, "after", &uuid(&plc)).await.has_status(200);
    let after = history(&http, &chat).await;
    assert_eq!(after[..2], before[..]);
    let now = &after[2]["plc_snapshot"];
    assert_eq!(
        (&now["plc_id"], &now["plc_name"], &now["unit"]),
        (&json!(renamed), &json!("OTHER"), &json!("9"))
    );
}

async fn an_inactive_plc_is_hidden_at_once(site: &Site) {
    let (http, chat) = (site.http(), name("chat"));
    let (plc, other) = (registered(&http).await, registered(&http).await);
    say_about(&http, &chat, "one about a PLC", &uuid(&plc)).await.has_status(200);
    say_about(&http, &chat, "two about a PLC", &uuid(&other)).await.has_status(200);
    let before = history(&http, &chat).await;
    activate(&http, &plc, false).await;
    let masked = history(&http, &chat).await;
    assert_eq!(shown(&masked[0]), (plc["plc_uuid"].clone(), false, false));
    let mut expected = before.clone();
    expected[0]["plc_hierarchy"] = Value::Null;
    expected[0]["plc_snapshot"] = Value::Null;
    assert_eq!(masked, expected, "and nothing else has changed");
    // What is said about it now is hidden too, and kept all the same.
    say_about(&http, &chat, "three about a PLC", &uuid(&plc)).await.has_status(200);
    assert_eq!(shown(&history(&http, &chat).await[4]), (plc["plc_uuid"].clone(), false, false));
    activate(&http, &plc, true).await;
    let back = history(&http, &chat).await;
    assert_eq!(back[..4], before[..], "the old snapshot is back");
    assert_eq!(shown(&back[4]), (plc["plc_uuid"].clone(), true, true));
}

async fn a_deleted_plc_stays_hidden(site: &Site) {
    let (http, chat) = (site.http(), name("chat"));
    let plc = registered(&http).await;
    say_about(&http, &chat, "one about a PLC", &uuid(&plc)).await.has_status(200);
    assert_eq!(shown(&history(&http, &chat).await[0]), (plc["plc_uuid"].clone(), true, true));
    let body = json!({"plc_uuids": [plc["plc_uuid"]], "delete_user": "bob"});
    let deleted = http.ask("DELETE", "/v1/plcs").json(&body).await;
    assert_eq!(deleted.json()["deleted_count"], 1, "{deleted}");
    assert_eq!(shown(&history(&http, &chat).await[0]), (plc["plc_uuid"].clone(), false, false));
    let answer =
        http.ask("PATCH", &format!("/v1/plcs/{}", uuid(&plc))).json(&json!({"is_active": true})).await;
    refused(&answer, 404, "PLC_NOT_FOUND");
    refused(&say_about(&http, &chat, "two about a PLC", &uuid(&plc)).await, 400, "VALIDATION_ERROR");
    assert_eq!(history(&http, &chat).await.len(), 2);
}

async fn a_plc_that_is_not_there_is_refused(site: &Site) {
    let (http, chat) = (site.http(), name("chat"));
    for plc in ["nobody", "\u{0}", "a\u{0}b", "'; DROP TABLE plcs; --", &"x".repeat(51)] {
        refused(&say_about(&http, &chat, "hello", plc).await, 400, "VALIDATION_ERROR");
    }
    super::is_no_chat(&http.get(&format!("/v1/chat/{chat}/history")).await, &chat);
    // Missing, null and empty: about none.
    for plc in [Value::Null, json!("")] {
        let body = json!({"message": "hello", "plc_uuid": plc});
        http.post(&format!("/v1/chat/{chat}/message")).json(&body).await.has_status(200);
    }
    assert!(history(&http, &chat).await.iter().all(|one| one["plc_uuid"].is_null()));
}

/// Read before and after every kind of write.
async fn a_cached_history_is_never_stale(site: &Site) {
    let (http, chat) = (site.http(), name("chat"));
    let plc = registered(&http).await;
    say_about(&http, &chat, "0", &uuid(&plc)).await.has_status(200);
    for round in 1..6 {
        history(&http, &chat).await;
        activate(&http, &plc, round % 2 == 0).await;
        assert_eq!(history(&http, &chat).await[0]["plc_snapshot"].is_object(), round % 2 == 0);
        say(&http, &chat, &round.to_string()).await.has_status(200);
        let now = history(&http, &chat).await;
        assert_eq!((now.len(), &now[2 * round]["content"]), (2 * round + 2, &json!(round.to_string())));
    }
    http.post(&format!("/v1/chat/{chat}/clear")).await.has_status(200);
    assert_eq!(history(&http, &chat).await.len(), 0);
    http.ask("DELETE", &format!("/v1/chat/chats/{chat}")).await.has_status(200);
    super::is_no_chat(&http.get(&format!("/v1/chat/{chat}/history")).await, &chat);
}
