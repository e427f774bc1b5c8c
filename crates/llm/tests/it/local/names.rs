//! Which names mean which model, and what is told of a path that holds none.

use super::smollm;
use crate::support::{hear, prompt};
use maru_domain::turns::ports::{Finish, Models};
use maru_domain::turns::{Prompt, Sampling};
use maru_llm::local::LocalSettings;
use maru_llm::{LlmSettings, ProviderKind, ProviderSettings, Registry};
use std::path::Path;

fn provider(name: &str, kind: ProviderKind, path: &Path, models: &[&str]) -> ProviderSettings {
    ProviderSettings {
        name: name.to_owned(),
        kind,
        base_url: String::new(),
        api_key: None,
        models: models.iter().map(|model| (*model).to_owned()).collect(),
        path: path.to_owned(),
    }
}

fn settings(model: &str, providers: Vec<ProviderSettings>) -> LlmSettings {
    LlmSettings { model: model.to_owned(), providers, ..LlmSettings::default() }
}

fn refused(settings: LlmSettings) -> String {
    match Registry::new(settings) {
        Ok(_) => panic!("was not refused"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_file_a_folder_and_the_catalogue_name_the_same_model() {
    let file = smollm().await;
    let folder = file.parent().expect("a folder").to_owned();
    let local = LocalSettings { folder: Some(folder.clone()), longest: 16, ..LocalSettings::default() };
    for (model, path) in
        [("home/smollm2-135m", Some(&file)), ("home/smollm2-135m", Some(&folder)), ("smollm2-135m", None)]
    {
        let providers =
            path.map(|path| provider("home", ProviderKind::Local, path, &[])).into_iter().collect();
        let registry = Registry::new(LlmSettings { local: local.clone(), ..settings(model, providers) });
        let registry = registry.unwrap_or_else(|error| panic!("{error}"));
        assert!(registry.names()[0] == model, "{:?}", registry.names());
        assert!(registry.resolve(Some("smollm2-135m")).is_some(), "what is pulled can be named");
    }
    let registry =
        Registry::new(LlmSettings { local, ..settings("smollm2-135m", Vec::new()) }).expect("a model");
    let model = registry.resolve(None).expect("the default");
    let heard = hear(model.as_ref(), prompt("What is the capital of France?")).await;
    assert!(heard.text.contains("Paris"), "{heard:?}");
    let (finish, usage) = heard.end.expect("an end");
    assert_eq!(finish, Finish::Stop);
    assert!(usage.is_some_and(|usage| usage.input_tokens > 10 && usage.output_tokens > 3), "{usage:?}");
}

#[test]
fn what_is_wrong_with_a_path_is_told_in_a_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let junk = folder.path().join("junk.gguf");
    std::fs::write(&junk, "no model at all, but long enough to be read").expect("a file");
    let t5 = Path::new(env!("CARGO_MANIFEST_DIR")).join("../local/fixtures/t5-flan");
    let local = |path: &Path| provider("home", ProviderKind::Local, path, &[]);
    for (provider, part) in [
        (local(&folder.path().join("nowhere")), "No such file"),
        (local(Path::new("")), "must say where"),
        (local(&junk), "is not a GGUF file"),
        (local(&t5), "no .gguf file"),
        (provider("home", ProviderKind::T5, folder.path(), &[]), "config.json"),
        (provider("home", ProviderKind::T5, &t5, &["other"]), "no model \"other\""),
    ] {
        let told = refused(settings("demo", vec![provider]));
        assert!(told.starts_with("llm.providers.home.path: ") && told.contains(part), "{told}");
        assert!(!told.contains('\n'), "{told}");
    }
    let told = refused(settings("smollm2-135m", Vec::new()));
    assert!(told.contains("maru model pull smollm2-135m"), "{told}");
}

#[tokio::test]
async fn a_t5_answers_through_the_port() {
    let t5 = Path::new(env!("CARGO_MANIFEST_DIR")).join("../local/fixtures/t5-flan");
    let registry =
        Registry::new(settings("flan/t5-flan", vec![provider("flan", ProviderKind::T5, &t5, &[])]));
    let registry = registry.unwrap_or_else(|error| panic!("{error}"));
    let model = registry.resolve(None).expect("the default");
    let heard = hear(model.as_ref(), prompt("hello")).await;
    assert!(heard.error.is_none() && !heard.text.is_empty(), "{heard:?}");
    let again = hear(model.as_ref(), prompt("hello")).await;
    assert_eq!(heard.text, again.text, "beams are stable");
    assert!(heard.end.and_then(|(_, usage)| usage).is_some_and(|usage| usage.output_tokens > 0));
}

#[tokio::test]
async fn what_a_client_asks_of_a_reply_is_kept_to() {
    let folder = smollm().await.parent().expect("a folder").to_owned();
    let local = LocalSettings { folder: Some(folder), longest: 12, ..LocalSettings::default() };
    let registry = Registry::new(LlmSettings { local, ..settings("smollm2-135m", Vec::new()) });
    let model = registry.unwrap_or_else(|error| panic!("{error}")).resolve(None).expect("the default");
    let ask = async |text: &str, sampling: Sampling| {
        hear(model.as_ref(), Prompt { sampling, ..prompt(text) }).await
    };
    let long = "Tell me a very long story about a dragon.";
    for (asked, said) in [(Some(3), 3), (None, 12), (Some(4000), 12)] {
        let heard = ask(long, Sampling { max_completion_tokens: asked, ..Sampling::default() }).await;
        let (finish, usage) = heard.end.expect("an end");
        assert_eq!((finish, usage.expect("usage").output_tokens), (Finish::Length, said), "{asked:?}");
    }
    let stop = vec!["Paris".to_owned()];
    let heard = ask("What is the capital of France?", Sampling { stop, ..Sampling::default() }).await;
    assert!(!heard.text.contains("Paris") && !heard.text.is_empty(), "{heard:?}");
    assert_eq!(heard.end.expect("an end").0, Finish::Stop);
    let free = |seed| Sampling { temperature: Some(1.5), seed: Some(seed), ..Sampling::default() };
    let (first, again) = (ask(long, free(7)).await.text, ask(long, free(7)).await.text);
    assert_eq!(first, again, "a seed gives the same reply");
    let mut others = Vec::new();
    for seed in 8..12 {
        others.push(ask(long, free(seed)).await.text);
    }
    assert!(others.iter().any(|other| *other != first), "and another one another: {first:?}");
}
