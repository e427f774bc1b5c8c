//! `cargo run -p maru-local --example say -- MODEL.gguf "a question" [tokens] [threads]`
#![expect(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, reason = "an example")]
use maru_local::chat::{Engine, EngineSettings, Question, Said};
use maru_local::{Piece, Sampling, Threads};
use std::io::Write;
use std::time::Instant;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let longest = args.get(3).map_or(100, |n| n.parse().unwrap());
    let threads = Threads::new(args.get(4).map_or(0, |n| n.parse().unwrap())).unwrap();
    let start = Instant::now();
    let engine = Engine::load(args[1].as_ref(), EngineSettings::default(), threads).unwrap();
    eprintln!("loaded in {:?}, {} MiB", start.elapsed(), engine.bytes() >> 20);
    for _ in 0..2 {
        let start = Instant::now();
        let mut pieces = engine
            .ask(Question {
                conversation: vec![Said { role: "user", text: args[2].clone() }],
                sampling: Sampling::default(),
                longest,
                stops: vec![],
            })
            .unwrap();
        let mut first = None;
        while let Some(piece) = pieces.blocking_recv() {
            match piece.unwrap() {
                Piece::Text(text) => {
                    if !text.is_empty() {
                        first.get_or_insert_with(Instant::now);
                    }
                    print!("{text}");
                    std::io::stdout().flush().unwrap();
                }
                Piece::End { cut, cost } => {
                    let first = first.unwrap();
                    let rate = (cost.output - 1) as f64 / first.elapsed().as_secs_f64();
                    let read = (cost.input - cost.remembered) as f64 / (first - start).as_secs_f64();
                    println!(
                        "\n[{cost:?} cut {cut}; first after {:?} ({read:.0}/s), then {rate:.1} tokens/s]",
                        first - start
                    );
                }
            }
        }
    }
}
