//! Choosing the next word.

/// How the next word is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// 0 takes the likeliest word each time; higher is freer.
    pub temperature: f32,
    /// Only the likeliest words that together are this likely.
    pub top_p: f32,
    /// Words that were said lately are this much less likely; 1 for no difference.
    pub repeat_penalty: f32,
    /// For each time that a word was said in this reply, it is so much less likely; 0 for no difference.
    pub frequency_penalty: f32,
    /// A word that was said in this reply is so much less likely; 0 for no difference.
    pub presence_penalty: f32,
    /// The same number gives the same reply.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_p: 0.95,
            repeat_penalty: 1.0,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            seed: 0,
        }
    }
}

/// How many words back a repetition counts.
const LATELY: usize = 64;

/// Chooses the words of one reply.
pub struct Sampler {
    settings: Sampling,
    random: fastrand::Rng,
    order: Vec<u32>,
}

impl Sampler {
    /// For one reply.
    #[must_use]
    pub fn new(settings: Sampling) -> Self {
        Self { settings, random: fastrand::Rng::with_seed(settings.seed), order: Vec::new() }
    }

    /// Chooses by a number for each word; `said` is what was said so far.
    pub fn choose(&mut self, likely: &mut [f32], said: &[u32]) -> u32 {
        let Sampling { temperature, top_p, repeat_penalty, frequency_penalty, presence_penalty, .. } =
            self.settings;
        // Before the other: it counts in the model's own numbers.
        if frequency_penalty != 0.0 || presence_penalty != 0.0 {
            for (i, word) in said.iter().enumerate() {
                if let Some(likely) = likely.get_mut(*word as usize) {
                    let again = said[..i].contains(word);
                    *likely -= frequency_penalty + if again { 0.0 } else { presence_penalty };
                }
            }
        }
        if repeat_penalty != 1.0 {
            let lately = &said[said.len().saturating_sub(LATELY)..];
            for (i, word) in lately.iter().enumerate() {
                if lately[..i].contains(word) {
                    continue;
                }
                if let Some(likely) = likely.get_mut(*word as usize) {
                    *likely = if *likely > 0.0 { *likely / repeat_penalty } else { *likely * repeat_penalty };
                }
            }
        }
        if temperature <= 0.0 {
            return best(likely);
        }
        self.draw(likely, temperature, top_p)
    }

    fn draw(&mut self, likely: &[f32], temperature: f32, top_p: f32) -> u32 {
        let most = likely.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        // What is a million times less likely than the best is not drawn: the sort stays short.
        let floor = most - 14.0 * temperature;
        self.order.clear();
        self.order.extend((0u32..).zip(likely).filter(|(_, l)| **l >= floor).map(|(word, _)| word));
        self.order
            .sort_unstable_by(|a, b| likely[*b as usize].total_cmp(&likely[*a as usize]).then(a.cmp(b)));
        let weight = |word: &u32| ((likely[*word as usize] - most) / temperature).exp();
        let all: f32 = self.order.iter().map(weight).sum();
        let mut kept = 0.0;
        let mut count = 0;
        for word in &self.order {
            kept += weight(word);
            count += 1;
            if kept >= top_p * all {
                break;
            }
        }
        let mut drawn = self.random.f32() * kept;
        for word in &self.order[..count] {
            drawn -= weight(word);
            if drawn <= 0.0 {
                return *word;
            }
        }
        self.order.first().copied().unwrap_or(0)
    }
}

/// The likeliest word; of equals the first.
pub(crate) fn best(likely: &[f32]) -> u32 {
    let mut best = (0, f32::NEG_INFINITY);
    for (word, likely) in (0u32..).zip(likely) {
        if *likely > best.1 {
            best = (word, *likely);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_temperature_the_likeliest_word_is_taken() {
        let mut sampler = Sampler::new(Sampling::default());
        assert_eq!(sampler.choose(&mut [0.1, 3.0, 3.0, -1.0], &[]), 1);
    }

    #[test]
    fn the_same_seed_draws_the_same_and_another_differently() {
        let draw = |seed| {
            let mut sampler =
                Sampler::new(Sampling { temperature: 1.0, top_p: 1.0, seed, ..Sampling::default() });
            (0..50).map(|_| sampler.choose(&mut [1.0, 1.1, 0.9, 1.0], &[])).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn unlikely_words_are_left_out() {
        let mut sampler =
            Sampler::new(Sampling { temperature: 1.0, top_p: 0.5, seed: 1, ..Sampling::default() });
        for _ in 0..200 {
            assert_eq!(sampler.choose(&mut [0.0, 2.0, 0.0, 0.0], &[]), 1);
        }
    }

    #[test]
    fn what_was_said_becomes_less_likely() {
        let mut sampler = Sampler::new(Sampling { repeat_penalty: 2.0, ..Sampling::default() });
        assert_eq!(sampler.choose(&mut [1.0, 1.5], &[1]), 0);
    }

    #[test]
    fn penalties_count_what_this_reply_has_said() {
        let mut often = Sampler::new(Sampling { frequency_penalty: 0.4, ..Sampling::default() });
        assert_eq!(often.choose(&mut [1.0, 1.5], &[1]), 1, "once is not enough");
        assert_eq!(often.choose(&mut [1.0, 1.5], &[1, 1]), 0);
        let mut present = Sampler::new(Sampling { presence_penalty: 0.4, ..Sampling::default() });
        assert_eq!(present.choose(&mut [1.0, 1.5], &[1, 1]), 1, "however often");
        assert_eq!(present.choose(&mut [1.0, 1.3], &[1]), 0);
    }
}
