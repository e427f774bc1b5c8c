//! The rules for the numbered log of a room, as many subscribers saw it (R5): one total order, told to everybody whole.

use super::anomaly::{Anomaly, AnomalyKind};
use std::collections::BTreeMap;

/// One change as a subscriber was told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its number in the room.
    pub seq: u64,
    /// What it says, as far as that never changes: its kind, its subject, and a person's text.
    pub what: String,
}

/// What one subscriber was told of one room from its beginning, over all its connections, in the order in which it came.
#[derive(Clone, Debug)]
pub struct Log {
    /// Which room.
    pub room: String,
    /// Who was told, and by which transport.
    pub reader: String,
    /// The changes.
    pub events: Vec<Event>,
    /// It was asked again until nothing happened any more, so it must have been told everything.
    pub complete: bool,
}

/// Checks the logs of all subscribers against each other; good ones give an empty list.
#[must_use]
pub fn check_logs(logs: &[Log]) -> Vec<Anomaly> {
    let mut rooms: BTreeMap<&str, Vec<&Log>> = BTreeMap::new();
    for log in logs {
        rooms.entry(&log.room).or_default().push(log);
    }
    let mut found = Vec::new();
    for (room, logs) in rooms {
        let mut say = |kind, detail| found.push(Anomaly { kind, room: room.to_owned(), detail });
        let mut known: BTreeMap<u64, &str> = BTreeMap::new();
        for log in &logs {
            in_order(log, &mut say);
            for event in &log.events {
                let first = *known.entry(event.seq).or_insert(&event.what);
                if first != event.what {
                    let detail =
                        format!("number {} is {first:?}, and {:?} for {}", event.seq, event.what, log.reader);
                    say(AnomalyKind::Reordered, detail);
                }
            }
        }
        one_number_each(&known, &mut say);
        let Some(last) = known.keys().next_back() else { continue };
        for log in logs.iter().filter(|log| log.complete) {
            let heard = log.events.iter().map(|event| event.seq).max().unwrap_or(0);
            if heard < *last {
                let detail = format!("{} heard of {heard} and never of {last}", log.reader);
                say(AnomalyKind::LostWrite, detail);
            }
        }
    }
    found
}

/// 1, 2, 3 and so on for each subscriber, however often it was cut off.
fn in_order(log: &Log, say: &mut impl FnMut(AnomalyKind, String)) {
    let mut last = 0;
    for event in &log.events {
        let (seq, reader) = (event.seq, &log.reader);
        if seq == last {
            say(AnomalyKind::Duplicate, format!("{reader} was told {seq} twice"));
        } else if seq < last {
            say(AnomalyKind::Nonmonotonic, format!("{reader} was told {seq} after {last}"));
        } else if seq > last + 1 {
            say(AnomalyKind::Skipped, format!("{reader} was told {seq} after {last}"));
        }
        last = last.max(seq);
    }
}

/// A message is created once. Other changes may come again for the same subject.
fn one_number_each(known: &BTreeMap<u64, &str>, say: &mut impl FnMut(AnomalyKind, String)) {
    let mut numbers: BTreeMap<&str, u64> = BTreeMap::new();
    for (seq, what) in known.iter().filter(|(_, what)| what.starts_with("message.created ")) {
        if let Some(first) = numbers.insert(what, *seq) {
            say(AnomalyKind::Duplicate, format!("{what:?} is number {first} and number {seq}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(reader: &str, numbers: &[u64]) -> Log {
        let events = numbers.iter().map(|seq| Event { seq: *seq, what: format!("message.created m{seq}") });
        Log { room: "room".into(), reader: reader.into(), events: events.collect(), complete: true }
    }

    fn kinds(logs: &[Log]) -> Vec<AnomalyKind> {
        check_logs(logs).into_iter().map(|anomaly| anomaly.kind).collect()
    }

    #[test]
    fn whole_logs_of_one_order_are_good() {
        assert_eq!(kinds(&[log("a", &[1, 2, 3]), log("b", &[1, 2, 3])]), []);
        let elsewhere = Log { room: "other".into(), ..log("a", &[1]) };
        let gone = Log { complete: false, ..log("c", &[1]) };
        assert_eq!(kinds(&[log("a", &[1, 2]), elsewhere, gone]), []);
    }

    #[test]
    fn each_anomaly_is_named() {
        use AnomalyKind::{Duplicate, LostWrite, Nonmonotonic, Reordered, Skipped};
        assert_eq!(kinds(&[log("a", &[1, 2, 2, 3])]), [Duplicate], "told twice");
        assert_eq!(kinds(&[log("a", &[1, 2, 3, 2])]), [Nonmonotonic], "told after a later one");
        assert_eq!(kinds(&[log("a", &[1, 3])]), [Skipped], "left out");
        assert_eq!(kinds(&[log("a", &[2, 3])]), [Skipped], "the beginning left out");
        assert_eq!(kinds(&[log("a", &[1, 2, 3]), log("b", &[1, 2])]), [LostWrite], "never told the end");
        let mut other = log("b", &[1, 2]);
        other.events[1].what = "message.updated m2".into();
        assert_eq!(kinds(&[log("a", &[1, 2]), other]), [Reordered], "two orders");
        let mut twice = log("a", &[1, 2]);
        twice.events[1].what = "message.created m1".into();
        assert_eq!(kinds(&[twice]), [Duplicate], "one message, two numbers");
    }
}
