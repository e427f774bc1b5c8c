//! A tiny model of each family against what Hugging Face transformers says with it
//! (`fixtures/make-gguf.py`), and files that are wrong.

use super::decoder::{Decoder, Step};
use super::engine::{Engine, EngineSettings, Question};
use super::memory::Memory;
use super::template::Said;
use crate::gguf::Gguf;
use crate::sampling::best;
use crate::{Piece, Sampling, Threads};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Deserialize)]
struct Expected {
    tokens: Vec<u32>,
    last: Vec<f32>,
    middle: Vec<f32>,
    greedy: Vec<u32>,
}

fn path(family: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/{family}.gguf"))
}

fn expected() -> BTreeMap<String, Expected> {
    serde_json::from_str(include_str!("../../fixtures/families.json")).expect("a fixture")
}

fn decoder(family: &str) -> Decoder {
    Decoder::load(&mut Gguf::open(&path(family)).expect("a file")).expect("a model")
}

fn steps(of: usize, tokens: &[u32]) -> Vec<Step> {
    tokens.iter().map(|token| Step { of, token: *token, asks: true }).collect()
}

fn far(got: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(got.len(), expected.len());
    got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn each_family_gives_the_references_numbers_and_words() {
    for (family, case) in expected() {
        let decoder = decoder(&family);
        let mut memory = Memory::new(decoder.shape.layers);
        let numbers = decoder.read(&steps(0, &case.tokens), &mut [&mut memory]);
        let away = far(&numbers[numbers.len() - 1], &case.last);
        assert!(away < 2e-4, "{family}: {away} away");
        let away = far(&numbers[5], &case.middle);
        assert!(away < 2e-4, "{family} in the middle: {away} away");
        let mut said = case.tokens.clone();
        let mut likely = numbers[numbers.len() - 1].clone();
        while said.len() < case.greedy.len() {
            let next = best(&likely);
            said.push(next);
            likely = decoder.read(&steps(0, &[next]), &mut [&mut memory]).remove(0);
        }
        assert_eq!(said, case.greedy, "{family}");
    }
}

#[test]
fn company_and_portions_change_nothing() {
    for (family, case) in expected() {
        let decoder = decoder(&family);
        let layers = decoder.shape.layers;
        let mut alone = Memory::new(layers);
        let whole = decoder.read(&steps(0, &case.tokens), &mut [&mut alone]);
        let (mut a, mut b) = (Memory::new(layers), Memory::new(layers));
        decoder.read(&steps(0, &case.tokens[..5]), &mut [&mut a]);
        let mut mixed = steps(1, &case.greedy[..7]);
        mixed.extend(steps(0, &case.tokens[5..]));
        let numbers = decoder.read(&mixed, &mut [&mut a, &mut b]);
        assert_eq!(numbers[numbers.len() - 1], whole[whole.len() - 1], "{family}");
        assert_eq!(a.keys, alone.keys, "{family}");
    }
}

#[test]
fn a_worker_answers_with_each_family() {
    for family in ["llama", "qwen2", "qwen3"] {
        let about = super::about(&path(family)).expect("a model");
        assert_eq!((about.family.as_str(), about.context), (family, 128));
        let threads = Threads::new(1).expect("threads");
        let engine = Engine::load(&path(family), EngineSettings::default(), threads).expect("a model");
        let question = Question {
            conversation: vec![Said { role: "user", text: "hello 서울".to_owned() }],
            sampling: Sampling::default(),
            longest: 8,
            stops: Vec::new(),
        };
        let mut pieces = engine.ask(question).expect("a place");
        let mut last = None;
        while let Some(piece) = pieces.blocking_recv() {
            last = Some(piece.expect("a piece"));
        }
        assert!(
            matches!(last, Some(Piece::End { cost, .. }) if cost.output > 0 && cost.input > 12),
            "{last:?}"
        );
    }
}

#[test]
fn text_comes_back_from_its_tokens() {
    for text in ["hello, 서울! 12", " <|im_end|> ", "줄\n\n바꿈", "he'll\t  x"] {
        for family in ["llama", "qwen2"] {
            assert_eq!(super::spelled(&path(family), text).expect("a vocabulary"), text, "{family}");
        }
    }
}

/// Whatever is in a file: an error in a line, or a model; never a panic, and no memory without end.
#[test]
fn a_broken_file_is_an_error() {
    let whole = std::fs::read(path("qwen2")).expect("a file");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("broken.gguf");
    let mut random = fastrand::Rng::with_seed(9);
    let threads = Threads::new(1).expect("threads");
    let mut errors = 0;
    for n in 0..300 {
        let mut bytes = whole.clone();
        if n % 3 == 0 {
            bytes.truncate(random.usize(..whole.len()));
        } else {
            for _ in 0..random.usize(1..8) {
                // The head, where lengths and names stand.
                let at = random.usize(..6000);
                bytes[at] = random.u8(..);
            }
        }
        std::fs::write(&file, &bytes).expect("written");
        if let Err(error) = Engine::load(&file, EngineSettings::default(), threads.clone()) {
            errors += 1;
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
    assert!(errors > 150, "{errors}");
}
