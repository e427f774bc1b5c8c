//! Models that run inside this process, on the CPU: chat models out of GGUF files (Llama, Qwen2,
//! Qwen3) and T5 out of a folder of safetensors. Knows nothing of rooms, turns or HTTP: `maru-llm`
//! makes the domain's models of it. Why it is our own and not a framework: ADR 0018.

mod arithmetic;
pub mod chat;
mod gguf;
mod matrix;
mod quant;
mod sampling;
pub mod t5;
mod threads;

pub use gguf::{Gguf, Value};
pub use sampling::{Sampler, Sampling};
pub use threads::Threads;

use std::path::{Path, PathBuf};

/// Why a model cannot be used or does not answer.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// A file that cannot be read.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file that is not what it should be.
    #[error("{path}: {why}")]
    Format {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// What was asked does not fit.
    #[error("{0}")]
    Refused(String),
    /// Too many wait already.
    #[error("too many replies wait for this model")]
    Busy,
    /// The worker has died; should not happen.
    #[error("the model's worker has stopped")]
    Stopped,
}

impl LocalError {
    fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::File { path: path.to_owned(), source }
    }

    fn format(path: &Path, why: impl Into<String>) -> Self {
        // What is wrong may quote the file, and a file can hold anything: one line, and a short one.
        let readable = |c: char| if c.is_control() { '\u{FFFD}' } else { c };
        Self::Format { path: path.to_owned(), why: why.into().chars().map(readable).take(300).collect() }
    }
}

/// What a reply has cost, in tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Tokens that were read.
    pub input: usize,
    /// Of these, tokens whose keys and values were still there from the time before.
    pub remembered: usize,
    /// Tokens that were said.
    pub output: usize,
}

/// A piece of a reply.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// More text.
    Text(String),
    /// The end.
    End {
        /// True when the limit and not the model ended it.
        cut: bool,
        /// What it has cost.
        cost: Cost,
    },
}

/// A reply as it comes. Dropping it stops the model before its next token.
pub type Pieces = tokio::sync::mpsc::UnboundedReceiver<Result<Piece, LocalError>>;
