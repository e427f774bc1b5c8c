//! A command line that was not understood: in clap's words for people, in one line of JSON for scripts.

use crate::output::Output;
use clap::error::ErrorKind;
use std::ffi::OsString;
use std::process::ExitCode;

/// Whether JSON was asked for, on a line that could not be read.
fn wants_json(arguments: impl Iterator<Item = OsString>) -> bool {
    arguments.take_while(|argument| argument != "--").any(|argument| argument == "--json")
}

/// Says what was wrong. Help and the version are no mistakes.
pub fn refuse(error: &clap::Error) -> ExitCode {
    let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if asked || !wants_json(std::env::args_os().skip(1)) {
        // Whoever listened may have gone.
        let _ = error.print();
        return if asked { ExitCode::SUCCESS } else { ExitCode::from(2) };
    }
    let words = match error.kind() {
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            "a command is missing; --help lists them".to_owned()
        }
        _ => one_line(&error.render().to_string()),
    };
    Output { json: true }.complain(&words);
    ExitCode::from(2)
}

/// Clap's words without their frame.
fn one_line(words: &str) -> String {
    let words = words.strip_prefix("error: ").unwrap_or(words);
    let lines = words.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines.take_while(|line| !line.starts_with("For more information")).collect();
    lines.join("; ").replace(":; ", ": ")
}
