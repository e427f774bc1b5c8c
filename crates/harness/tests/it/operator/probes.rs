//! `/livez`, `/readyz`, `/metrics`, `/docs/`, and the verbs of all routes of our own.

use crate::support::{Backend, Site, on_both};
use maru_app::http::routes::{Policy, table};
use serde_json::json;
use std::collections::BTreeSet;

on_both! { health_is_told figures_are_prometheus_text the_docs_need_no_network open_routes_ask_for_no_token routes_of_our_own_have_405_and_allow }

async fn health_is_told(site: &Site) {
    let http = site.http();
    http.get("/livez").await.is(200, &json!({"status": "ok"}));
    http.get("/livez/").await.is(200, &json!({"status": "ok"}));
    let ready = http.get("/readyz").await;
    let body = match site.backend {
        Backend::Sqlite => json!({"status": "ready", "durability": "full"}),
        Backend::Postgres => {
            json!({"status": "ready", "durability": "as the PostgreSQL server is set", "redis": "ok"})
        }
    };
    ready.is(200, &body);
}

async fn figures_are_prometheus_text(site: &Site) {
    let user = site.user().await;
    user.say("counted").await.has_status(201);
    for n in 0..20 {
        user.get(&format!("/nowhere/{n}")).await.has_status(404);
        user.get(&format!("/api/chats/{n}/messages/{n}")).await.has_status(405);
    }
    let answer = user.get("/metrics").await;
    answer.has_status(200).has("content-type", "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")) {
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        assert!(name.starts_with("maru_") && value.parse::<f64>().is_ok(), "{line}");
    }
    let counted = |start: &str| text.lines().any(|line| line.starts_with(start));
    for start in
        ["maru_requests_total{", "maru_request_seconds_bucket{", "maru_turns_total{status=\"completed\"}"]
    {
        assert!(counted(start), "{start} in {text}");
    }
    // No address and no id of a client's becomes a label: figures would grow without end.
    let routes: BTreeSet<&str> =
        text.lines().filter_map(|line| line.split("route=\"").nth(1)?.split('"').next()).collect();
    let known: BTreeSet<String> = table()
        .iter()
        .flat_map(|entry| [entry.path.to_owned(), format!("{}/", entry.path)])
        .chain(["unknown".to_owned()])
        .collect();
    let strange: Vec<_> = routes.iter().filter(|route| !known.contains(**route)).collect();
    assert!(routes.contains("unknown") && strange.is_empty(), "{strange:?} of {routes:?}");
}

async fn the_docs_need_no_network(site: &Site) {
    let http = site.http();
    http.get("/docs").await.has("location", "/docs/").has_status(302);
    let page = http.get("/docs/").await;
    page.has_status(200);
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{page}");
    let html = page.text();
    let of = |attribute: &str| -> Vec<String> {
        html.split(&format!("{attribute}=\""))
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .map(str::to_owned)
            .collect()
    };
    let assets: Vec<String> = of("src").into_iter().chain(of("href")).collect();
    assert!(assets.len() >= 3, "{assets:?}");
    for asset in &assets {
        assert!(!asset.contains("//"), "{asset} is somewhere else");
        let answer = http.get(&format!("/docs/{}", asset.trim_start_matches("./"))).await;
        answer.has_status(200);
        assert!(!answer.body.is_empty() && answer.header("content-encoding").is_none(), "{asset}");
        let kind = answer.header("content-type").unwrap_or_default();
        assert!(
            kind.contains("javascript") || kind.contains("css") || kind.contains("image"),
            "{asset} is {kind}"
        );
    }
    let settings = http.get("/docs/swagger-initializer.js").await;
    assert!(settings.text().contains("/openapi.json") && !settings.text().contains("http://"), "{settings}");
    for nothing in ["/docs/nothing.js", "/docs/index.html/x", "/docs/..%2fopenapi.json", "/docs/%00"] {
        assert_eq!(http.get(nothing).await.status, 404, "{nothing}");
    }
}

async fn open_routes_ask_for_no_token(site: &Site) {
    for entry in table().iter().filter(|entry| entry.policy == Policy::Open) {
        for http in [site.http(), site.http().with_token("nonsense")] {
            let answer = http.ask(entry.verb.as_str(), &entry.path.replace("{file}", "index.html")).await;
            assert!(answer.status != 401 && answer.status < 500, "{answer}");
            assert!(answer.header("www-authenticate").is_none(), "{answer}");
        }
    }
}

async fn routes_of_our_own_have_405_and_allow(site: &Site) {
    let http = site.http();
    let ours =
        |path: &str| !["/api/", "/chatbot/", "/ws/", "/v1/"].iter().any(|other| path.starts_with(other));
    for entry in table().iter().filter(|entry| ours(entry.path)) {
        let path = entry.path.replace("{file}", "index.html");
        for verb in ["POST", "PUT", "PATCH", "DELETE", "BREW"] {
            let answer = http.ask(verb, &path).await;
            answer
                .has("allow", "GET, OPTIONS")
                .has("content-type", "application/problem+json")
                .has_status(405);
            let problem = answer.json();
            assert_eq!(
                (&problem["status"], &problem["code"]),
                (&json!(405), &json!("method_not_allowed")),
                "{answer}"
            );
        }
        assert_eq!(http.ask("HEAD", &path).await.status, http.get(&path).await.status, "{path}");
    }
}
