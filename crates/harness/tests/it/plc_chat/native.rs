//! The same PLCs in the native API: `plc_uuid` when sending, `plc` in every message.

use super::{registered, uuid};
use crate::support::{Http, Reply, Site, on_both};
use serde_json::{Value, json};

on_both! { a_native_message_shows_its_plc pages_are_masked_and_their_tags_with_them }

async fn room(http: &Http) -> String {
    http.post("/v1/rooms").json(&json!({})).await.string("/id")
}

async fn send(http: &Http, room: &str, plc: Value) -> Reply {
    let body = json!({"content": "which one?", "plc_uuid": plc, "reply": false});
    http.post(&format!("/v1/rooms/{room}/messages")).json(&body).await
}

async fn activate(http: &Http, plc: &Value, active: bool) {
    http.ask("PATCH", &format!("/v1/plcs/{}", uuid(plc)))
        .json(&json!({ "is_active": active }))
        .await
        .has_status(200);
}

async fn a_native_message_shows_its_plc(site: &Site) {
    let http = site.user().await;
    let (plc, room) = (registered(&http).await, room(&http).await);
    let sent = send(&http, &room, plc["plc_uuid"].clone()).await;
    sent.has_status(201);
    let message = sent.json()["message"].clone();
    let shown = &message["plc"];
    assert_eq!(shown["plc_uuid"], plc["plc_uuid"]);
    assert_eq!(
        (&shown["snapshot"]["plc_id"], &shown["snapshot"]["line_code"]),
        (&plc["plc_id"], &json!("L001"))
    );
    let one = format!("/v1/rooms/{room}/messages/{}", message["id"].as_str().expect("an id"));
    http.get(&one).await.is(200, &message);
    activate(&http, &plc, false).await;
    let hidden = json!({"plc_uuid": plc["plc_uuid"], "snapshot": null});
    assert_eq!(http.get(&one).await.json()["plc"], hidden);
    let events = http.get(&format!("/v1/rooms/{room}/events")).await.json();
    assert_eq!(events["data"][0]["data"]["plc"], hidden, "{events}");
    let edited = http.ask("PATCH", &one).json(&json!({"content": "this one?"})).await.json();
    assert_eq!((&edited["plc"], &edited["content"]), (&hidden, &json!("this one?")));
    activate(&http, &plc, true).await;
    assert_eq!(http.get(&one).await.json()["plc"], *shown, "as it was when the message was created");
    for bad in [json!("nobody"), json!("")] {
        let answer = send(&http, &room, bad).await;
        assert_eq!(answer.status, 400, "{answer}");
    }
    let unknown = send(&http, &room, json!("nobody")).await;
    assert_eq!(unknown.json()["code"], "unknown_plc", "{unknown}");
    assert_eq!(send(&http, &room, json!(5)).await.status, 400);
    assert_eq!(send(&http, &room, Value::Null).await.json()["message"]["plc"], Value::Null);
}

async fn pages_are_masked_and_their_tags_with_them(site: &Site) {
    let http = site.user().await;
    let (plc, room) = (registered(&http).await, room(&http).await);
    send(&http, &room, plc["plc_uuid"].clone()).await.has_status(201);
    let path = format!("/v1/rooms/{room}/messages");
    let get = || http.get(&path);
    let tag = |answer: &Reply| answer.header("etag").expect("a tag");
    let shown = get().await;
    assert!(shown.json()["data"][0]["plc"]["snapshot"].is_object());
    assert_eq!(get().header("If-None-Match", tag(&shown)).await.status, 304);
    activate(&http, &plc, false).await;
    let hidden = get().header("If-None-Match", tag(&shown)).await;
    assert_eq!((hidden.status, &hidden.json()["data"][0]["plc"]["snapshot"]), (200, &Value::Null));
    assert_ne!(tag(&hidden), tag(&shown));
    assert_eq!(get().header("If-None-Match", tag(&hidden)).await.status, 304);
    activate(&http, &plc, true).await;
    let back = get().header("If-None-Match", tag(&hidden)).await;
    assert_eq!((back.status, &back.body, tag(&back)), (200, &shown.body, tag(&shown)));
}
