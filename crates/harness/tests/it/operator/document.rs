//! `/openapi.json` says what is served, and nothing is served that it does not say.

use crate::support::{Site, on_both};
use maru_app::http::routes::{Policy, table};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

on_both! { the_document_and_the_table_are_the_same }

async fn the_document_and_the_table_are_the_same(site: &Site) {
    let answer = site.http().get("/openapi.json").await;
    answer.has("content-type", "application/json").has_status(200);
    let document = answer.json();
    assert!(
        document["openapi"].as_str().is_some_and(|version| version.starts_with("3.")),
        "{}",
        document["openapi"]
    );
    let empty = Map::new();
    let paths = document["paths"].as_object().unwrap_or(&empty);
    let described: BTreeMap<(String, String), &Value> = paths
        .iter()
        .flat_map(|(path, verbs)| {
            let verbs = verbs.as_object().unwrap_or(&empty).iter();
            verbs.map(move |(verb, operation)| {
                ((path.trim_end_matches('/').to_owned(), verb.to_uppercase()), operation)
            })
        })
        .collect();
    let served: BTreeSet<(String, String)> =
        table().iter().map(|entry| (entry.path.to_owned(), entry.verb.to_string())).collect();
    let named: BTreeSet<_> = described.keys().cloned().collect();
    assert_eq!(
        served.difference(&named).collect::<Vec<_>>(),
        Vec::<&(String, String)>::new(),
        "served and not described"
    );
    assert_eq!(
        named.difference(&served).collect::<Vec<_>>(),
        Vec::<&(String, String)>::new(),
        "described and not served"
    );
    for entry in table() {
        let operation = described[&(entry.path.to_owned(), entry.verb.to_string())];
        let what = format!("{} {}: {operation}", entry.verb, entry.path);
        let schemes = operation["security"].as_array().cloned().unwrap_or_default();
        let nothing_will_do = schemes.contains(&Value::Object(Map::new()));
        assert_eq!(!schemes.is_empty(), entry.policy != Policy::Open, "{what}");
        assert_eq!(nothing_will_do, entry.policy == Policy::Anonymous, "{what}");
        let responses = operation["responses"].as_object().unwrap_or(&empty);
        assert!(responses.keys().any(|status| status.starts_with('2')), "{what}");
        assert!(entry.policy == Policy::Open || responses.contains_key("401"), "{what}");
        assert!(operation["tags"].as_array().is_some_and(|tags| tags.len() == 1), "{what}");
        for name in entry.path.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            assert!(
                parameters.iter().any(|one| one["name"] == name && one["in"] == "path"),
                "{name} of {what}"
            );
        }
    }
    // Nothing points into the void.
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
}
