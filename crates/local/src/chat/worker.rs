//! The worker: one thread that reads and answers for everybody at once.
//!
//! A step of the model reads one token for each conversation that is being answered, and a part of the
//! prompts that are still to be read, all in one pass over the weights. So a short question does not
//! wait for a long answer, and weights are fetched once for all. Who finds no place waits in the order
//! of arrival; a room has one turn at a time, so rooms take turns.

use super::decoder::{Decoder, Step};
use super::engine::{Counts, Job, Question};
use super::memory::{Memory, Remembered};
use super::template::Template;
use super::text::{Heard, Text};
use super::tokens::Tokens;
use crate::sampling::Sampler;
use crate::{Cost, LocalError, Piece, Threads};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, TryRecvError};
use tokio::sync::mpsc::UnboundedSender;

/// Prompts are read in parts of so many tokens: between parts, others get their word.
const PART: usize = 64;

/// What the thread works with.
pub(super) struct Worker {
    pub(super) counts: Arc<Counts>,
    pub(super) path: PathBuf,
    pub(super) decoder: Decoder,
    pub(super) tokens: Tokens,
    pub(super) template: Template,
    pub(super) threads: Threads,
    pub(super) context: usize,
    pub(super) at_once: usize,
    pub(super) remembered: Remembered,
    pub(super) answers: Vec<Answer>,
    pub(super) waiting: VecDeque<Job>,
    pub(super) inbox: Receiver<Job>,
}

/// A conversation that is being answered.
pub(super) struct Answer {
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
    /// Answers until nobody can ask any more.
    pub(super) fn work(mut self) {
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
