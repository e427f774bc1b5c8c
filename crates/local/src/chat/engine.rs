//! The worker: one thread that reads and answers for everybody at once.
//!
//! A step of the model reads one token for each conversation that is being answered, and a part of the
//! prompts that are still to be read, all in one pass over the weights. So a short question does not
//! wait for a long answer, and weights are fetched once for all. Who finds no place waits in the order
//! of arrival; a room has one turn at a time, so rooms take turns.

use super::decoder::{Decoder, Step};
use super::memory::{Memory, Remembered};
use super::template::{Part, Said, Template};
use super::tokens::{Tokens, Utf8};
use crate::gguf::Gguf;
use crate::sampling::{Sampler, Sampling};
use crate::{Cost, LocalError, Piece, Pieces, Threads};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
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

/// Prompts are read in parts of so many tokens: between parts, others get their word.
const PART: usize = 64;

/// A model that is in memory, with its worker.
pub struct Engine {
    jobs: SyncSender<Job>,
    bytes: usize,
    counts: Arc<Counts>,
}

/// What the worker does, for whoever looks from outside.
#[derive(Default)]
struct Counts {
    steps: AtomicUsize,
    remembered: AtomicUsize,
}

struct Job {
    question: Question,
    to: UnboundedSender<Result<Piece, LocalError>>,
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

struct Worker {
    counts: Arc<Counts>,
    path: PathBuf,
    decoder: Decoder,
    tokens: Tokens,
    template: Template,
    threads: Threads,
    context: usize,
    at_once: usize,
    remembered: Remembered,
    answers: Vec<Answer>,
    waiting: VecDeque<Job>,
    inbox: Receiver<Job>,
}

/// A conversation that is being answered.
struct Answer {
    memory: Memory,
    /// Tokens of the prompt that are still to be read, and after them the last one that was said.
    unread: VecDeque<u32>,
    said: Vec<u32>,
    text: Text,
    sampler: Sampler,
    cost: Cost,
    longest: usize,
    to: UnboundedSender<Result<Piece, LocalError>>,
    over: bool,
}

impl Worker {
    fn work(mut self) {
        loop {
            if !self.receive() {
                tracing::debug!(path = %self.path.display(), "a model goes out of memory");
                return;
            }
            self.admit();
            self.step();
        }
    }

    /// Takes what has come; waits when there is nothing to do. False when nobody can ask any more.
    fn receive(&mut self) -> bool {
        if self.answers.is_empty() && self.waiting.is_empty() {
            match self.inbox.recv() {
                Ok(job) => self.waiting.push_back(job),
                Err(_) => return false,
            }
        }
        // The inbox is the queue; only one is taken out ahead, so that its limit holds.
        while self.waiting.is_empty() {
            match self.inbox.try_recv() {
                Ok(job) => self.waiting.push_back(job),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        true
    }

    fn admit(&mut self) {
        while self.answers.len() < self.at_once {
            let Some(job) = self.waiting.pop_front().or_else(|| self.inbox.try_recv().ok()) else { return };
            if job.to.is_closed() {
                continue;
            }
            match self.answer(job.question, job.to.clone()) {
                Ok(answer) => self.answers.push(answer),
                Err(error) => drop(job.to.send(Err(error))),
            }
        }
    }

    fn answer(
        &mut self,
        question: Question,
        to: UnboundedSender<Result<Piece, LocalError>>,
    ) -> Result<Answer, LocalError> {
        let longest = question.longest.clamp(1, self.context / 2);
        let tokens = self.prompt(&question.conversation, self.context - longest)?;
        let memory = self.remembered.recall(&tokens, self.decoder.shape.layers);
        let remembered = memory.tokens.len();
        let _ = to.send(Ok(Piece::Text(String::new())));
        Ok(Answer {
            unread: tokens[remembered..].iter().copied().collect(),
            memory,
            said: Vec::new(),
            text: Text::new(question.stops),
            sampler: Sampler::new(question.sampling),
            cost: Cost { input: tokens.len(), remembered, output: 0 },
            longest,
            to,
            over: false,
        })
    }

    /// The tokens of a conversation, without its oldest messages when it is too long. The system's
    /// words and the last message always stay; the last is cut at its beginning when it is too long
    /// by itself.
    fn prompt(&self, conversation: &[Said], room: usize) -> Result<Vec<u32>, LocalError> {
        let system = conversation.iter().take_while(|said| said.role == "system").count();
        let said: Vec<Vec<u32>> =
            conversation.iter().map(|said| self.tokens.of_words(&said.text)).collect::<Result<_, _>>()?;
        let last = conversation.len().saturating_sub(1);
        let mut first = system;
        loop {
            let kept: Vec<usize> = (0..conversation.len()).filter(|i| *i < system || *i >= first).collect();
            let tokens = self.rendered(conversation, &said, &kept)?;
            if tokens.len() <= room {
                return Ok(tokens);
            }
            if first >= last {
                return self.shortened(conversation, said, &kept, tokens.len() - room);
            }
            // A question goes with its answer: the conversation still begins with a person.
            first += 1;
            while first < last && conversation[first].role == "assistant" {
                first += 1;
            }
        }
    }

    fn shortened(
        &self,
        conversation: &[Said],
        mut said: Vec<Vec<u32>>,
        kept: &[usize],
        mut over: usize,
    ) -> Result<Vec<u32>, LocalError> {
        // The end of the question first: instructions tend to stand there. Then the system's words.
        for at in kept.iter().rev() {
            let words = &mut said[*at];
            let cut = over.min(words.len() * 9 / 10);
            words.drain(..cut);
            over -= cut;
        }
        if over > 0 {
            return Err(LocalError::Refused("the conversation does not fit the model's context".to_owned()));
        }
        self.rendered(conversation, &said, kept)
    }

    fn rendered(
        &self,
        conversation: &[Said],
        said: &[Vec<u32>],
        kept: &[usize],
    ) -> Result<Vec<u32>, LocalError> {
        let part: Vec<Said> = kept.iter().map(|i| conversation[*i].clone()).collect();
        let mut tokens = Vec::new();
        for part in self.template.parts(&part)? {
            match part {
                Part::Frame(text) => tokens.extend(self.tokens.of_frame(&text)?),
                Part::Words(i) => {
                    tokens.extend(kept.get(i).map(|at| said[*at].as_slice()).unwrap_or_default())
                }
            }
        }
        if let Some(begin) = self.tokens.begin(&tokens) {
            tokens.insert(0, begin);
        }
        Ok(tokens)
    }

    /// One pass over the weights.
    fn step(&mut self) {
        self.answers.retain_mut(|answer| {
            // Nobody listens any more: what was read is worth keeping.
            if answer.to.is_closed() && !answer.over {
                self.remembered.keep(std::mem::take(&mut answer.memory));
            }
            !answer.to.is_closed()
        });
        if self.answers.is_empty() {
            return;
        }
        // Those who speak say a word each; what is left of the part goes to the prompts in turn.
        let mut room = PART.saturating_sub(self.answers.len());
        let mut steps = Vec::with_capacity(PART);
        for (of, answer) in self.answers.iter_mut().enumerate() {
            let count = match answer.unread.len() {
                0 | 1 => answer.unread.len(),
                many => many.min(room + 1),
            };
            room = room.saturating_sub(count.saturating_sub(1));
            for n in 0..count {
                let Some(token) = answer.unread.pop_front() else { break };
                steps.push(Step { of, token, asks: n + 1 == count && answer.unread.is_empty() });
            }
        }
        self.counts.steps.fetch_add(1, Ordering::Relaxed);
        let mut memories: Vec<&mut Memory> =
            self.answers.iter_mut().map(|answer| &mut answer.memory).collect();
        let decoder = &self.decoder;
        let foretold = self.threads.run(|| decoder.read(&steps, &mut memories));
        let asking = steps.iter().filter(|step| step.asks).map(|step| step.of);
        for (of, mut likely) in asking.zip(foretold) {
            self.answers[of].take(&mut likely, &self.tokens);
        }
        let remembered = &mut self.remembered;
        self.answers.retain_mut(|answer| {
            if answer.over {
                remembered.keep(std::mem::take(&mut answer.memory));
            }
            !answer.over
        });
        self.counts.remembered.store(remembered.bytes(), Ordering::Relaxed);
        // Prompts are read in turn.
        if self.answers.len() > 1 {
            self.answers.rotate_left(1);
        }
    }
}

impl Answer {
    /// Takes the next word.
    fn take(&mut self, likely: &mut [f32], tokens: &Tokens) {
        let token = self.sampler.choose(likely, &self.said);
        self.cost.output += 1;
        if tokens.ends(token) {
            let rest = self.text.end();
            return self.end(rest, false);
        }
        self.said.push(token);
        self.unread.push_back(token);
        match self.text.push(tokens.bytes(token)) {
            Heard::More(text) => {
                if !text.is_empty() {
                    let _ = self.to.send(Ok(Piece::Text(text)));
                }
                if self.said.len() >= self.longest {
                    let rest = self.text.end();
                    self.end(rest, true);
                }
            }
            Heard::Stopped(text) => self.end(text, false),
        }
    }

    fn end(&mut self, rest: String, cut: bool) {
        if !rest.is_empty() {
            let _ = self.to.send(Ok(Piece::Text(rest)));
        }
        let _ = self.to.send(Ok(Piece::End { cut, cost: self.cost }));
        self.over = true;
    }
}

/// The text of a reply, with an eye on what ends it.
pub(crate) struct Text {
    utf8: Utf8,
    stops: Vec<String>,
    /// Not told yet: may be the beginning of what ends the reply.
    held: String,
}

/// What a word has made of the text.
enum Heard {
    More(String),
    Stopped(String),
}

impl Text {
    fn new(stops: Vec<String>) -> Self {
        let stops = stops.into_iter().filter(|stop| !stop.is_empty()).collect();
        Self { utf8: Utf8::default(), stops, held: String::new() }
    }

    fn push(&mut self, bytes: &[u8]) -> Heard {
        self.held.push_str(&self.utf8.push(bytes));
        if let Some(at) = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min() {
            self.held.truncate(at);
            return Heard::Stopped(std::mem::take(&mut self.held));
        }
        let begun = |stop: &String| {
            let lengths = stop.char_indices().map(|(at, _)| at).skip(1);
            lengths.filter(|length| self.held.ends_with(&stop[..*length])).max().unwrap_or(0)
        };
        let keep = self.stops.iter().map(begun).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - keep);
        Heard::More(std::mem::replace(&mut self.held, rest))
    }

    fn end(&mut self) -> String {
        self.held.push_str(&self.utf8.end());
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &mut Text, pieces: &[&str]) -> (String, bool) {
        let mut all = String::new();
        for piece in pieces {
            match text.push(piece.as_bytes()) {
                Heard::More(more) => all.push_str(&more),
                Heard::Stopped(rest) => return (all + &rest, true),
            }
        }
        (all + &text.end(), false)
    }

    #[test]
    fn a_stop_is_found_across_pieces_and_never_told() {
        let mut text = Text::new(vec!["\nUser:".into()]);
        assert_eq!(told(&mut text, &["Paris.", "\nU", "ser", ": and", "more"]), ("Paris.".into(), true));
        let mut text = Text::new(vec!["\nUser:".into()]);
        assert_eq!(told(&mut text, &["a\nUs", "a\nUse"]), ("a\nUsa\nUse".into(), false));
    }
}
