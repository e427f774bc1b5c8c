//! `maru manual` and `maru completions`: what the parser knows of itself.

use crate::arguments::Arguments;
use crate::output::Output;
use clap::CommandFactory;
use maru_domain::error::BoxError;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

/// Prints what makes a shell complete the commands.
pub fn completions(shell: clap_complete::Shell) -> Result<ExitCode, BoxError> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "maru", &mut text);
    Output::whole(&text).map_err(|error| format!("the completions are not whole: {error}"))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the manual page, or writes one for each command.
pub fn run(to: Option<&Path>, output: &Output) -> Result<ExitCode, BoxError> {
    let Some(directory) = to else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Arguments::command()).render(&mut page)?;
        Output::whole(&page).map_err(|error| format!("the page is not whole: {error}"))?;
        return Ok(ExitCode::SUCCESS);
    };
    let wrong = |error: std::io::Error| format!("{}: {error}", directory.display());
    std::fs::create_dir_all(directory).map_err(wrong)?;
    clap_mangen::generate_to(Arguments::command(), directory).map_err(wrong)?;
    let text = format!(
        "the pages are in {}; read them with `man {}/maru.1`",
        directory.display(),
        directory.display()
    );
    output.say(&json!({ "directory": directory.display().to_string() }), &text);
    Ok(ExitCode::SUCCESS)
}
