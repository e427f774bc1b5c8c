//! Models of this process: how fast they read and say, against llama.cpp and CTranslate2 with the same weights and as
//! many threads.

use crate::files::{self, Workplace};
use crate::python::{self, Program};
use crate::report::{Figure, Target};
use crate::rounds::{Effort, Rounds};
use maru_domain::error::BoxError;
use maru_local::chat::{self, Said};
use maru_local::t5::{self, Search};
use maru_local::{Piece, Pieces, Sampling, Threads};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

/// The model that both chat with.
const MODEL: &str = "smollm2-135m";
/// Tokens of a reply.
const TOKENS: usize = 128;
const T5_TOKENS: usize = 100;
/// Half of what llama.cpp does is what an engine must reach that needs nothing but Rust.
const CHAT: Target = Target::Ratio(0.5);
const T5: Target = Target::Ratio(0.8);

/// How fast a reply came, in tokens a second.
struct Pace {
    read: f64,
    said: f64,
}

/// A chat model.
pub fn chat(place: &Workplace, effort: &Effort) -> Result<Vec<Figure>, BoxError> {
    let (model, count) = (pulled(place)?, processors());
    let arguments = [model.display().to_string(), count.to_string(), TOKENS.to_string()];
    let mut theirs = Program::start(place, "llama", "replies.py", &arguments)?;
    // Nothing is remembered: each prompt is to be read.
    let settings = chat::EngineSettings { remembered: 0, ..chat::EngineSettings::default() };
    let ours = chat::Engine::load(&model, settings, Threads::new(count)?)?;
    let (mut read, mut said) = (Rounds::default(), Rounds::default());
    for number in 0..=effort.rounds {
        let prompt = prompt(number);
        let question = chat::Question {
            conversation: vec![Said { role: "user", text: prompt.clone() }],
            sampling: Sampling::default(),
            longest: TOKENS,
            stops: Vec::new(),
        };
        let ours = pace(ours.ask(question)?)?;
        let theirs = theirs.ask(&json!(as_the_template_says(&prompt)))?;
        // The first round warms both up.
        if number > 0 {
            read.push(ours.read, number_of(&theirs, "read")?);
            said.push(ours.said, number_of(&theirs, "said")?);
        }
    }
    let note = "SmolLM2 135M in Q4_1, a prompt of some 400 tokens; yardstick: llama.cpp by llama-cpp-python";
    Ok(vec![figure("local-chat: said", said, CHAT, note), figure("local-chat: read", read, Target::None, "")])
}

/// T5s of two sizes with random weights, as the seed asks them and greedily.
pub fn t5(place: &Workplace, effort: &Effort) -> Result<Vec<Figure>, BoxError> {
    let mut figures = Vec::new();
    // Width, inner width, layers, heads, words: as T5-efficient tiny and Flan-T5 base have them.
    for (size, shape) in [("tiny", [256, 1024, 4, 4, 32_128]), ("base", [768, 2048, 12, 12, 32_128])] {
        let folder = place.directory("t5")?.join(size);
        let made = Command::new(python::environment(place, "ctranslate2")?.join("python"))
            .arg(files::yardsticks().join("ctranslate2/model.py"))
            .arg(&folder)
            .args(shape.map(|number: usize| number.to_string()))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .status()?;
        if !made.success() {
            return Err("model.py could not make the model".into());
        }
        let ours = t5::Engine::load(&folder.join("ours"), Threads::new(processors())?)?;
        for beams in [5, 1] {
            figures.push(figure(
                &format!("local-t5: {size}, {beams} beams"),
                replies(place, effort, &ours, &folder, beams)?,
                T5,
                "random weights, 40 tokens in and 100 out, no repeated 2-grams, as many threads as processors; yardstick: CTranslate2, float32",
            ));
        }
    }
    Ok(figures)
}

fn replies(
    place: &Workplace,
    effort: &Effort,
    ours: &t5::Engine,
    folder: &std::path::Path,
    beams: usize,
) -> Result<Rounds, BoxError> {
    let numbers = [processors(), T5_TOKENS, beams].map(|number| number.to_string());
    let arguments: Vec<String> =
        std::iter::once(folder.join("theirs").display().to_string()).chain(numbers).collect();
    let mut theirs = Program::start(place, "ctranslate2", "replies.py", &arguments)?;
    let mut rounds = Rounds::default();
    for number in 0..=effort.rounds {
        let tokens: Vec<usize> = (0..40).map(|place| 3 + (number * 131 + place * 17) % 900).collect();
        let text = tokens.iter().map(|token| format!("w{token}")).collect::<Vec<_>>().join(" ");
        let search = Search { beams, no_repeat: 2, longest: T5_TOKENS, sampling: Sampling::default() };
        let begun = Instant::now();
        let mut pieces = ours.ask(t5::Question { text, search })?;
        let mut said = 0;
        while let Some(piece) = pieces.blocking_recv() {
            if let Piece::End { cost, .. } = piece? {
                said = cost.output;
            }
        }
        let pace = said as f64 / begun.elapsed().as_secs_f64();
        let ended: Vec<usize> = tokens.into_iter().chain([1]).collect();
        let theirs = theirs.ask(&json!(ended))?;
        if number > 0 {
            rounds.push(pace, number_of(&theirs, "said")?);
        }
    }
    Ok(rounds)
}

fn figure(name: &str, rounds: Rounds, target: Target, note: &str) -> Figure {
    Figure { name: name.to_owned(), unit: "tokens/s", rounds, target, note: note.to_owned() }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn number_of(answer: &Value, name: &str) -> Result<f64, BoxError> {
    answer[name].as_f64().ok_or_else(|| format!("the yardstick does not tell {name:?}").into())
}

/// Fetches the model into the build directory.
fn pulled(place: &Workplace) -> Result<PathBuf, BoxError> {
    let folder = place.kept("bench-models");
    let mut pull = Command::new(place.maru()?);
    pull.args(["model", "pull", MODEL]).env("MARU__LLM__LOCAL__FOLDER", &folder);
    if !pull.status()?.success() {
        return Err(format!("there is no {MODEL} to measure with").into());
    }
    Ok(folder.join(format!("{MODEL}.gguf")))
}

/// A prompt that nobody has read before.
fn prompt(number: usize) -> String {
    let notes: Vec<String> =
        (0..30).map(|line| format!("Note {line} of day {number}: the harbour was quiet.")).collect();
    format!("{}\nWrite a long story about the harbour of these notes.", notes.join("\n"))
}

/// What the model's own template makes of it.
fn as_the_template_says(prompt: &str) -> String {
    format!(
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"
    )
}

/// Hears a reply to its end. An empty text only says that its time has come.
fn pace(mut pieces: Pieces) -> Result<Pace, BoxError> {
    let (begun, mut first) = (Instant::now(), None);
    while let Some(piece) = pieces.blocking_recv() {
        match piece? {
            Piece::Text(text) if text.is_empty() => {}
            Piece::Text(_) => {
                first.get_or_insert_with(Instant::now);
            }
            Piece::End { cost, .. } => {
                let first = first.ok_or("the model said nothing")?;
                return Ok(Pace {
                    read: cost.input as f64 / (first - begun).as_secs_f64(),
                    said: cost.output.saturating_sub(1) as f64 / first.elapsed().as_secs_f64(),
                });
            }
        }
    }
    Err("the reply has no end".into())
}
