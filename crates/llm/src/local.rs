//! Models that run in this process: chat models out of GGUF files and T5 out of folders, behind the
//! same port as any provider. What computes is `maru-local`.

mod catalogue;
mod fetch;
mod model;

pub use catalogue::{CATALOGUE, Catalogue, Entry, PullError, Pulled};
pub use fetch::Progress;
pub(crate) use model::{Local, found};

use std::path::PathBuf;

/// What models in this process may use, and how they speak.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalSettings {
    /// Where the catalogue's models lie; none: it has none.
    pub folder: Option<PathBuf>,
    /// Threads that compute; 0 means one per core, at most eight.
    pub threads: usize,
    /// The longest conversation with its reply, in tokens.
    pub context: usize,
    /// The longest reply, in tokens.
    pub longest: usize,
    /// Conversations that are answered at once.
    pub at_once: usize,
    /// Bytes of keys and values that are kept for conversations that may go on.
    pub remembered: usize,
    /// 0 always says the likeliest word.
    pub temperature: f32,
    /// Only the likeliest words that together are this likely.
    pub top_p: f32,
    /// Words that were said lately are this much less likely.
    pub repeat_penalty: f32,
    /// How T5 searches.
    pub t5: T5Settings,
}

/// How T5 searches for its reply.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct T5Settings {
    /// Replies that are followed at once; 1 is greedy.
    pub beams: usize,
    /// No so many tokens in a row are said twice; 0 for no limit.
    pub no_repeat: usize,
    /// The longest reply, in tokens.
    pub longest: usize,
    /// Above 0, words are drawn, and there is one beam.
    pub temperature: f32,
}

impl Default for LocalSettings {
    fn default() -> Self {
        Self {
            folder: None,
            threads: 0,
            context: 4096,
            longest: 512,
            at_once: 4,
            remembered: 256 << 20,
            temperature: 0.0,
            top_p: 0.95,
            repeat_penalty: 1.1,
            t5: T5Settings { beams: 5, no_repeat: 2, longest: 100, temperature: 0.0 },
        }
    }
}
