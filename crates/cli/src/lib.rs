//! The command line: one file for each command, over the same use cases as the server.

mod arguments;
mod commands;
mod output;
mod progress;
mod usage;

use arguments::{Arguments, Command};
use clap::Parser;
use maru_app::Settings;
use maru_domain::error::BoxError;
use output::Output;
use std::process::ExitCode;

/// Reads the command line and runs the command. 0: done; 1: failed; 2: not understood.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage::refuse(&error),
    };
    let output = Output { json: arguments.json };
    let settings = match maru_app::load(&arguments.overrides()) {
        Ok(settings) => settings,
        Err(wrong) => {
            wrong.iter().for_each(|line| output.complain(line));
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.complain(&format!("the runtime could not start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    // Only a server has something to trace.
    let traces = match arguments.command {
        Command::Serve(_) => maru_app::telemetry::start(&settings, runtime.handle().clone()),
        _ => Ok(None),
    };
    if let Err(error) = traces.and_then(|traces| maru_app::logs::start(&settings.log, traces)) {
        output.complain(&error);
        return ExitCode::from(2);
    }
    let done = runtime.block_on(run(arguments.command, settings, &output));
    // What is left on the blocking pool must not hold the end up.
    runtime.shutdown_background();
    match done {
        Ok(code) => code,
        Err(error) => {
            output.complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command, settings: Settings, output: &Output) -> Result<ExitCode, BoxError> {
    match command {
        Command::Serve(_) => commands::serve::run(settings, output).await,
        Command::Migrate(arguments) => commands::migrate::run(&arguments, &settings, output).await,
        Command::Backup(arguments) => commands::backup::run(&arguments, &settings, output).await,
        Command::Restore(arguments) => commands::restore::run(&arguments, &settings, output).await,
        Command::Move(arguments) => commands::moving::run(&arguments, output).await,
        Command::Config => commands::config::run(&settings, output),
        Command::Doctor => commands::doctor::run(&settings, output).await,
        Command::Health(arguments) => commands::health::run(&arguments, &settings, output).await,
        Command::User(command) => commands::user::run(command, &settings, output).await,
        Command::Key(command) => commands::key::run(command, &settings, output).await,
        Command::Quote(command) => commands::quote::run(command, &settings, output).await,
        Command::Plc(command) => commands::plc::run(command, &settings, output).await,
        Command::Room(command) => commands::room::run(command, &settings, output).await,
        Command::Import(arguments) => commands::import::run(&arguments, &settings, output).await,
        Command::Check => commands::check::run(&settings, output).await,
        Command::Retention(arguments) => commands::retention::run(&arguments, &settings, output).await,
        Command::Completions { shell } => commands::manual::completions(shell),
        Command::Manual { to } => commands::manual::run(to.as_deref(), output),
        #[cfg(feature = "local")]
        Command::Model(command) => commands::model::run(command, &settings, output).await,
    }
}
