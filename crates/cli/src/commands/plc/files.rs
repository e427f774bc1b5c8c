//! PLCs and masters out of CSV and JSON files. What the fields hold is checked by the use cases.

use maru_domain::error::BoxError;
use maru_domain::plcs::{Line, Masters, Plant, PlcDraft, Process};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::Path;

/// A PLC as a file has it. A field that is missing is empty, so that its row says so.
#[derive(Deserialize)]
struct PlcRow {
    plc_uuid: Option<String>,
    #[serde(default)]
    plc_id: String,
    #[serde(default)]
    plc_name: String,
    #[serde(default)]
    plant_id: String,
    #[serde(default)]
    process_id: String,
    #[serde(default)]
    line_id: String,
    unit: Option<String>,
    create_user: Option<String>,
}

/// The two forms of a JSON file.
#[derive(Deserialize)]
#[serde(untagged)]
enum PlcFile {
    Items { items: Vec<PlcRow> },
    List(Vec<PlcRow>),
}

#[derive(Deserialize)]
struct PlantRow {
    id: String,
    code: String,
    name: String,
}

#[derive(Deserialize)]
struct ProcessRow {
    id: String,
    code: String,
    name: String,
    plant_id: String,
}

#[derive(Deserialize)]
struct LineRow {
    id: String,
    code: String,
    name: String,
    process_id: String,
}

#[derive(Deserialize)]
struct MastersFile {
    #[serde(default)]
    plants: Vec<PlantRow>,
    #[serde(default)]
    processes: Vec<ProcessRow>,
    #[serde(default)]
    lines: Vec<LineRow>,
}

/// A line with everything above it, as a spreadsheet has it.
#[derive(Deserialize)]
struct PlaceRow {
    plant_id: String,
    plant_code: String,
    plant_name: String,
    process_id: String,
    process_code: String,
    process_name: String,
    line_id: String,
    line_code: String,
    line_name: String,
}

/// The PLCs of a file.
///
/// # Errors
/// In words for the person who named it.
pub fn plcs(file: &Path) -> Result<Vec<PlcDraft>, BoxError> {
    let rows = if is_csv(file)? {
        csv_rows(file)?
    } else {
        match json(file)? {
            PlcFile::Items { items } | PlcFile::List(items) => items,
        }
    };
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let draft = |row: PlcRow| PlcDraft {
        uuid: filled(row.plc_uuid),
        plc_id: row.plc_id,
        name: row.plc_name,
        unit: filled(row.unit),
        plant_id: row.plant_id,
        process_id: row.process_id,
        line_id: row.line_id,
        by: filled(row.create_user).unwrap_or_else(|| "import".to_owned()),
    };
    Ok(rows.into_iter().map(draft).collect())
}

/// The masters of a file.
///
/// # Errors
/// In words for the person who named it.
pub fn masters(file: &Path) -> Result<Masters, BoxError> {
    if is_csv(file)? {
        return Ok(places(csv_rows(file)?));
    }
    let MastersFile { plants, processes, lines } = json(file)?;
    Ok(Masters {
        plants: plants.into_iter().map(|row| Plant { id: row.id, code: row.code, name: row.name }).collect(),
        processes: processes
            .into_iter()
            .map(|row| Process { id: row.id, code: row.code, name: row.name, plant_id: row.plant_id })
            .collect(),
        lines: lines
            .into_iter()
            .map(|row| Line { id: row.id, code: row.code, name: row.name, process_id: row.process_id })
            .collect(),
    })
}

/// Each plant and process once, as its last row has it.
fn places(rows: Vec<PlaceRow>) -> Masters {
    let (mut plants, mut processes, mut lines) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for row in rows {
        let plant = Plant { id: row.plant_id.clone(), code: row.plant_code, name: row.plant_name };
        plants.insert(plant.id.clone(), plant);
        let process = Process {
            id: row.process_id.clone(),
            code: row.process_code,
            name: row.process_name,
            plant_id: row.plant_id,
        };
        processes.insert(process.id.clone(), process);
        let line =
            Line { id: row.line_id, code: row.line_code, name: row.line_name, process_id: row.process_id };
        lines.insert(line.id.clone(), line);
    }
    Masters {
        plants: plants.into_values().collect(),
        processes: processes.into_values().collect(),
        lines: lines.into_values().collect(),
    }
}

fn is_csv(file: &Path) -> Result<bool, BoxError> {
    let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "csv" => Ok(true),
        "json" => Ok(false),
        _ => Err(format!("{} ends neither with .csv nor with .json", file.display()).into()),
    }
}

fn read(file: &Path) -> Result<String, BoxError> {
    let bytes = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_| format!("{} is not UTF-8; save it as CSV UTF-8", file.display()))?;
    // Spreadsheets begin their UTF-8 with a mark.
    Ok(text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned))
}

fn json<T: DeserializeOwned>(file: &Path) -> Result<T, BoxError> {
    serde_json::from_str(&read(file)?).map_err(|error| format!("{}: {error}", file.display()).into())
}

fn csv_rows<T: DeserializeOwned>(file: &Path) -> Result<Vec<T>, BoxError> {
    let text = read(file)?;
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let rows = reader.deserialize().collect::<Result<_, csv::Error>>();
    rows.map_err(|error| format!("{}: {error}", file.display()).into())
}
