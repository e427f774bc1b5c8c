//! The table and the JSON.

use crate::rounds::{Rounds, median};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// The ratio to the yardstick, or more.
    Ratio(f64),
    /// The ratio to the yardstick, or less.
    RatioAtMost(f64),
    /// Our own figure, or less.
    AtMost(f64),
    /// Only told.
    None,
}

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Figure {
    /// The scenario and, after a colon, what of it.
    pub name: String,
    /// What is counted.
    pub unit: &'static str,
    /// What was measured.
    pub rounds: Rounds,
    /// What it should be.
    pub target: Target,
    /// What a reader should know besides.
    pub note: String,
}

impl Figure {
    /// True or false when there is a target.
    pub fn met(&self) -> Option<bool> {
        match self.target {
            Target::Ratio(least) => Some(self.rounds.ratio()? >= least),
            Target::RatioAtMost(most) => Some(self.rounds.ratio()? <= most),
            Target::AtMost(most) => Some(median(&self.rounds.ours)? <= most),
            Target::None => None,
        }
    }

    fn cells(&self) -> [String; 8] {
        let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), shown);
        let ratios = self.rounds.ratios();
        let spread = match (ratios.iter().copied().reduce(f64::min), ratios.iter().copied().reduce(f64::max))
        {
            (Some(least), Some(most)) if ratios.len() > 1 => format!("{}–{}", shown(least), shown(most)),
            _ => "–".to_owned(),
        };
        [
            self.name.clone(),
            self.unit.to_owned(),
            number(median(&self.rounds.ours)),
            number(median(&self.rounds.yardstick)),
            number(self.rounds.ratio()),
            spread,
            match self.target {
                Target::Ratio(least) => format!("ratio ≥ {least}"),
                Target::RatioAtMost(most) => format!("ratio ≤ {most}"),
                Target::AtMost(most) => format!("≤ {most}"),
                Target::None => "–".to_owned(),
            },
            match self.met() {
                Some(true) => "yes".to_owned(),
                Some(false) => "NO".to_owned(),
                None => String::new(),
            },
        ]
    }

    fn json(&self) -> Value {
        let target = match self.target {
            Target::Ratio(least) => json!({ "ratio_at_least": least }),
            Target::RatioAtMost(most) => json!({ "ratio_at_most": most }),
            Target::AtMost(most) => json!({ "at_most": most }),
            Target::None => Value::Null,
        };
        json!({
            "name": self.name,
            "unit": self.unit,
            "ours": median(&self.rounds.ours),
            "yardstick": median(&self.rounds.yardstick),
            "ratio": self.rounds.ratio(),
            "target": target,
            "met": self.met(),
            "note": self.note,
            "rounds": { "ours": self.rounds.ours, "yardstick": self.rounds.yardstick },
        })
    }
}

/// Three digits that say something.
fn shown(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value if value >= 0.1 => format!("{value:.2}"),
        value => format!("{value:.4}"),
    }
}

/// The figures for people: medians of the rounds, and under the table what should be known besides.
pub fn table(figures: &[Figure]) -> String {
    let head =
        ["scenario", "unit", "ours", "yardstick", "ratio", "spread", "target", "met"].map(str::to_owned);
    let mut rows = vec![head];
    rows.extend(figures.iter().map(Figure::cells));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..8).map(width).collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
        if number == 0 {
            let _ = writeln!(
                text,
                "{}",
                widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>().join("  ")
            );
        }
    }
    for figure in figures.iter().filter(|figure| !figure.note.is_empty()) {
        let _ = write!(text, "\n{}: {}", figure.name, figure.note);
    }
    text
}

/// The figures for programs, with every round.
pub fn json(figures: &[Figure]) -> Result<String, serde_json::Error> {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let figures: Vec<Value> = figures.iter().map(Figure::json).collect();
    serde_json::to_string_pretty(&json!({ "processors": processors, "figures": figures }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(target: Target) -> Figure {
        let rounds = Rounds { ours: vec![60.0, 80.0], yardstick: vec![1.0, 2.0] };
        Figure { name: "a".to_owned(), unit: "requests/s", rounds, target, note: String::new() }
    }

    #[test]
    fn a_target_is_for_the_ratio_or_for_ours() {
        assert_eq!(figure(Target::Ratio(50.0)).met(), Some(true));
        assert_eq!(figure(Target::Ratio(50.1)).met(), Some(false));
        assert_eq!(figure(Target::RatioAtMost(50.0)).met(), Some(true));
        assert_eq!(figure(Target::AtMost(70.0)).met(), Some(true));
        assert_eq!(figure(Target::None).met(), None);
    }

    #[test]
    fn the_table_says_what_the_json_says() {
        let figures = [figure(Target::Ratio(50.0))];
        let table = table(&figures);
        assert!(table.contains("ratio ≥ 50") && table.contains("40.0–60.0"), "{table}");
        let json: Value = serde_json::from_str(&json(&figures).unwrap()).unwrap();
        assert_eq!(json["figures"][0]["ratio"], 50.0);
    }
}
