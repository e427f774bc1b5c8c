//! Ours and the yardstick in turn, so that whatever else the machine does meets both.

use std::time::Duration;

/// How thoroughly to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Rounds of ours and yardstick.
    pub rounds: usize,
    /// The length of a round that is measured by time.
    pub round: Duration,
    /// Never use wrk.
    pub own_load: bool,
    /// How many messages are moved and backed up.
    pub messages: usize,
}

impl Default for Effort {
    fn default() -> Self {
        Self { rounds: 5, round: Duration::from_secs(4), own_load: false, messages: 1_000_000 }
    }
}

impl Effort {
    /// A round that only warms things up.
    pub fn warm_up(&self) -> Duration {
        self.round / 4
    }
}

/// What the rounds have measured.
#[derive(Clone, Debug, Default)]
pub struct Rounds {
    /// Ours, round by round.
    pub ours: Vec<f64>,
    /// The yardstick's, round by round; empty when there is none.
    pub yardstick: Vec<f64>,
}

impl Rounds {
    /// Adds a round.
    pub fn push(&mut self, ours: f64, yardstick: f64) {
        self.ours.push(ours);
        self.yardstick.push(yardstick);
    }

    /// One measurement, without a yardstick.
    pub fn once(ours: f64) -> Self {
        Self { ours: vec![ours], yardstick: Vec::new() }
    }

    /// Ours over the yardstick in each round.
    pub fn ratios(&self) -> Vec<f64> {
        self.ours.iter().zip(&self.yardstick).map(|(ours, yardstick)| ours / yardstick).collect()
    }

    /// The median of the rounds' ratios: a neighbour's noise that slows one round slows both sides of it.
    pub fn ratio(&self) -> Option<f64> {
        median(&self.ratios())
    }
}

/// The middle value.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle)?;
    if sorted.len() % 2 == 1 { Some(*upper) } else { Some((sorted.get(middle - 1)? + upper) / 2.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let mut rounds = Rounds::default();
        // The second round was slow for both.
        for (ours, yardstick) in [(100.0, 2.0), (40.0, 1.0), (90.0, 2.0)] {
            rounds.push(ours, yardstick);
        }
        assert_eq!(rounds.ratio(), Some(45.0));
        assert_eq!(Rounds::once(1.0).ratio(), None);
    }
}
