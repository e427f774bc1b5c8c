//! Two tiny T5s against what Hugging Face transformers says with them (`fixtures/make-t5.py`).

use super::engine::{Engine, Question};
use super::model::T5;
use super::search::{Search, beams, straight};
use crate::{Piece, Sampling, Threads};
use serde::Deserialize;
use std::path::PathBuf;

#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
    greedy: Vec<u32>,
    free: Vec<u32>,
    beams: Vec<u32>,
    beams_text: String,
    said: Vec<u32>,
    logits: Vec<Vec<f32>>,
}

const MODELS: [&str; 2] = ["t5-flan", "t5-first"];
const LONGEST: usize = 24;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn cases(name: &str) -> Vec<Case> {
    let text = std::fs::read(folder(name).join("expected.json")).expect("a fixture");
    serde_json::from_slice(&text).expect("cases")
}

fn threads() -> Threads {
    Threads::new(2).expect("threads")
}

/// What the reference gives back: with start and end, and filled up.
fn words(tokens: &[u32]) -> Vec<u32> {
    tokens[1..].iter().copied().take_while(|token| *token != 1).collect()
}

#[test]
fn the_reference_gives_the_same_numbers() {
    for name in MODELS {
        let model = T5::load(&folder(name)).expect("a model");
        for case in cases(name) {
            let mut telling = model.read(&case.ids, 1);
            for (token, expected) in case.said.iter().zip(&case.logits) {
                let got = model.say(&mut telling, &[*token]).pop().expect("numbers");
                let far = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(far < 1e-4, "{name} {:?}: {far} away", case.text);
            }
            assert!(
                case.logits.iter().flatten().any(|number| number.abs() > 0.5),
                "the fixture says something"
            );
        }
    }
}

#[test]
fn the_reference_says_the_same_words() {
    let threads = threads();
    for name in MODELS {
        let model = T5::load(&folder(name)).expect("a model");
        for case in cases(name) {
            let search = Search { longest: LONGEST, ..Search::default() };
            let greedy = Search { beams: 1, ..search };
            let free = Search { no_repeat: 0, ..greedy };
            let found = straight(&model, &threads, &case.ids, &greedy, |_| true).expect("a reply");
            assert_eq!(found.tokens, words(&case.greedy), "{name}, greedy: {}", case.text);
            let found = straight(&model, &threads, &case.ids, &free, |_| true).expect("a reply");
            assert_eq!(found.tokens, words(&case.free), "{name}, free: {}", case.text);
            let found = beams(&model, &threads, &case.ids, &search, || true).expect("a reply");
            assert_eq!(found.tokens, words(&case.beams), "{name}, beams: {}", case.text);
            assert_eq!(found.cut, !case.beams.contains(&1), "{name}: {}", case.text);
        }
    }
    assert!(MODELS.iter().flat_map(|name| cases(name)).any(|case| case.beams != case.greedy), "beams differ");
}

fn ask(engine: &Engine, text: &str, search: Search) -> (String, Option<Piece>) {
    let mut pieces = engine.ask(Question { text: text.to_owned(), search }).expect("a place");
    let (mut all, mut last) = (String::new(), None);
    while let Some(piece) = pieces.blocking_recv() {
        match piece.expect("a piece") {
            Piece::Text(text) => all.push_str(&text),
            end @ Piece::End { .. } => last = Some(end),
        }
    }
    (all, last)
}

#[test]
fn the_worker_tells_the_whole_text() {
    for name in MODELS {
        let engine = Engine::load(&folder(name), threads()).expect("a model");
        for case in cases(name) {
            let search = Search { longest: LONGEST, ..Search::default() };
            let (text, end) = ask(&engine, &case.text, search);
            assert_eq!(text, case.beams_text, "{name}: {}", case.text);
            let Some(Piece::End { cost, .. }) = end else { panic!("no end") };
            assert_eq!(cost.input, case.ids.len(), "the tokenizer reads as the reference's does");
            let one = ask(&engine, &case.text, Search { beams: 1, ..search }).0;
            assert!(!one.is_empty());
        }
    }
}

#[test]
fn drawing_follows_the_seed() {
    let engine = Engine::load(&folder("t5-flan"), threads()).expect("a model");
    let draw = |seed| {
        let sampling = Sampling { temperature: 1.0, top_p: 1.0, seed, ..Sampling::default() };
        ask(&engine, "hello", Search { longest: LONGEST, sampling, ..Search::default() }).0
    };
    assert_eq!(draw(1), draw(1));
    assert!((2..12).any(|seed| draw(seed) != draw(1)));
}

#[test]
fn whoever_leaves_stops_the_search() {
    let engine = Engine::load(&folder("t5-flan"), threads()).expect("a model");
    let search = Search { longest: 1_000_000, no_repeat: 0, ..Search::default() };
    drop(engine.ask(Question { text: "the quick brown fox".to_owned(), search }));
    // Would otherwise be answered after a million words.
    let text = ask(&engine, "a", Search { longest: 4, ..Search::default() }).0;
    assert!(!text.is_empty());
}

#[test]
fn a_folder_that_is_no_t5_is_told_in_a_line() {
    let empty = tempfile::tempdir().expect("a folder");
    let told = super::about(empty.path()).expect_err("nothing there").to_string();
    assert!(told.contains("config.json"), "{told}");
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        std::fs::copy(folder("t5-flan").join(file), empty.path().join(file)).expect("a copy");
    }
    super::about(empty.path()).expect("a T5");
    let weights = std::fs::read(empty.path().join("model.safetensors")).expect("weights");
    std::fs::write(empty.path().join("model.safetensors"), &weights[..weights.len() - 1]).expect("cut");
    let told = super::about(empty.path()).expect_err("cut off").to_string();
    assert!(told.contains("ends in the middle") && !told.contains('\n'), "{told}");
}
