//! Yardsticks that are written in Python (`yardsticks/<name>`).

use crate::files::{self, Workplace};
use maru_domain::error::BoxError;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The directory with the programs of a virtual environment that has what a yardstick requires. The first run
/// installs it into the build directory.
pub fn environment(place: &Workplace, yardstick: &str) -> Result<PathBuf, BoxError> {
    let requirements = files::yardsticks().join(yardstick).join("requirements.txt");
    let (environment, wanted) =
        (place.kept(&format!("bench-{yardstick}")), std::fs::read_to_string(&requirements)?);
    let (bin, stamp) = (environment.join("bin"), environment.join("installed.txt"));
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(bin);
    }
    eprintln!("installing the yardstick {yardstick} into {}", environment.display());
    let steps = [
        Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment).output(),
        Command::new(bin.join("pip")).args(["install", "--quiet", "-r"]).arg(&requirements).output(),
    ];
    for output in steps {
        let output = output.map_err(|error| format!("python3 with venv and pip is needed: {error}"))?;
        if !output.status.success() {
            return Err(format!("no yardstick: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
    }
    std::fs::write(stamp, wanted)?;
    Ok(bin)
}

/// A program of a yardstick that says `ready` and then answers line by line, in JSON.
pub struct Program {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Program {
    /// Starts one and waits until it is ready.
    pub fn start(
        place: &Workplace,
        yardstick: &str,
        file: &str,
        arguments: &[String],
    ) -> Result<Self, BoxError> {
        let mut command = Command::new(environment(place, yardstick)?.join("python"));
        command.arg(files::yardsticks().join(yardstick).join(file)).args(arguments);
        command.env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let questions = child.stdin.take().ok_or("the yardstick hears nothing")?;
        let answers = BufReader::new(child.stdout.take().ok_or("the yardstick says nothing")?);
        let mut program = Self { child, questions, answers };
        if program.line()?.trim() != "ready" {
            return Err(format!("the yardstick {yardstick} does not start").into());
        }
        Ok(program)
    }

    /// Asks one thing.
    pub fn ask(&mut self, question: &Value) -> Result<Value, BoxError> {
        writeln!(self.questions, "{question}")?;
        Ok(serde_json::from_str(&self.line()?)?)
    }

    fn line(&mut self) -> Result<String, BoxError> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err("the yardstick has ended".into());
        }
        Ok(line)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
