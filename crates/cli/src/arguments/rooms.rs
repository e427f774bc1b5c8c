//! What can be said of rooms: one of them, those that are old, and those that come from elsewhere.

use clap::{Args, Subcommand, ValueEnum};
use std::num::NonZeroUsize;
use std::path::PathBuf;

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
