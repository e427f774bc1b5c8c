//! Blocks of code, with colours where the language is known. The colours are classes; the style sheet has
//! them. What is known of languages is unpacked when the first block is shown, and not before.

use std::fmt::Write;
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use syntect::easy::ScopeRegionIterator;
use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxReference, SyntaxSet};

/// Longer blocks, and longer lines, are shown without colours: no text may keep the server busy.
const BLOCK_BYTES: usize = 24 * 1024;
const LINE_BYTES: usize = 400;
const PATIENCE: Duration = Duration::from_millis(500);

/// What the style sheet knows.
pub const CLASSES: [&str; 7] = ["c", "s", "n", "k", "f", "t", "v"];

static LANGUAGES: LazyLock<SyntaxSet> = LazyLock::new(SyntaxSet::load_defaults_newlines);

/// The first that begins a scope decides.
static COLOURS: LazyLock<Vec<(Scope, &str)>> = LazyLock::new(|| {
    let colours = [
        ("comment", "c"),
        ("string", "s"),
        ("constant.numeric", "n"),
        ("constant.language", "n"),
        ("constant.character", "n"),
        ("entity.name.function", "f"),
        ("support.function", "f"),
        ("variable.function", "f"),
        ("entity.name.tag", "k"),
        ("entity.name", "t"),
        ("entity.other", "t"),
        ("support", "t"),
        ("storage", "k"),
        ("keyword.operator", ""),
        ("keyword", "k"),
        ("variable.parameter", "v"),
    ];
    colours.into_iter().filter_map(|(scope, class)| Some((Scope::new(scope).ok()?, class))).collect()
});

/// A block as HTML.
pub fn block(language: &str, text: &str) -> String {
    let known: String =
        language.chars().filter(|c| c.is_alphanumeric() || "+-#._".contains(*c)).take(24).collect();
    let label = if known.is_empty() { String::new() } else { format!(" data-lang=\"{}\"", escaped(&known)) };
    format!("<pre tabindex=\"0\"{label}><code>{}</code></pre>\n", inside(&known, text))
}

fn inside(language: &str, text: &str) -> String {
    let coloured = (!language.is_empty() && text.len() <= BLOCK_BYTES)
        .then(|| LANGUAGES.find_syntax_by_token(alias(language)))
        .flatten();
    coloured.map_or_else(|| escaped(text), |syntax| colour(syntax, text))
}

/// Languages that are near enough to one that is known.
fn alias(language: &str) -> &str {
    match language.to_ascii_lowercase().as_str() {
        "ts" | "tsx" | "jsx" | "typescript" | "mjs" => "js",
        "console" | "shell" | "zsh" | "sh-session" => "sh",
        "toml" | "ini" => "properties",
        "jsonc" | "json5" => "json",
        "kotlin" | "kt" | "swift" => "java",
        _ => language,
    }
}

fn colour(syntax: &SyntaxReference, text: &str) -> String {
    let began = Instant::now();
    let (mut state, mut scopes) = (ParseState::new(syntax), ScopeStack::new());
    let mut out = Coloured::default();
    let mut rest = text;
    for line in text.split_inclusive('\n') {
        if line.len() > LINE_BYTES || began.elapsed() > PATIENCE {
            break;
        }
        let Ok(found) = state.parse_line(line, &LANGUAGES) else { break };
        for (piece, change) in ScopeRegionIterator::new(&found, line) {
            if scopes.apply(change).is_err() {
                break;
            }
            if !piece.is_empty() {
                out.push(class(&scopes), piece);
            }
        }
        rest = rest.get(line.len()..).unwrap_or_default();
    }
    // What was not looked at is there all the same.
    out.push("", rest);
    out.html()
}

/// Text in colours; pieces of one colour stand together.
#[derive(Default)]
struct Coloured {
    html: String,
    class: &'static str,
    piece: String,
}

impl Coloured {
    fn push(&mut self, class: &'static str, piece: &str) {
        if class != self.class {
            self.flush();
            self.class = class;
        }
        self.piece.push_str(piece);
    }

    fn flush(&mut self) {
        let piece = escaped(&std::mem::take(&mut self.piece));
        if self.class.is_empty() || piece.is_empty() {
            self.html.push_str(&piece);
        } else {
            let _ = write!(self.html, "<span class=\"{}\">{piece}</span>", self.class);
        }
    }

    fn html(mut self) -> String {
        self.flush();
        self.html
    }
}

fn class(scopes: &ScopeStack) -> &'static str {
    let of =
        |scope: &Scope| COLOURS.iter().find(|(begin, _)| begin.is_prefix_of(*scope)).map(|(_, class)| *class);
    scopes.as_slice().iter().rev().find_map(of).unwrap_or_default()
}

/// Text as it stands in HTML, in attributes too.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
