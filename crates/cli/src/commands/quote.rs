//! `maru quote`

use super::{field_in_words, in_words, open};
use crate::arguments::QuoteCommand;
use crate::output::{Output, table};
use maru_app::Settings;
use maru_domain::error::BoxError;
use maru_domain::page::{MAX_LIMIT, Order, PageRequest, Part};
use maru_domain::quotes::{Category, Imported, NewQuote, Quote, Quotes};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

/// Does what was asked with quotes.
pub async fn run(command: QuoteCommand, settings: &Settings, output: &Output) -> Result<ExitCode, BoxError> {
    let wired = open(settings).await?;
    let quotes = &wired.services.quotes;
    match command {
        QuoteCommand::List { category } => list(quotes, category.as_deref(), output).await,
        QuoteCommand::Import { file } => import(quotes, &file, output).await,
    }
}

async fn list(quotes: &Quotes, category: Option<&str>, output: &Output) -> Result<ExitCode, BoxError> {
    let category = category.map(|word| {
        let known = Category::ALL.map(Category::as_str).join(", ");
        Category::parse(word).ok_or_else(|| format!("there is no category {word:?}; there are {known}"))
    });
    let category = category.transpose()?;
    let (mut all, mut part) = (Vec::new(), Part::Start);
    loop {
        let request = PageRequest { limit: MAX_LIMIT, order: Order::Ascending, part };
        let page = quotes.page(category, request).await.map_err(|fault| in_words(&fault))?;
        all.extend(page.items);
        match all.last() {
            Some(last) if page.has_more => part = Part::After(last.id),
            _ => break,
        }
    }
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    let text = table(&["ID", "CATEGORY", "AUTHOR", "TEXT"], &rows);
    output.say(&Value::Array(all.iter().map(shape).collect()), &text);
    Ok(ExitCode::SUCCESS)
}

fn row(quote: &Quote) -> Vec<String> {
    vec![
        quote.id.to_string(),
        quote.category.as_str().to_owned(),
        quote.author.clone(),
        quote.text.replace(['\n', '\r', '\t'], " "),
    ]
}

/// A quote as JSON, wherever one is shown.
pub fn shape(quote: &Quote) -> Value {
    json!({
        "id": quote.id.to_string(),
        "text": quote.text,
        "author": quote.author,
        "category": quote.category.as_str(),
        "source": quote.source,
    })
}

/// A row of a file, as it came.
#[derive(Deserialize)]
struct FileRow {
    text: String,
    author: String,
    category: String,
    source: Option<String>,
}

/// A quote of a row, or what is wrong with it.
type Checked = Result<NewQuote, String>;

async fn import(quotes: &Quotes, file: &Path, output: &Output) -> Result<ExitCode, BoxError> {
    let rows = read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let good: Vec<NewQuote> = rows.iter().filter_map(|row| row.as_ref().ok().cloned()).collect();
    let mut imported = quotes.import(good).await.map_err(|fault| in_words(&fault))?.into_iter();
    let report: Vec<(&str, String)> = rows
        .iter()
        .map(|row| match row {
            Err(wrong) => ("refused", wrong.clone()),
            Ok(_) => match imported.next() {
                Some(Imported::Added(quote)) => ("added", quote.id.to_string()),
                Some(Imported::Known(quote)) => ("known", quote.id.to_string()),
                None => ("refused", "was not answered for".to_owned()),
            },
        })
        .collect();
    tell(&report, output);
    let refused = report.iter().any(|(outcome, _)| *outcome == "refused");
    Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Rows are counted from one, without the head of a CSV file.
fn tell(report: &[(&str, String)], output: &Output) {
    let count = |wanted: &str| report.iter().filter(|(outcome, _)| *outcome == wanted).count();
    let (added, known, refused) = (count("added"), count("known"), count("refused"));
    let rows = report.iter().enumerate().map(|(index, (outcome, what))| {
        let what = if *outcome == "refused" { ("error", what) } else { ("id", what) };
        json!({ "row": index + 1, "outcome": outcome, what.0: what.1 })
    });
    let value =
        json!({ "added": added, "known": known, "refused": refused, "rows": rows.collect::<Vec<_>>() });
    let lines = report.iter().enumerate().map(|(index, (outcome, what))| {
        let what = if *outcome == "refused" { what.clone() } else { format!("quote {what}") };
        format!("row {}: {outcome}: {what}", index + 1)
    });
    let lines: Vec<String> = lines.collect();
    output.say(&value, &format!("{}\n{added} added, {known} known, {refused} refused", lines.join("\n")));
}

fn read(file: &Path) -> Result<Vec<Checked>, BoxError> {
    let bytes = std::fs::read(file)?;
    let kind = file.extension().and_then(|kind| kind.to_str()).unwrap_or_default().to_lowercase();
    match kind.as_str() {
        "csv" => from_csv(&bytes),
        "json" => from_json(&bytes),
        _ => Err("the file's name must end in .csv or .json".into()),
    }
}

fn from_csv(bytes: &[u8]) -> Result<Vec<Checked>, BoxError> {
    // Spreadsheets put a byte order mark before the head.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(bytes);
    let head = reader.headers()?.clone();
    for name in ["text", "author", "category"] {
        if !head.iter().any(|known| known == name) {
            return Err(format!("the first line must name the columns; {name} is missing").into());
        }
    }
    let rows = reader.into_deserialize::<FileRow>();
    Ok(rows.map(|row| row.map_err(|error| error.to_string()).and_then(|row| checked(&row))).collect())
}

fn from_json(bytes: &[u8]) -> Result<Vec<Checked>, BoxError> {
    let rows: Vec<Value> = serde_json::from_slice(bytes).map_err(|error| {
        format!("must be a JSON array of objects with text, author and category: {error}")
    })?;
    let row = |row: Value| serde_json::from_value::<FileRow>(row).map_err(|error| error.to_string());
    Ok(rows.into_iter().map(|value| row(value).and_then(|row| checked(&row))).collect())
}

fn checked(row: &FileRow) -> Checked {
    NewQuote::of(&row.text, &row.author, &row.category, row.source.as_deref())
        .map_err(|faults| faults.iter().map(field_in_words).collect::<Vec<_>>().join("; "))
}
