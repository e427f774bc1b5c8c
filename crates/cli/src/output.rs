//! How commands speak: lines for people, JSON for scripts, complaints to standard error.

use serde_json::{Value, json};
use std::io::{BufWriter, ErrorKind, Write, stderr, stdout};

/// How commands speak.
pub struct Output {
    /// JSON for scripts.
    pub json: bool,
}

/// Whoever listened may have gone (`maru user list | head -1`): that is no fault, and the printing macros panic.
fn write(mut to: impl Write, text: std::fmt::Arguments<'_>) {
    let _ = to.write_fmt(text).and_then(|()| to.flush());
}

/// A listener who has gone wanted no more.
fn unless_gone(written: std::io::Result<()>) -> std::io::Result<()> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

impl Output {
    /// A result: `value` for scripts, `text` for people.
    pub fn say(&self, value: &Value, text: &str) {
        if self.json {
            write(stdout(), format_args!("{value}\n"));
        } else if !text.is_empty() {
            write(stdout(), format_args!("{}\n", text.trim_end()));
        }
    }

    /// Lines of JSON for whoever keeps them: what is kept must be whole, so a full disk is an error here.
    pub fn lines(mut values: impl Iterator<Item = Value>) -> std::io::Result<()> {
        let mut to = BufWriter::new(stdout().lock());
        let written = values.try_for_each(|value| writeln!(to, "{value}"));
        unless_gone(written.and_then(|()| to.flush()))
    }

    /// The same for a text.
    pub fn whole(text: &[u8]) -> std::io::Result<()> {
        let mut to = stdout().lock();
        unless_gone(to.write_all(text).and_then(|()| to.flush()))
    }

    /// What went wrong, with what to do next.
    pub fn complain(&self, text: &str) {
        if self.json {
            write(stderr(), format_args!("{}\n", json!({ "error": text })));
        } else {
            write(stderr(), format_args!("error: {text}\n"));
        }
    }

    /// A question or a hint to a person at a terminal.
    pub fn hint(&self, text: &str) {
        if !self.json {
            write(stderr(), format_args!("{text}"));
        }
    }
}

/// `1 room`, `2 rooms`: a count with its word.
#[must_use]
pub fn counted(count: impl TryInto<i128>, what: &str) -> String {
    let count = count.try_into().unwrap_or(i128::MAX);
    match what {
        _ if count == 1 => format!("1 {what}"),
        _ if what.ends_with('s') => format!("{count} {what}es"),
        _ => format!("{count} {what}s"),
    }
}

/// Columns for people, as wide as their widest cell.
#[must_use]
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([head.get(column).map_or(0, |cell| cell.chars().count())]).max().unwrap_or(0)
    };
    let line = |cells: Vec<&str>| {
        let padded =
            cells.iter().enumerate().map(|(column, cell)| format!("{cell:<width$}", width = width(column)));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let rows = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    std::iter::once(line(head.to_vec())).chain(rows).collect::<Vec<_>>().join("\n")
}
