//! Lists: cursors both ways, orders, limits, `ETag`.

use super::{at, exchange, refused, room};
use crate::support::{Http, Reply, Site, on_both};
use serde_json::{Value, json};

on_both! { rooms_are_listed_by_activity messages_are_listed_both_ways keys_are_listed_both_ways odd_parameters_are_refused pages_carry_an_etag }

/// Every page from `path` on, by `after` or by `before`; the items of each page.
async fn walk(user: &Http, path: &str, by: &str, from: Option<String>) -> Vec<Vec<Value>> {
    let (mut pages, mut cursor) = (Vec::new(), from);
    loop {
        let query = cursor.map(|cursor| format!("&{by}={cursor}")).unwrap_or_default();
        let page = user.get(&format!("{path}{query}")).await.has_status(200).json();
        assert_eq!(page["has_more"].as_bool(), Some(page["next"].is_string()), "{page}");
        pages.push(page["data"].as_array().expect("a list").clone());
        cursor = page["next"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return pages;
        }
    }
}

fn field(pages: &[Vec<Value>], field: &str) -> Vec<Value> {
    pages.iter().flatten().map(|item| item[field].clone()).collect()
}

async fn rooms_are_listed_by_activity(site: &Site) {
    let user = site.user().await;
    let mut rooms = Vec::new();
    for number in 0..5 {
        rooms.push(room(&user, json!({"name": number.to_string()})).await);
    }
    exchange(&user, &rooms[1], "hello").await;
    let expected = json!(["1", "4", "3", "2", "0"]);
    for limit in [1, 2, 4, 5, 200] {
        let path = format!("/v1/rooms?limit={limit}");
        assert_eq!(json!(field(&walk(&user, &path, "after", None).await, "name")), expected, "{limit}");
        let rising = walk(&user, &format!("{path}&order=asc"), "after", None).await;
        let mut names = field(&rising, "name");
        names.reverse();
        assert_eq!(json!(names), expected, "{limit}");
    }
    // Back from a cursor in the middle.
    let page = user.get("/v1/rooms?limit=4").await.json();
    let cursor = page["next"].as_str().map(str::to_owned);
    let back = walk(&user, "/v1/rooms?limit=2", "before", cursor).await;
    let shown: Vec<_> = back.iter().map(|page| json!(field(std::slice::from_ref(page), "name"))).collect();
    assert_eq!(shown, [json!(["4", "3"]), json!(["1"])]);
    assert_eq!(user.get("/v1/rooms").await.json()["data"].as_array().map(Vec::len), Some(5));
    assert_eq!(
        site.user().await.get("/v1/rooms").await.json(),
        json!({"data": [], "next": null, "has_more": false})
    );
}

async fn messages_are_listed_both_ways(site: &Site) {
    let user = site.user().await;
    let made = room(&user, json!({})).await;
    for text in ["one", "two", "three"] {
        exchange(&user, &made, text).await;
    }
    let path = at(&made, "/messages?limit=4");
    assert_eq!(json!(field(&walk(&user, &path, "after", None).await, "seq")), json!([1, 2, 3, 4, 5, 6]));
    let falling = walk(&user, &format!("{path}&order=desc"), "after", None).await;
    assert_eq!(json!(field(&falling, "seq")), json!([6, 5, 4, 3, 2, 1]));
    let first = user.get(&path).await.json();
    let cursor = first["next"].as_str().map(str::to_owned);
    let back = walk(&user, &at(&made, "/messages?limit=2"), "before", cursor).await;
    let shown: Vec<_> = back.iter().map(|page| json!(field(std::slice::from_ref(page), "seq"))).collect();
    assert_eq!(shown, [json!([2, 3]), json!([1])]);
    // A message that comes later moves no cursor.
    let cursor = first["next"].as_str().expect("more").to_owned();
    exchange(&user, &made, "four").await;
    let rest = walk(&user, &at(&made, "/messages?limit=3"), "after", Some(cursor)).await;
    assert_eq!(json!(field(&rest, "seq")), json!([5, 6, 7, 8]));
    let message = &first["data"][0];
    let keys: Vec<_> = message.as_object().expect("a message").keys().cloned().collect();
    assert_eq!(
        keys.join(" "),
        "id room_id seq turn_id role content status cancelled plc quote metadata created_at updated_at edited_at"
    );
    user.get(&at(&made, &format!("/messages/{}", message["id"].as_str().expect("an id"))))
        .await
        .is(200, message);
}

async fn odd_parameters_are_refused(site: &Site) {
    let user = site.user().await;
    let made = room(&user, json!({})).await;
    exchange(&user, &made, "one").await;
    let of_rooms = user.get("/v1/rooms?limit=1&order=asc").await;
    room(&user, json!({})).await;
    let of_rooms = user.get(&of_rooms.line[4..]).await.json()["next"].as_str().expect("a cursor").to_owned();
    let messages = at(&made, "/messages");
    let mut bad: Vec<String> = [
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=1.0",
        "limit=",
        "limit=x",
        "limit=%2B1",
        "limit=1&limit=2",
        "order=up",
        "order=",
        "order=ASC",
        "after=",
        "after=x",
        "after=7",
        "before=%00",
        "after=가",
        "after=7331&before=7331",
    ]
    .map(str::to_owned)
    .into();
    bad.push(format!("after={}", "73".repeat(100)));
    for query in &bad {
        refused(&user.get(&format!("/v1/rooms?{query}")).await, 400, "invalid_parameter");
        refused(&user.get(&format!("{messages}?{query}")).await, 400, "invalid_parameter");
    }
    for query in &bad {
        refused(&user.get(&format!("/v1/keys?{query}")).await, 400, "invalid_parameter");
        refused(&user.get(&format!("/v1/me/sessions?{query}")).await, 400, "invalid_parameter");
    }
    // A cursor of one list is none of another.
    refused(&user.get(&format!("{messages}?after={of_rooms}")).await, 400, "invalid_parameter");
    let events = at(&made, "/events");
    for query in [
        "limit=0",
        "after=-1",
        "after=x",
        "after=1.5",
        "after=1&after=2",
        "after=%2B1",
        "after=99999999999999999999",
    ] {
        refused(&user.get(&format!("{events}?{query}")).await, 400, "invalid_parameter");
    }
    // Unknown parameters are nobody's business, and a bad one of a foreign room tells nothing of it.
    user.get("/v1/rooms?colour=blue").await.has_status(200);
}

async fn keys_are_listed_both_ways(site: &Site) {
    let user = site.user().await;
    let mut made = Vec::new();
    for number in 1..=3 {
        let key = user.post("/v1/keys").json(&json!({"name": format!("key {number}")})).await;
        made.push(key.has_status(201).string("/id"));
    }
    let ids = |page: &Reply| -> Vec<String> {
        let data = page.has_status(200).json()["data"].clone();
        data.as_array()
            .expect("a list")
            .iter()
            .map(|key| key["id"].as_str().unwrap_or("").to_owned())
            .collect()
    };
    let first = user.get("/v1/keys?limit=2").await;
    assert_eq!(ids(&first), [made[2].clone(), made[1].clone()]);
    assert_eq!(first.json()["has_more"], true);
    let rest = user.get(&format!("/v1/keys?limit=2&after={}", first.string("/next"))).await;
    assert_eq!((ids(&rest), rest.json()["has_more"].as_bool()), (made[..1].to_vec(), Some(false)));
    assert_eq!(ids(&user.get("/v1/keys?order=asc").await), made);
    let tag = rest.header("etag").expect("an ETag");
    let path = format!("/v1/keys?limit=2&after={}", first.string("/next"));
    user.get(&path).header("If-None-Match", &tag).await.has_status(304);
    user.ask("DELETE", &format!("/v1/keys/{}", made[0])).await.has_status(204);
    user.get(&path).header("If-None-Match", &tag).await.has_status(200);
}

async fn pages_carry_an_etag(site: &Site) {
    let user = site.user().await;
    let made = room(&user, json!({})).await;
    exchange(&user, &made, "one").await;
    for path in [at(&made, "/messages"), at(&made, "/events"), "/v1/rooms".to_owned()] {
        let page = user.get(&path).await;
        let tag = page.has_status(200).header("etag").expect("an ETag");
        let ask = |tag: &str| user.get(&path).header("If-None-Match", tag);
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let answer = ask(&known).await;
            assert_eq!(answer.has("etag", &tag).has_status(304).body.len(), 0, "{known}");
        }
        ask("\"x\"").await.is(200, &page.json());
        exchange(&user, &made, "more").await;
        let changed = ask(&tag).await;
        assert_ne!(changed.has_status(200).header("etag"), Some(tag), "{path}");
    }
}
