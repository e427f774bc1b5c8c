//! Ids that are the same in every run.

use maru_domain::ids::Ids;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::{Builder, Uuid};

/// The first id's time: some day in 2026, in milliseconds.
const BEGIN: u64 = 1_790_000_000_000;

/// Makes UUIDv7s from a seed, each of a millisecond of its own, so that they sort as they were made.
#[derive(Debug)]
pub struct SeededIds {
    seed: u64,
    made: AtomicU64,
}

impl SeededIds {
    /// Ids of a seed; the same seed gives the same ids.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, made: AtomicU64::new(0) }
    }
}

impl Ids for SeededIds {
    fn next(&self) -> Uuid {
        let nth = self.made.fetch_add(1, Ordering::Relaxed);
        let noise = u128::from(mixed(self.seed ^ mixed(nth))) << 16 | u128::from(mixed(nth) & 0xffff);
        let mut tail = [0; 10];
        tail.copy_from_slice(&noise.to_be_bytes()[6..]);
        Builder::from_unix_timestamp_millis(BEGIN + nth, &tail).into_uuid()
    }
}

/// SplitMix64: every input gives another output, and near inputs give far outputs.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_version_7_in_order_and_repeatable() {
        let [one, again, other] = [1, 1, 2].map(SeededIds::new);
        let ids: Vec<Uuid> = (0..100).map(|_| one.next()).collect();
        assert!(ids.is_sorted(), "in the order in which they were made");
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
        assert_eq!(ids, (0..100).map(|_| again.next()).collect::<Vec<_>>());
        assert!((0..100).all(|_| !ids.contains(&other.next())));
    }
}
