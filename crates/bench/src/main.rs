//! `just bench`: what maru costs, each time as a ratio to a yardstick that is measured in the same
//! run, round by round in turn. What is measured, and why, is told in `docs/performance.md`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measuring program: the table and its progress"
)]

mod arguments;
mod files;
mod instances;
mod keeping;
mod load;
mod local;
mod pages;
mod python;
mod report;
mod rounds;
mod sends;
mod servers;
mod sides;
mod start;
mod streams;
mod token_chats;

use arguments::{Arguments, Ask};
use files::Workplace;
use maru_domain::error::BoxError;
use report::Figure;
use rounds::Effort;
use std::process::ExitCode;

/// A thing to measure.
struct Scenario {
    name: &'static str,
    /// One line for `--list`.
    what: &'static str,
    run: fn(&Workplace, &Effort) -> Result<Vec<Figure>, BoxError>,
}

const SCENARIOS: [Scenario; 17] = [
    Scenario {
        name: "token-chats-get",
        what: "GET /api/chats/?session_id= of a chat of 50 turns, against Django REST Framework",
        run: token_chats::get,
    },
    Scenario {
        name: "token-chats-post",
        what: "POST /api/chats/ with the demo model, against Django REST Framework",
        run: token_chats::post,
    },
    Scenario {
        name: "sends-sqlite",
        what: "messages.send on SQLite, against a bare loop of the same statements",
        run: sends::sqlite,
    },
    Scenario {
        name: "sends-postgres",
        what: "messages.send on PostgreSQL, against pgbench with the same statements",
        run: sends::postgres,
    },
    Scenario {
        name: "page",
        what: "GET /v1/rooms/{id}/messages of 50 messages, against a bare actix handler that has the bytes",
        run: pages::measure,
    },
    Scenario {
        name: "page-redis",
        what: "the same page out of a warm Redis by an instance that keeps none, against redis-benchmark's GET",
        run: instances::page_redis,
    },
    Scenario {
        name: "page-postgres",
        what: "the same page out of PostgreSQL with no cache at all, against pgbench with the same select",
        run: instances::page_postgres,
    },
    Scenario {
        name: "two-instances",
        what: "two instances on this machine under one load, against one that has all of it",
        run: instances::two,
    },
    Scenario {
        name: "flat",
        what: "p99 of a page and of a send at a million messages in the room, against a thousand",
        run: pages::flat,
    },
    Scenario {
        name: "idle-streams",
        what: "resident memory of 5,000 idle streams, against bare actix streams with a task each",
        run: streams::idle,
    },
    Scenario {
        name: "tokens",
        what: "delay of each token in 200 streams at 50 tokens/s, against a direct reader of the provider",
        run: streams::tokens,
    },
    Scenario { name: "resume", what: "first byte of a stream that is taken up again", run: streams::resume },
    Scenario {
        name: "start",
        what: "time to readiness with 100,000 messages, and resident memory",
        run: start::measure,
    },
    Scenario {
        name: "move",
        what: "maru move of a million messages to PostgreSQL, against COPY of the same rows",
        run: keeping::moving,
    },
    Scenario {
        name: "backup",
        what: "the slowest write of 16 writers while a million messages are backed up",
        run: keeping::backup,
    },
    Scenario {
        name: "local-chat",
        what: "tokens a second of a chat model in this process, against llama.cpp",
        run: local::chat,
    },
    Scenario {
        name: "local-t5",
        what: "tokens a second of a T5 in this process, against CTranslate2",
        run: local::t5,
    },
];

fn main() -> ExitCode {
    match arguments::read(std::env::args().skip(1), &SCENARIOS.map(|scenario| scenario.name)) {
        Ok(Ask::Run(arguments)) => finish(run(&arguments)),
        Ok(Ask::OpenAndCount(path)) => finish(start::open_and_count(&path)),
        Ok(Ask::Bare(page, address)) => finish(servers::bare::serve(&page, address)),
        Ok(Ask::List) => {
            SCENARIOS.iter().for_each(|scenario| println!("{:18}{}", scenario.name, scenario.what));
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            eprintln!("bench: {wrong}\n\n{}", arguments::USAGE);
            ExitCode::from(2)
        }
    }
}

fn finish(done: Result<(), BoxError>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), BoxError> {
    if cfg!(debug_assertions) {
        eprintln!("bench: this is a debug build, its figures mean nothing; use `just bench`");
    }
    let workplace = Workplace::new()?;
    let mut figures = Vec::new();
    for scenario in SCENARIOS.iter().filter(|scenario| arguments.wants(scenario.name)) {
        eprintln!("{}: {}", scenario.name, scenario.what);
        let measured = (scenario.run)(&workplace, &arguments.effort);
        figures.extend(measured.map_err(|error| format!("{}: {error}", scenario.name))?);
    }
    println!("{}", report::table(&figures));
    if let Some(path) = &arguments.out {
        std::fs::write(path, report::json(&figures)?)?;
        eprintln!("written to {}", path.display());
    }
    Ok(())
}
