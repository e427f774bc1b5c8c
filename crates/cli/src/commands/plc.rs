//! `maru plc`

mod files;

use super::{in_words, open, rule_in_words};
use crate::arguments::{MastersCommand, PlcCommand};
use crate::output::{Output, counted, table};
use maru_app::Settings;
use maru_app::wire::Wired;
use maru_domain::error::BoxError;
use maru_domain::plcs::{BATCH, BatchReport, Masters, Plc, PlcUuid, RowFailure, RowFault};
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

/// Does what was asked with PLCs.
pub async fn run(command: PlcCommand, settings: &Settings, output: &Output) -> Result<ExitCode, BoxError> {
    let wired = open(settings).await?;
    match command {
        PlcCommand::Import { file } => return import(&wired, &file, output).await,
        PlcCommand::List { plant } => list(&wired, plant.as_deref(), output).await?,
        PlcCommand::Activate { uuid } => set_active(&wired, &uuid, true, output).await?,
        PlcCommand::Deactivate { uuid } => set_active(&wired, &uuid, false, output).await?,
        PlcCommand::Masters(MastersCommand::Import { file }) => {
            import_masters(&wired, &file, output).await?;
        }
        PlcCommand::Masters(MastersCommand::List) => list_masters(&wired, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn import(wired: &Wired, file: &Path, output: &Output) -> Result<ExitCode, BoxError> {
    let drafts = files::plcs(file)?;
    let rows = drafts.len();
    let mut all = BatchReport::default();
    let mut rest = drafts.into_iter();
    loop {
        let batch: Vec<_> = rest.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            break;
        }
        let before = all.done + all.failed.len();
        let report = wired.services.plcs.register(batch).await.map_err(|fault| in_words(&fault))?;
        all.done += report.done;
        let failed = report.failed.into_iter();
        all.failed.extend(failed.map(|row| RowFailure { index: row.index + before, ..row }));
        if rows > BATCH {
            output.hint(&format!("{} of {rows} rows\n", all.done + all.failed.len()));
        }
    }
    report(&all, output);
    Ok(if all.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says what became of each row; rows count from 1, without the head line.
fn report(report: &BatchReport, output: &Output) {
    let failed: Vec<Value> = report
        .failed
        .iter()
        .map(|row| json!({ "row": row.index + 1, "plc_id": row.plc_id, "error": why(&row.fault) }))
        .collect();
    let lines: Vec<String> = report
        .failed
        .iter()
        .map(|row| format!("row {}: {}: {}", row.index + 1, row.plc_id, why(&row.fault)))
        .chain([format!("registered {}, refused {}", report.done, report.failed.len())])
        .collect();
    output.say(&json!({ "registered": report.done, "refused": failed }), &lines.join("\n"));
}

fn why(fault: &RowFault) -> String {
    match fault {
        RowFault::Field(field, rule) => format!("{field} {}", rule_in_words(*rule)),
        RowFault::UnknownLine => {
            "there is no such line of that process of that plant; `maru plc masters list` shows them"
                .to_owned()
        }
        RowFault::Taken => "another PLC has this plc_id or plc_uuid".to_owned(),
        RowFault::Missing => "there is no such PLC".to_owned(),
    }
}

async fn list(wired: &Wired, plant: Option<&str>, output: &Output) -> Result<(), BoxError> {
    let mut all = wired.services.plcs.all().await.map_err(|fault| in_words(&fault))?;
    all.retain(|plc| plant.is_none_or(|plant| plc.plant.id == plant));
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    let text = table(&["UUID", "ID", "NAME", "PLANT", "PROCESS", "LINE", "UNIT", "STATE"], &rows);
    output.say(&Value::Array(all.iter().map(shape).collect()), &text);
    Ok(())
}

async fn set_active(wired: &Wired, uuid: &str, active: bool, output: &Output) -> Result<(), BoxError> {
    let uuid = PlcUuid::parse(uuid).ok_or("a plc_uuid is 1 to 50 characters")?;
    let plc = wired.services.plcs.set_active(uuid, active).await.map_err(|fault| in_words(&fault))?;
    let state = if active { "active" } else { "inactive; messages show nothing of it" };
    output.say(&shape(&plc), &format!("{} is {state}", plc.plc_id));
    Ok(())
}

async fn import_masters(wired: &Wired, file: &Path, output: &Output) -> Result<(), BoxError> {
    let masters = files::masters(file)?;
    let (plants, processes, lines) = (masters.plants.len(), masters.processes.len(), masters.lines.len());
    wired.services.plcs.put_masters(masters).await.map_err(|fault| in_words(&fault))?;
    output.say(
        &json!({ "plants": plants, "processes": processes, "lines": lines }),
        &format!(
            "{}, {} and {} are in the database",
            counted(plants, "plant"),
            counted(processes, "process"),
            counted(lines, "line")
        ),
    );
    Ok(())
}

async fn list_masters(wired: &Wired, output: &Output) -> Result<(), BoxError> {
    let masters = wired.services.plcs.masters().await.map_err(|fault| in_words(&fault))?;
    let (value, rows) = masters_shape(&masters);
    output.say(&value, &table(&["KIND", "ID", "CODE", "NAME", "OF"], &rows));
    Ok(())
}

fn masters_shape(masters: &Masters) -> (Value, Vec<Vec<String>>) {
    let cells = |cells: [&str; 5]| cells.map(str::to_owned).to_vec();
    let plants = masters.plants.iter().map(|one| cells(["plant", &one.id, &one.code, &one.name, ""]));
    let processes =
        masters.processes.iter().map(|one| cells(["process", &one.id, &one.code, &one.name, &one.plant_id]));
    let lines =
        masters.lines.iter().map(|one| cells(["line", &one.id, &one.code, &one.name, &one.process_id]));
    let value = json!({
        "plants": masters.plants.iter().map(|one| json!({"id": one.id, "code": one.code, "name": one.name})).collect::<Vec<_>>(),
        "processes": masters.processes.iter().map(|one| json!({"id": one.id, "code": one.code, "name": one.name, "plant_id": one.plant_id})).collect::<Vec<_>>(),
        "lines": masters.lines.iter().map(|one| json!({"id": one.id, "code": one.code, "name": one.name, "process_id": one.process_id})).collect::<Vec<_>>(),
    });
    (value, plants.chain(processes).chain(lines).collect())
}

fn shape(plc: &Plc) -> Value {
    json!({
        "plc_uuid": plc.uuid,
        "plc_id": plc.plc_id,
        "plc_name": plc.name,
        "plant_id": plc.plant.id,
        "process_id": plc.process.id,
        "line_id": plc.line.id,
        "unit": plc.unit,
        "is_active": plc.active,
        "created_at": plc.created_at,
    })
}

fn row(plc: &Plc) -> Vec<String> {
    vec![
        plc.uuid.to_string(),
        plc.plc_id.clone(),
        plc.name.clone(),
        plc.plant.name.clone(),
        plc.process.name.clone(),
        plc.line.name.clone(),
        plc.unit.clone().unwrap_or_default(),
        if plc.active { "active" } else { "inactive" }.to_owned(),
    ]
}
