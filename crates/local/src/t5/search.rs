//! Finding a reply: by the likeliest word, by drawing, or by following several replies at once, in the
//! way of Hugging Face's `generate` (length penalty 1, no early stopping), so that the same model says
//! the same words.

use super::model::T5;
use crate::Threads;
use crate::arithmetic::{exp, run};
use crate::sampling::{Sampler, Sampling};
use pulp::NullaryFnOnce;

/// How a reply is found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// Replies that are followed at once; 1 is greedy.
    pub beams: usize,
    /// No so many tokens in a row are said twice; 0 for no limit.
    pub no_repeat: usize,
    /// The longest reply, in tokens.
    pub longest: usize,
    /// Above a temperature of 0 words are drawn, and there is one beam.
    pub sampling: Sampling,
}

impl Default for Search {
    fn default() -> Self {
        Self { beams: 5, no_repeat: 2, longest: 100, sampling: Sampling::default() }
    }
}

/// What takes a score out of the running, as the reference does it.
const OUT: f32 = -1.0e9;

/// What is being found.
#[derive(Debug, PartialEq)]
pub(super) struct Found {
    /// Without the start and the end.
    pub tokens: Vec<u32>,
    /// True when the limit and not the model ended it.
    pub cut: bool,
    /// Tokens that were said, with the end.
    pub said: usize,
}

/// Says word by word. `hear` is told each word and says whether to go on.
pub(super) fn straight(
    model: &T5,
    threads: &Threads,
    text: &[u32],
    search: &Search,
    mut hear: impl FnMut(&[u32]) -> bool,
) -> Option<Found> {
    let end = model.config.eos_token_id;
    let mut telling = threads.run(|| model.read(text, 1));
    let mut said = vec![model.config.decoder_start_token_id.unwrap_or(0)];
    let mut sampler = Sampler::new(search.sampling);
    for n in 1..=search.longest {
        let last = said[said.len() - 1];
        let mut likely = threads.run(|| model.say(&mut telling, &[last])).pop()?;
        forbid(&mut likely, &said, search.no_repeat);
        let token = sampler.choose(&mut likely, &said);
        if token == end {
            return Some(Found { tokens: said.split_off(1), cut: false, said: n });
        }
        said.push(token);
        if !hear(&said[1..]) {
            return None;
        }
    }
    let tokens = said.split_off(1);
    Some(Found { said: tokens.len(), tokens, cut: true })
}

struct Beam {
    tokens: Vec<u32>,
    score: f32,
}

struct Done {
    tokens: Vec<u32>,
    score: f32,
    ended: bool,
}

/// Follows several replies. `goes_on` says before each step whether anybody still waits.
pub(super) fn beams(
    model: &T5,
    threads: &Threads,
    text: &[u32],
    search: &Search,
    mut goes_on: impl FnMut() -> bool,
) -> Option<Found> {
    let end = model.config.eos_token_id;
    let count = search.beams;
    let start = model.config.decoder_start_token_id.unwrap_or(0);
    let mut telling = threads.run(|| model.read(text, count));
    let beam = |i| Beam { tokens: vec![start], score: if i == 0 { 0.0 } else { OUT } };
    let mut running: Vec<Beam> = (0..count).map(beam).collect();
    let mut done: Vec<Done> = Vec::new();
    for n in 1..=search.longest {
        if !goes_on() {
            return None;
        }
        let last: Vec<u32> = running.iter().map(|beam| beam.tokens[beam.tokens.len() - 1]).collect();
        let mut best: Vec<(f32, usize, u32)> = Vec::with_capacity(2 * count + 1);
        for (from, (beam, mut likely)) in
            running.iter().zip(threads.run(|| model.say(&mut telling, &last))).enumerate()
        {
            run(Logarithms(&mut likely));
            forbid(&mut likely, &beam.tokens, search.no_repeat);
            for (token, likely) in (0u32..).zip(&likely) {
                keep(&mut best, (likely + beam.score, from, token), 2 * count);
            }
        }
        let all_over = n == search.longest;
        let stops = |token: u32| all_over || token == end;
        // Only what ends among the best counts as found.
        for (score, from, token) in best.iter().take(count).filter(|(_, _, token)| stops(*token)) {
            let mut tokens = running[*from].tokens.clone();
            tokens.push(*token);
            done.push(Done { tokens, score: score / n as f32, ended: *token == end });
        }
        done.sort_by(|a, b| b.score.total_cmp(&a.score));
        done.truncate(count);
        let goes: Vec<_> = best.iter().filter(|(_, _, token)| !stops(*token)).take(count).collect();
        if goes.len() < count {
            break;
        }
        telling.follow(&goes.iter().map(|(_, from, _)| *from).collect::<Vec<_>>());
        running = goes
            .iter()
            .map(|(score, from, token)| {
                let mut tokens = running[*from].tokens.clone();
                tokens.push(*token);
                Beam { tokens, score: *score }
            })
            .collect();
        // Nothing that runs can still be better than the worst that is found.
        let worst = if done.len() == count { done[count - 1].score } else { OUT };
        if running[0].score / n as f32 <= worst {
            break;
        }
    }
    let mut best = done.into_iter().next()?;
    let said = best.tokens.len() - 1;
    if best.ended {
        best.tokens.pop();
    }
    Some(Found { tokens: best.tokens.split_off(1), cut: !best.ended, said })
}

/// Keeps the best, of equals the first.
fn keep(best: &mut Vec<(f32, usize, u32)>, new: (f32, usize, u32), most: usize) {
    if best.len() == most && best[most - 1].0 >= new.0 || new.0 == f32::NEG_INFINITY {
        return;
    }
    let at = best.partition_point(|old| old.0 >= new.0);
    best.insert(at, new);
    best.truncate(most);
}

/// Turns numbers into logarithms of likelihoods.
struct Logarithms<'a>(&'a mut [f32]);

impl NullaryFnOnce for Logarithms<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let most = self.0.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        // Sums of a few in 32 bits, side by side, of all in 64.
        let (eights, rest) = self.0.as_chunks::<8>();
        let mut total: f64 = rest.iter().map(|likely| f64::from(exp(likely - most))).sum();
        for part in eights.chunks(64) {
            let mut lanes = [0.0f32; 8];
            for eight in part {
                for (lane, likely) in lanes.iter_mut().zip(eight) {
                    *lane += exp(likely - most);
                }
            }
            total += f64::from(lanes.iter().sum::<f32>());
        }
        let total = most + total.ln() as f32;
        self.0.iter_mut().for_each(|likely| *likely -= total);
    }
}

/// Forbids what would say `length` tokens in a row a second time.
fn forbid(likely: &mut [f32], said: &[u32], length: usize) {
    if length == 0 || said.len() + 1 < length {
        return;
    }
    let before = &said[said.len() + 1 - length..];
    for again in said.windows(length) {
        if again[..length - 1] == *before
            && let Some(likely) = likely.get_mut(again[length - 1] as usize)
        {
            *likely = f32::NEG_INFINITY;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_not_said_again() {
        let mut likely = vec![0.0; 5];
        forbid(&mut likely, &[1, 2, 3, 1], 2);
        assert_eq!(likely[2], f32::NEG_INFINITY);
        assert_eq!(likely.iter().filter(|likely| **likely == 0.0).count(), 4);
    }

    #[test]
    fn the_best_are_kept_in_order() {
        let mut best = Vec::new();
        for (i, score) in [1.0, 3.0, 2.0, 3.0, f32::NEG_INFINITY, 0.5].into_iter().enumerate() {
            keep(&mut best, (score, i, 0), 3);
        }
        assert_eq!(best.iter().map(|(_, from, _)| *from).collect::<Vec<_>>(), [1, 3, 2]);
    }
}
