//! `docs/CLIENTS.md`: what it shows is run as it stands there.

use super::{key, run};
use crate::support::{Backend, Site, for_both};
use std::path::Path;

for_both! { what_the_document_shows_works }

/// A program of the document: the language of its block, and what it prints.
struct Shown {
    heading: String,
    language: String,
    program: String,
    prints: String,
}

/// Every program under a heading, with the block that says what it prints, as far as its dots.
fn shown(document: &str) -> Vec<Shown> {
    let mut all = Vec::new();
    for section in document.split("\n## ").skip(1) {
        let heading = section.lines().next().unwrap_or_default().to_owned();
        let mut program: Option<(String, String)> = None;
        for block in section.split("\n```").collect::<Vec<_>>().chunks(2) {
            let [_, block] = block else { continue };
            let (language, text) = block.split_once('\n').unwrap_or_default();
            match (language, program.take()) {
                ("text", Some((language, program))) => {
                    let (heading, prints) = (heading.clone(), text.trim().to_owned());
                    all.push(Shown { heading, language, program, prints });
                }
                ("sh", _) => {}
                (language, None) => program = Some((language.to_owned(), text.to_owned())),
                (language, Some(_)) => panic!("{heading}: a block of {language} follows a program"),
            }
        }
        assert!(program.is_none(), "{heading}: a program without what it prints");
    }
    all
}

async fn what_the_document_shows_works(backend: Backend) {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/CLIENTS.md");
    let document = std::fs::read_to_string(document).expect("docs/CLIENTS.md");
    let shown = shown(&document);
    let headings: Vec<_> = shown.iter().map(|shown| shown.heading.as_str()).collect();
    let expected = [
        "openai for Python",
        "openai for Node",
        "langchain-openai",
        "The AI SDK",
        "eventsource",
        "websockets",
    ];
    assert_eq!(headings, expected);
    // As it comes: the document says what the demo model answers.
    let site = Site::start(backend, &[("MARU__LLM__MODEL", "demo")]).await;
    let key = key(&site.user().await).await;
    for Shown { heading, language, program, prints } in shown {
        assert!(program.lines().count() <= 25, "{heading}: too long for a beginning");
        let file = match language.as_str() {
            "python" => "shown.py",
            "js" => "shown.mjs",
            other => panic!("{heading}: a program of {other}"),
        };
        let printed = run(&site, &key, file, &program).await;
        match prints.strip_suffix('…') {
            Some(beginning) => assert!(printed.starts_with(beginning), "{heading}: {printed}"),
            None => assert_eq!(printed, prints, "{heading}"),
        }
    }
}
