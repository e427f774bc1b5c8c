//! A model in memory, as it is asked: questions go to its worker, and replies come piece by piece.

use super::decoder::Decoder;
use super::memory::Remembered;
use super::template::{Said, Template};
use super::tokens::Tokens;
use super::worker::Worker;
use crate::gguf::Gguf;
use crate::sampling::Sampling;
use crate::{LocalError, Piece, Pieces, Threads};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// What a model may use.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// The longest conversation with its reply, in tokens; never more than the model was made for.
    pub context: usize,
    /// Conversations that are answered at once; the others wait.
    pub at_once: usize,
    /// Conversations that may wait.
    pub waiting: usize,
    /// Bytes of keys and values that are kept for conversations that may go on.
    pub remembered: usize,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self { context: 4096, at_once: 4, waiting: 256, remembered: 256 << 20 }
    }
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// Oldest first; the last is to be answered.
    pub conversation: Vec<Said>,
    /// How words are chosen.
    pub sampling: Sampling,
    /// The longest reply, in tokens.
    pub longest: usize,
    /// Texts that end the reply and do not belong to it.
    pub stops: Vec<String>,
}

/// A model that is in memory, with its worker.
pub struct Engine {
    jobs: SyncSender<Job>,
    bytes: usize,
    counts: Arc<Counts>,
}

/// What the worker does, for whoever looks from outside.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) steps: AtomicUsize,
    pub(super) remembered: AtomicUsize,
}

/// A question, and where its reply goes.
pub(super) struct Job {
    pub(super) question: Question,
    pub(super) to: UnboundedSender<Result<Piece, LocalError>>,
}

impl Engine {
    /// Reads a model into memory and starts its worker. Takes seconds: not for an async task.
    ///
    /// # Errors
    /// When the file cannot be read or holds no model that can be used.
    pub fn load(path: &Path, settings: EngineSettings, threads: Threads) -> Result<Self, LocalError> {
        let mut gguf = Gguf::open(path)?;
        let decoder = threads.run(|| Decoder::load(&mut gguf))?;
        let tokens = Tokens::load(&gguf, decoder.vocabulary())?;
        let template = Template::new(gguf.text_of("tokenizer.chat_template"), &tokens.bos, &tokens.eos)?;
        let bytes = decoder.bytes();
        let (jobs, inbox) = sync_channel(settings.waiting.max(1));
        let context = settings.context.clamp(64, decoder.shape.context.max(64));
        let counts = Arc::new(Counts::default());
        let worker = Worker {
            counts: Arc::clone(&counts),
            path: path.to_owned(),
            decoder,
            tokens,
            template,
            threads,
            context,
            at_once: settings.at_once.max(1),
            remembered: Remembered::new(settings.remembered),
            answers: Vec::new(),
            waiting: VecDeque::new(),
            inbox,
        };
        std::thread::Builder::new()
            .name("maru-model".to_owned())
            .spawn(move || worker.work())
            .map_err(LocalError::file(path))?;
        Ok(Self { jobs, bytes, counts })
    }

    /// Asks; the reply comes piece by piece. An empty text is a sign that its time has come.
    ///
    /// # Errors
    /// When too many wait already.
    pub fn ask(&self, question: Question) -> Result<Pieces, LocalError> {
        let (to, pieces) = unbounded_channel();
        match self.jobs.try_send(Job { question, to }) {
            Ok(()) => Ok(pieces),
            Err(TrySendError::Full(_)) => Err(LocalError::Busy),
            Err(TrySendError::Disconnected(_)) => Err(LocalError::Stopped),
        }
    }

    /// Bytes of its weights in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Passes over the weights so far: one for each word that is said, or part of a prompt.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.counts.steps.load(Ordering::Relaxed)
    }

    /// Bytes that are kept for conversations that may go on.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.counts.remembered.load(Ordering::Relaxed)
    }
}
