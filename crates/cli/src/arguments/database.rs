//! What can be said of the database as a whole.

use clap::Args;
use std::path::PathBuf;

/// How to migrate.
#[derive(Args)]
pub struct MigrateArguments {
    /// Only say what is missing; exits with 1 when something is.
    #[arg(long)]
    pub status: bool,
}

/// Where a backup goes.
#[derive(Args)]
pub struct BackupArguments {
    /// A file that is not there yet; maru-DATE-TIME.db in this directory when not said.
    #[arg(value_name = "FILE")]
    pub to: Option<PathBuf>,
}

/// Which backup is put back.
#[derive(Args)]
pub struct RestoreArguments {
    /// What `maru backup` has written, or any copy of a SQLite database of maru's.
    #[arg(value_name = "FILE")]
    pub from: PathBuf,
    /// Replace the database that is there. It is kept beside it, under another name.
    #[arg(long)]
    pub overwrite: bool,
}

/// From where to where.
#[derive(Args)]
pub struct MoveArguments {
    /// The database that there is: sqlite:PATH or postgres://user:password@host/name.
    #[arg(long, value_name = "URL")]
    pub from: String,
    /// An empty one of the other kind; a SQLite file is made.
    #[arg(long, value_name = "URL")]
    pub to: String,
    /// Forget what a move that was cut off has left in the new place.
    #[arg(long)]
    pub start_over: bool,
}
