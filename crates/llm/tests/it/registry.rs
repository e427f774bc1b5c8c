//! Which names mean which model.

use crate::support::{hear, prompt};
use maru_domain::turns::ports::{ChatModel, Models};
use maru_llm::{LlmError, LlmSettings, ProviderKind, ProviderSettings, Registry};
use maru_testkit::upstream::{Script, Upstream};
use std::sync::Arc;

fn provider(name: &str, base_url: &str, models: &[&str]) -> ProviderSettings {
    ProviderSettings {
        name: name.to_owned(),
        kind: ProviderKind::OpenAi,
        base_url: base_url.to_owned(),
        api_key: None,
        models: models.iter().map(|model| (*model).to_owned()).collect(),
        path: std::path::PathBuf::new(),
    }
}

fn registry(model: &str, providers: Vec<ProviderSettings>) -> Result<Registry, LlmError> {
    Registry::new(LlmSettings { model: model.to_owned(), providers, ..LlmSettings::default() })
}

#[tokio::test]
async fn names_find_their_model() {
    let upstream = Upstream::start().await;
    let url = upstream.base_url();
    let providers = || {
        vec![
            provider("a", &url, &["one", "both", "org/deep"]),
            provider("b", &url, &["two", "both"]),
            provider("open", &url, &[]),
        ]
    };
    let models = registry("a/one", providers()).expect("settings");
    assert_eq!(models.names(), ["a/one", "demo", "a/both", "a/org/deep", "b/two", "b/both"]);
    for (name, sent) in [
        (None, Some("one")),
        (Some("a/one"), Some("one")),
        (Some("one"), Some("one")),
        (Some("two"), Some("two")),
        (Some("b/both"), Some("both")),
        (Some("both"), None),
        (Some("org/deep"), Some("org/deep")),
        (Some("a/org/deep"), Some("org/deep")),
        (Some("open/anything/at-all"), Some("anything/at-all")),
        (Some("open/"), None),
        (Some("open/a\nb"), None),
        (Some("a/unlisted"), None),
        (Some("nobody/one"), None),
        (Some(""), None),
        (Some("/"), None),
    ] {
        let before = upstream.call_count();
        let model = models.resolve(name);
        assert_eq!(model.is_some(), sent.is_some(), "{name:?}");
        let full = models.full_name(name);
        assert_eq!(full.is_some(), sent.is_some(), "{name:?}");
        if let (Some(full), Some(sent)) = (full, sent) {
            assert!(full.ends_with(&format!("/{sent}")), "{name:?} is {full}");
            assert_eq!(models.full_name(Some(&full)), Some(full), "a full name stays as it is");
        }
        if let (Some(model), Some(sent)) = (model, sent) {
            hear(model.as_ref(), prompt("x")).await;
            assert_eq!(upstream.call_count(), before + 1);
            assert_eq!(
                upstream.calls().last().map(|call| call.model.clone()).as_deref(),
                Some(sent),
                "{name:?}"
            );
        }
    }
    let demo = models.resolve(Some("demo")).expect("always there");
    assert!(hear(demo.as_ref(), prompt("hello")).await.text.contains("demo"));
    let open = registry("open/some", providers()).expect("settings");
    assert_eq!(open.names().first().map(String::as_str), Some("open/some"));
    assert_eq!(
        registry("two", providers()).expect("settings").names().first().map(String::as_str),
        Some("b/two")
    );
}

#[test]
fn bad_settings_are_one_clear_line() {
    let url = "http://127.0.0.1:9/v1";
    let error = registry("openai/gpt-4o-mini", vec![provider("a", url, &["x"]), provider("o", url, &[])])
        .err()
        .expect("unknown");
    assert_eq!(
        error.to_string(),
        r#"llm.model: there is no model "openai/gpt-4o-mini"; known: demo, a/x, o/<any>"#
    );
    for name in ["", "demo", "a/b"] {
        assert_eq!(
            registry("demo", vec![provider(name, url, &[])]).err(),
            Some(LlmError::ProviderName { provider: name.into() })
        );
    }
    assert!(registry("demo", vec![provider("a", url, &[]), provider("a", url, &[])]).is_err());
    assert!(registry("demo", vec![provider("a", "localhost:11434", &[])]).is_err());
    assert!(registry("demo", vec![provider("a", url, &[""])]).is_err());
    assert_eq!(registry("demo", vec![]).expect("settings").names(), ["demo"]);
}

#[tokio::test]
async fn a_breaker_is_shared_by_the_rooms_of_a_model_and_by_nobody_else() {
    let upstream = Upstream::start().await;
    upstream.script("bad", Script::error(503, &[("retry-after", "0")]));
    let url = upstream.base_url();
    let models =
        registry("demo", vec![provider("listed", &url, &["bad", "good"]), provider("open", &url, &[])])
            .expect("settings");
    for name in ["listed/bad", "open/bad"] {
        for _ in 0..6 {
            let model: Arc<dyn ChatModel> = models.resolve(Some(name)).expect("known");
            hear(model.as_ref(), prompt("x")).await;
        }
        // Three calls for the first turn, two more until the breaker opens, then none.
        let calls = upstream.calls_of("bad").len();
        assert_eq!(calls, 5, "{name}");
        upstream.forget_calls();
    }
    let good = models.resolve(Some("listed/good")).expect("known");
    assert!(hear(good.as_ref(), prompt("x")).await.end.is_some());
}

#[tokio::test]
async fn made_up_names_are_not_kept_for_ever() {
    let models = registry("demo", vec![provider("open", "http://127.0.0.1:9/v1", &[])]).expect("settings");
    for n in 0..5_000 {
        assert!(models.resolve(Some(&format!("open/made-up-{n}"))).is_some());
    }
    assert!(models.resolve(Some(&format!("open/{}", "x".repeat(201)))).is_none());
    assert_eq!(models.names(), ["demo"]);
}
