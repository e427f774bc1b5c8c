//! What the checker finds.

use std::collections::BTreeMap;
use std::fmt;

/// What can be wrong with a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AnomalyKind {
    /// Acknowledged, or seen by somebody, and later not there.
    LostWrite,
    /// There twice: twice in one read or stream, or one key with two ids, or one id for two messages.
    Duplicate,
    /// Not one order: two readers disagree, a later message stands before one that was acknowledged before it was sent, or numbers
    /// and messages do not match one to one.
    Reordered,
    /// Seen and never sent, seen though refused (G1a), or seen before it was sent.
    Invented,
    /// Numbers that do not rise in one read or stream.
    Nonmonotonic,
    /// A reader was shown a later message without an earlier one.
    Skipped,
    /// A finished reply that changed.
    Altered,
    /// An old text, or a deleted message, seen after the change was acknowledged.
    Stale,
    /// A reply that was not terminal when nothing was running any more.
    Unfinished,
}

impl fmt::Display for AnomalyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LostWrite => "lost-write",
            Self::Duplicate => "duplicate",
            Self::Reordered => "reordered",
            Self::Invented => "invented",
            Self::Nonmonotonic => "nonmonotonic",
            Self::Skipped => "skipped",
            Self::Altered => "altered",
            Self::Stale => "stale",
            Self::Unfinished => "unfinished",
        })
    }
}

/// One thing that is wrong, with enough words to find it in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// Which rule is broken.
    pub kind: AnomalyKind,
    /// In which room.
    pub room: String,
    /// What was seen.
    pub detail: String,
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}: {}", self.kind, self.room, self.detail)
    }
}

/// A few lines for a failing test: how many of each kind, and the first twenty.
#[must_use]
pub fn summary(anomalies: &[Anomaly]) -> String {
    let mut counts: BTreeMap<AnomalyKind, usize> = BTreeMap::new();
    for anomaly in anomalies {
        *counts.entry(anomaly.kind).or_default() += 1;
    }
    let counts: Vec<_> = counts.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    let first: Vec<_> = anomalies.iter().take(20).map(|anomaly| format!("  {anomaly}")).collect();
    format!("{} anomalies: {}\n{}", anomalies.len(), counts.join(", "), first.join("\n"))
}
