//! The worker of a T5: one text after the other, in the order of arrival.

use super::model::T5;
use super::search::{self, Found, Search};
use crate::{Cost, LocalError, Piece, Pieces, Threads};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use tokenizers::Tokenizer;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Texts that may wait.
const WAITING: usize = 256;
/// A longer text loses its end.
const LONGEST_TEXT: usize = 2048;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// The text, with its task if the model wants one.
    pub text: String,
    /// How the reply is found.
    pub search: Search,
}

/// A T5 in memory, with its worker.
pub struct Engine {
    jobs: SyncSender<Job>,
    bytes: usize,
}

struct Job {
    question: Question,
    to: UnboundedSender<Result<Piece, LocalError>>,
}

struct Worker {
    model: T5,
    tokenizer: Tokenizer,
    threads: Threads,
}

impl Engine {
    /// Reads a model into memory and starts its worker. Takes seconds: not for an async task.
    ///
    /// # Errors
    /// When the folder holds no T5 that can be used.
    pub fn load(folder: &Path, threads: Threads) -> Result<Self, LocalError> {
        let model = threads.run(|| T5::load(folder))?;
        let path = folder.join("tokenizer.json");
        let tokenizer =
            Tokenizer::from_file(&path).map_err(|error| LocalError::format(&path, error.to_string()))?;
        let bytes = model.bytes();
        let (jobs, inbox) = sync_channel(WAITING);
        let worker = Worker { model, tokenizer, threads };
        let named = std::thread::Builder::new().name("maru-t5".to_owned());
        named.spawn(move || worker.work(&inbox)).map_err(LocalError::file(folder))?;
        Ok(Self { jobs, bytes })
    }

    /// Asks. With several beams the reply comes in one piece, otherwise word by word.
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
}

impl Worker {
    fn work(self, inbox: &Receiver<Job>) {
        while let Ok(job) = inbox.recv() {
            if job.to.is_closed() {
                continue;
            }
            let _ = job.to.send(Ok(Piece::Text(String::new())));
            if let Err(error) = self.answer(&job) {
                let _ = job.to.send(Err(error));
            }
        }
    }

    fn answer(&self, job: &Job) -> Result<(), LocalError> {
        let Job { question, to } = job;
        let refused =
            |error: tokenizers::Error| LocalError::Refused(format!("the model cannot read this: {error}"));
        let end = self.model.config.eos_token_id;
        let mut text =
            self.tokenizer.encode_fast(question.text.as_str(), true).map_err(refused)?.get_ids().to_vec();
        text.truncate(LONGEST_TEXT);
        if text.last() != Some(&end) {
            text.push(end);
        }
        let search = Search { longest: question.search.longest.max(1), ..question.search };
        let mut told = String::new();
        let found = if search.beams > 1 && search.sampling.temperature <= 0.0 {
            search::beams(&self.model, &self.threads, &text, &search, || !to.is_closed())
        } else {
            search::straight(&self.model, &self.threads, &text, &search, |said| {
                if let Ok(whole) = self.tokenizer.decode(said, true) {
                    self.tell(to, &mut told, &whole, false);
                }
                !to.is_closed()
            })
        };
        let Some(Found { tokens, cut, said }) = found else { return Ok(()) };
        let whole = self.tokenizer.decode(&tokens, true).map_err(refused)?;
        self.tell(to, &mut told, &whole, true);
        let cost = Cost { input: text.len(), remembered: 0, output: said };
        let _ = to.send(Ok(Piece::End { cut, cost }));
        Ok(())
    }

    /// Tells what is new of a text that grows.
    fn tell(
        &self,
        to: &UnboundedSender<Result<Piece, LocalError>>,
        told: &mut String,
        whole: &str,
        all: bool,
    ) {
        // A character that is not whole yet would be told wrongly.
        let new = whole.strip_prefix(told.as_str()).filter(|new| all || !new.ends_with('\u{FFFD}'));
        if let Some(new) = new.filter(|new| !new.is_empty()) {
            let _ = to.send(Ok(Piece::Text(new.to_owned())));
            told.push_str(new);
        }
    }
}
