//! The rules (those of `jepsen.tests.kafka`, per room).

use super::anomaly::{Anomaly, AnomalyKind};
use super::index::{Room, Sent, rooms};
use super::pairs::Pairs;
use super::{Op, Seen};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Checks a history; a good one gives an empty list. A message that many readers miss is named once.
#[must_use]
pub fn check(ops: &[Op]) -> Vec<Anomaly> {
    let mut anomalies = Vec::new();
    let rooms: BTreeMap<_, _> = rooms(ops).into_iter().collect();
    for (name, room) in &rooms {
        let mut checker = Checker { name, room, named: HashSet::new(), anomalies: &mut anomalies };
        checker.names_and_numbers();
        checker.reads();
        checker.streams();
    }
    anomalies
}

struct Checker<'a, 'r> {
    name: &'a str,
    room: &'r Room<'a>,
    /// What was reported already, by kind and message.
    named: HashSet<(AnomalyKind, usize)>,
    anomalies: &'r mut Vec<Anomaly>,
}

impl<'a, 'r> Checker<'a, 'r> {
    fn found(&mut self, kind: AnomalyKind, detail: String) {
        self.anomalies.push(Anomaly { kind, room: self.name.to_owned(), detail });
    }

    fn found_once(&mut self, kind: AnomalyKind, sent: usize, detail: String) {
        if self.named.insert((kind, sent)) {
            self.found(kind, detail);
        }
    }

    fn sent(&self, at: usize) -> &'r Sent<'a> {
        &self.room.sent[at]
    }

    /// One id a key, one message an id, one number a message, one message a number.
    fn names_and_numbers(&mut self) {
        let room = self.room;
        let mut ids = Pairs::default();
        let mut numbers = Pairs::default();
        let mut keys: HashMap<(&str, &str), &str> = HashMap::new();
        for (op, at) in &room.acks {
            if let (Some(key), Some(id)) = (op.key.as_deref(), op.id.as_deref()) {
                let first = *keys.entry((&op.transport, key)).or_insert(id);
                if first != id {
                    self.found(
                        AnomalyKind::Duplicate,
                        format!("key {key} was acknowledged as {first} and as {id}"),
                    );
                }
            }
            ids.add(&op.transport, op.id.clone(), *at);
            numbers.add(&op.transport, op.seq, *at);
        }
        for op in room.reads.iter().chain(&room.events) {
            for seen in &op.seen {
                if let Some(at) = room.by_text.get(seen.body.as_str()) {
                    ids.add(&op.transport, seen.id.clone(), *at);
                    numbers.add(&op.transport, seen.seq, *at);
                }
            }
        }
        for (what, kind, clashes) in
            [("id", AnomalyKind::Duplicate, ids.clashes), ("number", AnomalyKind::Reordered, numbers.clashes)]
        {
            for (at, one, other) in clashes {
                self.found_once(
                    kind,
                    at,
                    format!("{what} {one} against {other} for {}", room.sent[at].name()),
                );
            }
        }
    }

    /// The rules for full reads.
    fn reads(&mut self) {
        let room = self.room;
        let replies = self.finished_replies();
        for read in &room.reads {
            let shown = self.shown(read, true);
            self.own_order(read, &shown);
            for (at, sent) in room.sent.iter().enumerate() {
                let acked = sent.acked.is_some_and(|acked| acked < read.t0);
                if acked && !sent.may_be_gone(read.t1) && !shown.contains_key(&at) {
                    let detail = format!(
                        "{} was acknowledged and is not in the read of {} at {}",
                        sent.name(),
                        read.client,
                        read.t0
                    );
                    self.found_once(AnomalyKind::LostWrite, at, detail);
                }
            }
            for seen in &read.seen {
                if let Some(at) = room.by_text.get(seen.body.as_str()) {
                    self.reply(read, seen, *at, &replies);
                }
            }
        }
        // Every read against the last one, which knows the most.
        let Some(last) = room.reads.iter().max_by_key(|read| (read.t0, read.seen.len())) else { return };
        let order = positions(room, last);
        for read in &room.reads {
            let shown = positions(room, read);
            self.same_order(read, &order);
            self.no_gap(&read.client, &shown.keys().copied().collect(), None, &order);
            for at in shown.keys() {
                let sent = self.sent(*at);
                if read.t1 <= last.t0 && !order.contains_key(at) && !sent.may_be_gone(last.t1) {
                    let detail = format!(
                        "{} was seen by {} at {} and is gone at {}",
                        sent.name(),
                        read.client,
                        read.t1,
                        last.t0
                    );
                    self.found_once(AnomalyKind::LostWrite, *at, detail);
                }
            }
        }
    }

    /// The rules for subscriptions: all tellings of one stream, joined.
    fn streams(&mut self) {
        let room = self.room;
        let mut streams: BTreeMap<(&str, &str, &str), Vec<&Op>> = BTreeMap::new();
        for op in &room.events {
            streams
                .entry((&op.client, &op.transport, op.stream.as_deref().unwrap_or("")))
                .or_default()
                .push(op);
        }
        let order =
            room.reads.iter().max_by_key(|read| (read.t0, read.seen.len())).map(|last| positions(room, last));
        for tellings in streams.values() {
            let Some(first) = tellings.first() else { continue };
            let mut joined = Op { seen: Vec::new(), t0: first.t0, ..(*first).clone() };
            for telling in tellings {
                joined.seen.extend(telling.seen.iter().cloned());
                joined.t1 = joined.t1.max(telling.t1);
            }
            let shown = self.shown(&joined, false);
            self.own_order(&joined, &shown);
            self.no_number_missed(&joined);
            if let Some(order) = &order {
                self.same_order(&joined, order);
                let start = shown.keys().filter_map(|at| order.get(at)).min().copied();
                self.no_gap(&joined.client, &shown.keys().copied().collect(), start, order);
            }
            let Some(end) = tellings.iter().filter(|telling| telling.quiet).map(|telling| telling.t0).max()
            else {
                continue;
            };
            for (at, sent) in room.sent.iter().enumerate() {
                let due = sent.first >= first.t0 && sent.acked.is_some_and(|acked| acked < end);
                if due && !shown.contains_key(&at) && !sent.may_be_gone(end) {
                    let detail =
                        format!("{} was acknowledged and {} was never told", sent.name(), joined.client);
                    self.found_once(AnomalyKind::LostWrite, at, detail);
                }
            }
        }
    }

    /// Which messages are shown, and where first. Names what was never sent, was refused, is old, or is there twice.
    fn shown(&mut self, op: &Op, current: bool) -> BTreeMap<usize, usize> {
        let mut shown = BTreeMap::new();
        for (position, seen) in op.seen.iter().enumerate() {
            let Some(at) = self.room.by_text.get(seen.body.as_str()).copied() else {
                self.found(
                    AnomalyKind::Invented,
                    format!("{} saw {:?}, which nobody sent here", op.client, seen.body),
                );
                continue;
            };
            let sent = self.sent(at);
            let from = sent
                .texts
                .iter()
                .find(|text| text.text == seen.body)
                .map_or(sent.first, |text| text.from.max(sent.first));
            if sent.refused {
                self.found_once(
                    AnomalyKind::Invented,
                    at,
                    format!("{} was refused and seen by {}", sent.name(), op.client),
                );
            } else if from > op.t1 {
                self.found_once(
                    AnomalyKind::Invented,
                    at,
                    format!("{} was seen by {} before it was sent", sent.name(), op.client),
                );
            }
            if current && sent.stale(&seen.body, op.t0) {
                self.found_once(
                    AnomalyKind::Stale,
                    at,
                    format!("{:?} was seen by {} after it was changed", seen.body, op.client),
                );
            }
            if *shown.entry(at).or_insert(position) != position {
                self.found_once(
                    AnomalyKind::Duplicate,
                    at,
                    format!("{} is there twice for {}", sent.name(), op.client),
                );
            }
        }
        shown
    }

    /// Numbers rise, and nothing stands behind a message that was sent only after it was acknowledged.
    fn own_order(&mut self, op: &Op, shown: &BTreeMap<usize, usize>) {
        let mut last = None;
        for seq in op.seen.iter().filter_map(|seen| seen.seq) {
            if last.is_some_and(|last| seq <= last) {
                self.found(
                    AnomalyKind::Nonmonotonic,
                    format!("{} saw number {seq} after {}", op.client, last.unwrap_or(0)),
                );
            }
            last = Some(seq);
        }
        let mut by_position: Vec<_> = shown.iter().map(|(at, position)| (*position, *at)).collect();
        by_position.sort_unstable();
        let mut latest: Option<usize> = None;
        for (_, at) in by_position {
            let sent = self.sent(at);
            match latest {
                Some(before) if sent.acked.is_some_and(|acked| acked < self.sent(before).first) => {
                    let detail = format!(
                        "{} was acknowledged before {} was sent and stands behind it",
                        sent.name(),
                        self.sent(before).name()
                    );
                    self.found_once(AnomalyKind::Reordered, at, detail);
                }
                Some(before) if self.sent(before).first >= sent.first => {}
                _ => latest = Some(at),
            }
        }
    }

    /// The same relative order as in the last full read.
    fn same_order(&mut self, op: &Op, order: &BTreeMap<usize, usize>) {
        let room = self.room;
        let mut before: Option<(usize, usize)> = None;
        let mut known = HashSet::new();
        for at in op.seen.iter().filter_map(|seen| room.by_text.get(seen.body.as_str())) {
            let Some(position) = order.get(at).copied() else { continue };
            if !known.insert(*at) {
                continue; // a duplicate, named as such
            }
            if let Some((earlier, earlier_position)) = before
                && position < earlier_position
            {
                let detail = format!(
                    "{} saw {} before {}, others after",
                    op.client,
                    self.sent(earlier).name(),
                    self.sent(*at).name()
                );
                return self.found(AnomalyKind::Reordered, detail);
            }
            before = Some((*at, position));
        }
    }

    /// Whoever saw a message saw all that stand before it (from `start` on, for a stream that began in the middle).
    fn no_gap(
        &mut self,
        client: &str,
        shown: &HashSet<usize>,
        start: Option<usize>,
        order: &BTreeMap<usize, usize>,
    ) {
        let Some(furthest) = shown.iter().filter_map(|at| order.get(at)).max().copied() else { return };
        let from = start.unwrap_or(0);
        for (at, position) in order {
            if *position >= from && *position < furthest && !shown.contains(at) {
                let detail =
                    format!("{client} saw a message behind {} and not this one", self.sent(*at).name());
                self.found_once(AnomalyKind::Skipped, *at, detail);
            }
        }
    }

    /// No number that anybody on this transport knows lies between two consecutive ones of a stream.
    fn no_number_missed(&mut self, stream: &Op) {
        let room = self.room;
        let others = room.reads.iter().chain(&room.events).filter(|op| op.transport == stream.transport);
        let known: BTreeSet<u64> = others.flat_map(|op| op.seen.iter().filter_map(|seen| seen.seq)).collect();
        let own: Vec<u64> = stream.seen.iter().filter_map(|seen| seen.seq).collect();
        for pair in own.windows(2).filter(|pair| pair[0] < pair[1]) {
            // One that came too late is named already, as nonmonotonic.
            if let Some(missed) = known.range(pair[0] + 1..pair[1]).find(|number| !own.contains(number)) {
                let detail = format!(
                    "{} was told {} and then {}, {missed} is missing",
                    stream.client, pair[0], pair[1]
                );
                self.found(AnomalyKind::Skipped, detail);
            }
        }
    }

    /// The first text each finished reply was read with.
    fn finished_replies(&self) -> HashMap<usize, &'a str> {
        let mut replies = HashMap::new();
        for seen in self.room.reads.iter().flat_map(|read| &read.seen) {
            if let (Some(true), Some(reply), Some(at)) =
                (seen.done, &seen.reply, self.room.by_text.get(seen.body.as_str()))
            {
                replies.entry(*at).or_insert(reply.as_str());
            }
        }
        replies
    }

    /// A finished reply stays as it is, and when all is quiet every reply is finished.
    fn reply(&mut self, read: &Op, seen: &Seen, at: usize, finished: &HashMap<usize, &str>) {
        let sent = self.sent(at);
        if read.quiet && seen.done == Some(false) {
            self.found_once(
                AnomalyKind::Unfinished,
                at,
                format!("the reply to {} is not terminal", sent.name()),
            );
        }
        let Some(reply) = seen.reply.as_deref() else { return };
        let acknowledged = sent.reply.filter(|(_, acked)| *acked < read.t0).map(|(text, _)| text);
        let first = finished.get(&at).copied().filter(|_| seen.done == Some(true));
        for expected in [acknowledged, first].into_iter().flatten() {
            if expected != reply {
                let detail = format!(
                    "the reply to {} was {expected:?} and is {reply:?} for {}",
                    sent.name(),
                    read.client
                );
                self.found_once(AnomalyKind::Altered, at, detail);
            }
        }
    }
}

/// The position of each known message in a read.
fn positions(room: &Room<'_>, read: &Op) -> BTreeMap<usize, usize> {
    let mut positions = BTreeMap::new();
    for (position, seen) in read.seen.iter().enumerate() {
        if let Some(at) = room.by_text.get(seen.body.as_str()) {
            positions.entry(*at).or_insert(position);
        }
    }
    positions
}
