//! What can be said of accounts and their keys.

use clap::Subcommand;

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
