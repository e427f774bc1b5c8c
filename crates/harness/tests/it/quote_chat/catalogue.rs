//! The catalogue: the native routes (contract §8) and the command line.

use super::{Thread, first_quote};
use crate::support::{Backend, Http, Ran, Site, for_both, maru, on_both};
use serde_json::{Value, json};
use std::collections::HashSet;

mod native {
    use super::*;
    on_both! { the_catalogue_is_read_by_category a_reply_shows_its_quote }
}

mod command {
    use super::*;
    for_both! { quotes_are_listed_and_imported }
}

async fn data(http: &Http, query: &str) -> Vec<Value> {
    let page = http.get(&format!("/v1/quotes{query}")).await;
    page.has_status(200);
    page.json()["data"].as_array().cloned().unwrap_or_default()
}

async fn the_catalogue_is_read_by_category(site: &Site) {
    let user = site.user().await;
    let all = data(&user, "?limit=200").await;
    let mut ids = HashSet::new();
    for category in ["hope", "motivation", "productivity", "resilience"] {
        let quotes = data(&user, &format!("?category={category}&limit=200")).await;
        assert!(quotes.len() > 10, "{category}: {quotes:?}");
        for quote in quotes {
            assert_eq!(quote["category"], category);
            let id = quote["id"].as_str().unwrap_or_default().to_owned();
            user.get(&format!("/v1/quotes/{id}")).await.is(200, &quote);
            assert!(ids.insert(id), "{quote}");
        }
    }
    assert_eq!(ids.len(), all.len());
    let mut first = first_quote();
    first["source"] = Value::Null;
    assert_eq!(all[0], first);
    // In pages, either way.
    let page = user.get("/v1/quotes?category=hope&limit=2&order=desc").await.json();
    assert_eq!((&page["has_more"], page["data"].as_array().map(Vec::len)), (&json!(true), Some(2)));
    let next = page["next"].as_str().unwrap_or_default();
    let next = user.get(&format!("/v1/quotes?category=hope&limit=2&order=desc&after={next}")).await.json();
    let id = |quote: &Value| quote["id"].as_str().and_then(|id| id.parse::<i64>().ok());
    assert!(id(&page["data"][1]) > id(&next["data"][0]), "{page} {next}");
    let tag = user.get("/v1/quotes").await.header("etag").unwrap_or_default();
    user.get("/v1/quotes").header("If-None-Match", tag).await.has_status(304);
    for query in
        ["category=joy", "category=", "category=Hope", "category=hope&category=hope", "limit=0", "after=x"]
    {
        let answer = user.get(&format!("/v1/quotes?{query}")).await;
        assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("invalid_parameter")), "{query}");
    }
    for id in ["0", "-1", "+1", "999999", "x", "1.0", "99999999999999999999", "%00"] {
        let answer = user.get(&format!("/v1/quotes/{id}")).await;
        assert_eq!((answer.status, &answer.json()["code"]), (404, &json!("quote_not_found")), "{id}");
    }
    for path in ["/v1/quotes", "/v1/quotes/1"] {
        site.http().get(path).await.has_status(401);
    }
}

async fn a_reply_shows_its_quote(site: &Site) {
    let user = site.user().await;
    let thread = Thread::new(&user);
    for _ in 1..=4 {
        thread.exchange("음").await;
    }
    let quote = thread.status().await.json()["quote"].clone();
    let room = user.get("/v1/rooms").await.json()["data"][0]["id"].as_str().unwrap_or_default().to_owned();
    let messages = user.get(&format!("/v1/rooms/{room}/messages")).await.json();
    let shown: Vec<_> =
        messages["data"].as_array().into_iter().flatten().map(|message| &message["quote"]).collect();
    assert_eq!(shown.len(), 8);
    assert!(shown[..7].iter().all(|quote| quote.is_null()), "{messages}");
    for field in ["id", "text", "author", "category"] {
        assert_eq!(shown[7][field], quote[field]);
    }
}

async fn quotes_are_listed_and_imported(backend: Backend) {
    let site = Site::start(backend, &[]).await;
    let home = site.server.home().to_owned();
    let run = |arguments: &[&str]| -> Ran {
        let arguments: Vec<&str> =
            ["quote"].iter().chain(arguments).chain(&["--store", &site.store]).copied().collect();
        maru(&home, &arguments, "")
    };
    let before = run(&["list", "--json"]).ok().json().as_array().map_or(0, Vec::len);
    let hope = run(&["list", "--category", "hope", "--json"]).ok().json();
    assert_eq!(hope[0]["text"], first_quote()["text"]);
    assert!(run(&["list"]).ok().out.contains("빅터 위고"));
    assert_eq!(run(&["list", "--category", "joy"]).code, Some(1));
    let csv = "\u{feff}text,author,category,source\n\
               \"쉼표, 그리고 \"\"따옴표\"\"\",누구,hope,책\n\
               가장 어두운 밤도 결국은 끝나고, 해는 떠오른다.,빅터 위고,hope\n\
               \"실패는 성공의 어머니다.\",다른 사람,hope,\n\
               말,,hope,\n\
               말,누구,joy,\n";
    std::fs::write(home.join("quotes.csv"), csv).expect("a file");
    let ran = run(&["import", "quotes.csv", "--json"]);
    assert_eq!(ran.code, Some(1), "{ran}");
    let report = ran.json();
    let count = |name: &str| report[name].as_i64();
    assert_eq!((count("added"), count("known"), count("refused")), (Some(1), Some(1), Some(3)), "{report}");
    let outcomes: Vec<_> =
        report["rows"].as_array().into_iter().flatten().map(|row| row["outcome"].clone()).collect();
    assert_eq!(outcomes, ["added", "refused", "known", "refused", "refused"]);
    assert_eq!(report["rows"][2]["id"], "2");
    assert!(report["rows"][3]["error"].as_str().is_some_and(|error| error.contains("author")), "{report}");
    let json = json!([{"text": "하나", "author": "누구", "category": "resilience"}, {"text": 5}, "x"]);
    std::fs::write(home.join("quotes.json"), json.to_string()).expect("a file");
    let ran = run(&["import", "quotes.json"]);
    assert_eq!(ran.code, Some(1), "{ran}");
    assert!(
        ran.out.contains("row 1: added: quote ") && ran.out.contains("1 added, 0 known, 2 refused"),
        "{ran}"
    );
    // Twice adds nothing.
    std::fs::write(home.join("one.json"), json!([json[0]]).to_string()).expect("a file");
    let ran = run(&["import", "one.json", "--json"]);
    assert_eq!(ran.ok().json()["known"], 1);
    for (file, text) in [("bad.csv", "a,b\n1,2\n"), ("bad.json", "{}"), ("quotes.txt", "x"), ("bad.csv", "")]
    {
        std::fs::write(home.join(file), text).expect("a file");
        let ran = run(&["import", file]);
        assert!(ran.code == Some(1) && ran.err.contains(file), "{ran}");
    }
    assert_eq!(run(&["import", "missing.csv"]).code, Some(1));
    assert_eq!(run(&["list", "--json"]).ok().json().as_array().map(Vec::len), Some(before + 2));
    // The server that runs meanwhile serves them at once.
    let user = site.user().await;
    let found = data(&user, "?limit=200").await;
    assert!(
        found.iter().any(|quote| quote["text"] == "쉼표, 그리고 \"따옴표\"" && quote["source"] == "책"),
        "{found:?}"
    );
}
