//! The registry of PLCs and its masters (contract §4.4).

use super::{refused, registered, row, seed_masters, uuid};
use crate::support::{Backend, Http, Site, for_both, name, on_both};
use serde_json::{Value, json};

on_both! { rows_stand_for_themselves plcs_are_changed_and_deleted a_plc_is_an_object_or_null wrong_batches_are_refused_whole a_batch_under_a_key_is_done_once masters_are_refused_together }

mod alone {
    use super::*;
    for_both! { masters_lists_and_tree }
}

async fn batch(http: &Http, items: Value) -> Value {
    let answer = http.post("/v1/plcs/batch").json(&json!({ "items": items })).await;
    answer.has_status(200);
    answer.json()
}

fn with(mut row: Value, field: &str, value: Value) -> Value {
    row[field] = value;
    row
}

async fn rows_stand_for_themselves(site: &Site) {
    let http = site.http();
    let there = registered(&http).await;
    let (good, other) = (name("PLC"), name("PLC"));
    let done = batch(&http, json!([row(&good), row(&other)])).await;
    assert_eq!(
        done,
        json!({"success": true, "message": "PLC 2건이 등록되었습니다.", "created_count": 2, "failed_count": 0, "errors": []})
    );
    let fresh = name("PLC");
    let items = json!([
        row(&fresh),
        there.clone(),
        with(row("x1"), "line_id", json!("nowhere")),
        with(row("x2"), "plc_name", json!("")),
        with(row("x3"), "create_user", Value::Null),
        with(row("x4"), "unit", json!("x".repeat(51))),
        with(row("x5"), "plc_name", json!("a\u{0}b")),
        row(&fresh),
    ]);
    let done = batch(&http, items).await;
    assert_eq!(
        (&done["success"], &done["created_count"], &done["failed_count"]),
        (&json!(false), &json!(1), &json!(7))
    );
    let errors: Vec<(u64, &str)> = done["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|error| (error["index"].as_u64().expect("a row"), error["code"].as_str().expect("a code")))
        .collect();
    assert_eq!(
        errors,
        [
            (1, "PLC_ALREADY_EXISTS"),
            (2, "MASTER_NOT_FOUND"),
            (3, "REQUIRED_FIELD_MISSING"),
            (4, "REQUIRED_FIELD_MISSING"),
            (5, "VALIDATION_ERROR"),
            (6, "VALIDATION_ERROR"),
            (7, "PLC_ALREADY_EXISTS"),
        ]
    );
    assert_eq!(
        done["errors"][1],
        json!({"index": 2, "plc_id": "x1", "code": "MASTER_NOT_FOUND", "message": "해당 Plant, 공정, Line을 찾을 수 없습니다."})
    );
}

async fn plcs_are_changed_and_deleted(site: &Site) {
    let http = site.http();
    let (plc, other) = (registered(&http).await, registered(&http).await);
    let change = json!({"items": [
        {"plc_uuid": plc["plc_uuid"], "plc_name": "CHANGED"},
        {"plc_uuid": plc["plc_uuid"], "plc_id": other["plc_id"]},
        {"plc_uuid": "nobody", "unit": "1"},
        {"unit": "1"},
    ]});
    let done = http.ask("PUT", "/v1/plcs/batch").json(&change).await.json();
    assert_eq!((&done["updated_count"], &done["failed_count"]), (&json!(1), &json!(3)), "{done}");
    let codes: Vec<_> =
        done["errors"].as_array().expect("errors").iter().map(|one| one["code"].clone()).collect();
    assert_eq!(codes, ["PLC_ALREADY_EXISTS", "PLC_NOT_FOUND", "REQUIRED_FIELD_MISSING"]);
    let now = http.get(&format!("/v1/plcs/{}", uuid(&plc))).await.json();
    assert_eq!(
        (&now["plc_name"], &now["plc_id"], &now["unit"]),
        (&json!("CHANGED"), &plc["plc_id"], &plc["unit"])
    );
    let delete = json!({"plc_uuids": [plc["plc_uuid"], "nobody"], "delete_user": "bob"});
    let done = http.ask("DELETE", "/v1/plcs").json(&delete).await.json();
    assert_eq!(
        (&done["deleted_count"], &done["failed_count"], &done["errors"][0]["index"]),
        (&json!(1), &json!(1), &json!(1))
    );
    http.get(&format!("/v1/plcs/{}", uuid(&plc))).await.is(200, &Value::Null);
    // Its name is free again.
    let again = batch(&http, json!([row(plc["plc_id"].as_str().expect("a name"))])).await;
    assert_eq!(again["created_count"], 1, "{again}");
}

async fn a_plc_is_an_object_or_null(site: &Site) {
    let http = site.http();
    let plc = registered(&http).await;
    let keys: Vec<_> = plc.as_object().expect("an object").keys().cloned().collect();
    assert_eq!(
        keys,
        [
            "plc_uuid",
            "plc_id",
            "plc_name",
            "plant_id",
            "plant_name",
            "plant_code",
            "process_id",
            "process_name",
            "process_code",
            "line_id",
            "line_name",
            "line_code",
            "unit",
            "is_active",
            "create_dt",
            "create_user",
            "update_dt"
        ]
    );
    assert_eq!(
        (&plc["is_active"], &plc["create_user"], &plc["line_name"]),
        (&json!(true), &json!("ann"), &json!("라인1"))
    );
    assert!(plc["create_dt"].as_str().is_some_and(|at| at.len() == 19), "{plc}");
    http.get(&format!("/v1/plcs/{}", uuid(&plc))).await.is(200, &plc);
    for path in ["nobody", "%00", "a%20b"] {
        http.get(&format!("/v1/plcs/{path}")).await.is(200, &Value::Null);
    }
    let patch = |plc: &str, body: Value| http.ask("PATCH", &format!("/v1/plcs/{plc}")).json(&body);
    refused(&patch("nobody", json!({"is_active": true})).await, 404, "PLC_NOT_FOUND");
    refused(&patch("%00", json!({"is_active": true})).await, 404, "PLC_NOT_FOUND");
    refused(&patch(&uuid(&plc), json!({})).await, 400, "REQUIRED_FIELD_MISSING");
    refused(&patch(&uuid(&plc), json!({"is_active": "no"})).await, 400, "VALIDATION_ERROR");
}

async fn wrong_batches_are_refused_whole(site: &Site) {
    let http = site.http();
    for verb in ["POST", "PUT"] {
        let send = |body: Value| http.ask(verb, "/v1/plcs/batch").json(&body);
        refused(&send(json!({})).await, 400, "REQUIRED_FIELD_MISSING");
        refused(&send(json!({"items": "x"})).await, 400, "VALIDATION_ERROR");
        refused(&send(json!({"items": [1]})).await, 400, "VALIDATION_ERROR");
        refused(&send(json!({"items": [{"plc_id": {}}]})).await, 400, "VALIDATION_ERROR");
        refused(&send(json!({"items": vec![json!({}); 1_001]})).await, 400, "VALIDATION_ERROR");
    }
    let delete = |body: Value| http.ask("DELETE", "/v1/plcs").json(&body);
    refused(&delete(json!({"delete_user": "x"})).await, 400, "REQUIRED_FIELD_MISSING");
    refused(&delete(json!({"plc_uuids": []})).await, 400, "REQUIRED_FIELD_MISSING");
    refused(&delete(json!({"plc_uuids": [1, null], "delete_user": "x"})).await, 400, "VALIDATION_ERROR");
    for query in [
        "page=0",
        "page=-1",
        "page=x",
        "page_size=0",
        "page_size=1001",
        "page=99999999999999999999",
        "is_active=maybe",
        "plant_id=%00",
    ] {
        refused(&http.get(&format!("/v1/plcs?{query}")).await, 400, "VALIDATION_ERROR");
    }
}

async fn a_batch_under_a_key_is_done_once(site: &Site) {
    let (http, key, plc_id) = (site.http(), name("key"), name("PLC"));
    http.post("/v1/plcs/masters").json(&seed_masters()).await.has_status(200);
    let send = || http.post("/v1/plcs/batch").key(&key).json(&json!({"items": [row(&plc_id)]}));
    let first = send().await;
    let again = send().await;
    assert_eq!((first.json()["created_count"].clone(), &again.body), (json!(1), &first.body));
    assert_eq!(again.header("idempotency-replayed").as_deref(), Some("true"));
}

async fn masters_are_refused_together(site: &Site) {
    let http = site.http();
    let before = http.get("/v1/plcs/masters").await.json();
    let id = name("plant");
    let put = |processes: Value| {
        let body = json!({"plants": [{"id": id, "code": "c", "name": "n"}], "processes": processes});
        http.post("/v1/plcs/masters").json(&body)
    };
    refused(
        &put(json!([{"id": "s", "code": "c", "name": "n", "plant_id": "nowhere"}])).await,
        400,
        "VALIDATION_ERROR",
    );
    refused(&put(json!([{"id": "s", "code": "c", "name": ""}])).await, 400, "VALIDATION_ERROR");
    refused(&put(json!("x")).await, 400, "VALIDATION_ERROR");
    let now = http.get("/v1/plcs/masters").await.json();
    let has = |masters: &Value| {
        masters["plants"].as_array().expect("plants").iter().any(|one| one["id"] == json!(id))
    };
    assert!(!has(&before) && !has(&now), "nothing of it was done");
}

async fn masters_lists_and_tree(backend: Backend) {
    let site = Site::start(backend, &[]).await;
    let http = site.http();
    let none = json!({"plants": [], "processes": [], "lines": []});
    http.get("/v1/plcs/masters").await.is(200, &none);
    http.get("/v1/plcs")
        .await
        .is(200, &json!({"items": [], "total_count": 0, "page": 1, "page_size": 20, "total_pages": 0}));
    let put = http.post("/v1/plcs/masters").json(&seed_masters()).await;
    put.is(200, &json!({"success": true, "message": "기준정보가 저장되었습니다.", "plants": 1, "processes": 1, "lines": 1}));
    http.get("/v1/plcs/masters").await.is(200, &seed_masters());
    http.get("/v1/plcs/masters/dropdown").await.is(200, &seed_masters());
    let renamed = json!({"plants": [{"id": "plant001", "code": "P001", "name": "새 공장"}]});
    http.post("/v1/plcs/masters").json(&renamed).await.has_status(200);
    let items: Vec<_> = (0..7).map(|n| row(&format!("PLC{n}"))).collect();
    assert_eq!(batch(&http, json!(items)).await["created_count"], 7);
    let page = http.get("/v1/plcs?page=2&page_size=3&plant_id=plant001&is_active=true").await.json();
    let ids: Vec<_> =
        page["items"].as_array().expect("items").iter().map(|one| one["plc_id"].clone()).collect();
    assert_eq!(ids, ["PLC3", "PLC4", "PLC5"]);
    assert_eq!(page["items"][0]["plant_name"], "새 공장");
    assert_eq!(
        (&page["total_count"], &page["page"], &page["page_size"], &page["total_pages"]),
        (&json!(7), &json!(2), &json!(3), &json!(3))
    );
    assert_eq!(http.get("/v1/plcs?line_id=nowhere").await.json()["total_count"], 0);
    assert_eq!(http.get("/v1/plcs?page=9").await.json()["items"], json!([]));
    let tree = http.get("/v1/plcs/tree").await.json();
    let line = &tree["plants"][0]["processes"][0]["lines"][0];
    assert_eq!((&tree["plants"][0]["name"], &line["id"]), (&json!("새 공장"), &json!("line001")));
    let keys: Vec<_> = line["plcs"][0].as_object().expect("a PLC").keys().cloned().collect();
    assert_eq!(
        (line["plcs"].as_array().map(Vec::len), keys.join(" ")),
        (Some(7), "plc_uuid plc_id plc_name unit is_active".to_owned())
    );
}
