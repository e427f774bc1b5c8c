//! `maru model`

use crate::arguments::ModelCommand;
use crate::output::{Output, table};
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use maru_app::Settings;
use maru_app::models::{CATALOGUE, Catalogue, Entry, Progress, PullError, Pulled, catalogue};
use maru_domain::error::BoxError;
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

/// Does what was asked with models.
pub async fn run(command: ModelCommand, settings: &Settings, output: &Output) -> Result<ExitCode, BoxError> {
    let catalogue = catalogue(settings);
    match command {
        ModelCommand::List => list(&catalogue, output),
        ModelCommand::Pull { name, from } => {
            let pulled = pull(&catalogue, &name, from.as_deref(), output).await?;
            let path = pulled.path.display();
            let text = match &pulled.source {
                Some(source) => {
                    format!("{name} is here, from {source}\n{path}\ntry it: maru serve --model {name}")
                }
                None => format!("{name} is here already\n{path}"),
            };
            output.say(&json!({ "name": name, "path": pulled.path, "source": pulled.source }), &text);
        }
        ModelCommand::Rm { name } => {
            let freed = catalogue.remove(&name)?;
            let text = if freed > 0 {
                format!("{name} is removed; {} are free again", HumanBytes(freed))
            } else {
                format!("{name} was not here")
            };
            output.say(&json!({ "name": name, "freed": freed }), &text);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(catalogue: &Catalogue, output: &Output) {
    let shape = |entry: &Entry| {
        json!({
            "name": entry.name, "about": entry.about, "licence": entry.licence, "bytes": entry.bytes,
            "sha256": entry.sha256, "here": catalogue.has(entry), "path": catalogue.path(entry),
        })
    };
    let row = |entry: &Entry| {
        let here = if catalogue.has(entry) { "here" } else { "-" };
        let size = HumanBytes(entry.bytes).to_string();
        vec![entry.name.to_owned(), size, entry.licence.to_owned(), here.to_owned(), entry.about.to_owned()]
    };
    let rows: Vec<Vec<String>> = CATALOGUE.iter().map(row).collect();
    let text = table(&["NAME", "SIZE", "LICENCE", "STATE", "WHAT"], &rows);
    output.say(&Value::Array(CATALOGUE.iter().map(shape).collect()), &text);
}

async fn pull(
    catalogue: &Catalogue,
    name: &str,
    from: Option<&Path>,
    output: &Output,
) -> Result<Pulled, PullError> {
    let bar = Bar::new(output);
    if let Some(entry) = Catalogue::entry(name).filter(|entry| !catalogue.has(entry)) {
        bar.tell(&format!("{}: {}, licence {}", entry.name, HumanBytes(entry.bytes), entry.licence));
    }
    let pulled = catalogue.pull(name, from, &bar).await;
    bar.bar.finish_and_clear();
    pulled
}

/// Before serving: a default model of the catalogue is fetched when it is not here. When it cannot be,
/// the demo answers, and one line says so: a server that answers is better than none.
pub async fn fetch_default(settings: &mut Settings, output: &Output) {
    let model = settings.llm.model.clone();
    let catalogue = catalogue(settings);
    let Some(entry) = Catalogue::entry(&model).filter(|entry| !catalogue.has(entry)) else { return };
    // A model of that name in the settings needs no catalogue.
    if maru_app::wire::models(settings).is_ok() {
        return;
    }
    if let Err(error) = pull(&catalogue, entry.name, None, output).await {
        let line = error.to_string().replace('\n', " ");
        output.hint(&format!("{line}; the demo model answers instead\n"));
        settings.llm.model = "demo".to_owned();
    }
}

/// How far it is: a bar at a terminal, else a line for each source.
struct Bar {
    bar: ProgressBar,
    lines: bool,
}

impl Bar {
    fn new(output: &Output) -> Self {
        let terminal = std::io::stderr().is_terminal() && !output.json;
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template(
            "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left  {msg}",
        );
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, lines: !output.json }
    }

    fn tell(&self, line: &str) {
        if self.lines {
            let output = Output { json: false };
            self.bar.suspend(|| output.hint(&format!("{line}\n")));
        }
    }
}

impl Progress for Bar {
    fn asks(&self, source: &str) {
        self.bar.reset();
        self.tell(&format!("asking {source}"));
    }

    fn has(&self, bytes: u64, of: u64) {
        self.bar.set_length(of);
        self.bar.set_position(bytes);
    }
}
