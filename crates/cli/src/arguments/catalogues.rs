//! What can be said of quotes and of PLCs.

use clap::Subcommand;
use std::path::PathBuf;

/// What to do with quotes.
#[derive(Subcommand)]
pub enum QuoteCommand {
    /// List the catalogue.
    List {
        /// Only this category: hope, motivation, productivity or resilience.
        #[arg(long)]
        category: Option<String>,
    },
    /// Add the quotes of a file, and say of each row what became of it; exits with 1 when one was refused.
    Import {
        /// A .csv file with a head, or a .json array: text, author, category and maybe source.
        file: PathBuf,
    },
}

/// What to do with PLCs.
#[derive(Subcommand)]
pub enum PlcCommand {
    /// Register PLCs out of a file; each row stands for itself.
    ///
    /// CSV with a head line, or JSON: a list, or {"items": […]}. Columns: plc_id, plc_name, plant_id,
    /// process_id, line_id, and as you like unit, create_user and plc_uuid. Exits with 1 when a row
    /// was refused.
    Import {
        /// A .csv or .json file.
        file: PathBuf,
    },
    /// List PLCs.
    List {
        /// Only those of this plant.
        #[arg(long, value_name = "ID")]
        plant: Option<String>,
    },
    /// Show a PLC in messages again.
    Activate {
        /// Which, by its plc_uuid.
        uuid: String,
    },
    /// Hide a PLC in all messages, old ones too.
    Deactivate {
        /// Which, by its plc_uuid.
        uuid: String,
    },
    /// Plants, processes and lines.
    #[command(subcommand)]
    Masters(MastersCommand),
}

/// What to do with plants, processes and lines.
#[derive(Subcommand)]
pub enum MastersCommand {
    /// Add masters, or give those of the same id their new fields; all or nothing.
    ///
    /// JSON {"plants": […], "processes": […], "lines": […]}, or CSV with a head line and a row for
    /// each line: plant_id, plant_code, plant_name, process_id, process_code, process_name, line_id,
    /// line_code, line_name.
    Import {
        /// A .csv or .json file.
        file: PathBuf,
    },
    /// List plants, processes and lines.
    List,
}
