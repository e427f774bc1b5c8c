//! The sends of a history, gathered by room, key and text: one [`Sent`] is one message that may exist.

use super::{Kind, Op, Status};
use std::collections::HashMap;

/// One message, with all attempts to send it.
#[derive(Debug)]
pub(super) struct Sent<'a> {
    pub(super) client: &'a str,
    pub(super) key: Option<&'a str>,
    /// When the first attempt began: it cannot be seen before.
    pub(super) first: u64,
    /// When it was first acknowledged: from then on it must be seen.
    pub(super) acked: Option<u64>,
    /// No attempt was acknowledged and none is unknown.
    pub(super) refused: bool,
    /// The reply it was acknowledged with, and when.
    pub(super) reply: Option<(&'a str, u64)>,
    /// Its texts, oldest first: when the change was begun, when it was acknowledged.
    pub(super) texts: Vec<Text<'a>>,
    /// When a delete that may have happened began, and when it was acknowledged.
    pub(super) deleted: Option<(u64, Option<u64>)>,
}

/// One text a message had.
#[derive(Debug)]
pub(super) struct Text<'a> {
    pub(super) text: &'a str,
    pub(super) from: u64,
    pub(super) acked: Option<u64>,
}

impl Sent<'_> {
    /// The name a person finds it by.
    pub(super) fn name(&self) -> String {
        self.texts.first().map_or_else(String::new, |text| format!("{:?} of {}", text.text, self.client))
    }

    /// Whether a read that ended at `t1` may miss it because it was being deleted.
    pub(super) fn may_be_gone(&self, t1: u64) -> bool {
        self.deleted.is_some_and(|(from, _)| from <= t1)
    }

    /// Whether `text` was replaced, or the message deleted, and acknowledged so before `t0`.
    pub(super) fn stale(&self, text: &str, t0: u64) -> bool {
        let deleted = self.deleted.and_then(|(_, acked)| acked).is_some_and(|acked| acked < t0);
        let at = self.texts.iter().rposition(|known| known.text == text).unwrap_or(0);
        deleted || self.texts.iter().skip(at + 1).any(|newer| newer.acked.is_some_and(|acked| acked < t0))
    }
}

/// The messages of one room.
#[derive(Debug, Default)]
pub(super) struct Room<'a> {
    pub(super) sent: Vec<Sent<'a>>,
    /// From a text to the message that has or had it.
    pub(super) by_text: HashMap<&'a str, usize>,
    /// All full reads and all tellings of subscriptions, in the order of their ends.
    pub(super) reads: Vec<&'a Op>,
    pub(super) events: Vec<&'a Op>,
    /// The acknowledged sends, for comparing ids and numbers.
    pub(super) acks: Vec<(&'a Op, usize)>,
}

/// Gathers a history by room.
pub(super) fn rooms(ops: &[Op]) -> HashMap<&str, Room<'_>> {
    let mut in_order: Vec<&Op> = ops.iter().collect();
    in_order.sort_by_key(|op| op.t1);
    let mut rooms: HashMap<&str, Room<'_>> = HashMap::new();
    for op in &in_order {
        let room = rooms.entry(&op.room).or_default();
        match op.op {
            Kind::Send => send(room, op),
            Kind::Read if op.status == Status::Ok => room.reads.push(op),
            Kind::Event if op.status == Status::Ok => room.events.push(op),
            _ => {}
        }
    }
    for op in in_order {
        let Some(room) = rooms.get_mut(op.room.as_str()) else { continue };
        // Only now: the send whose message this changes may have been answered later.
        match op.op {
            Kind::Edit => edit(room, op),
            Kind::Delete => delete(room, op),
            _ => {}
        }
    }
    rooms
}

fn send<'a>(room: &mut Room<'a>, op: &'a Op) {
    let Some(body) = op.body.as_deref() else { return };
    let key = op.key.as_deref();
    // Without a key every attempt is a message of its own, but two with one text cannot be told apart.
    let at = *room.by_text.entry(body).or_insert_with(|| {
        let text = Text { text: body, from: op.t0, acked: None };
        room.sent.push(Sent {
            client: &op.client,
            key,
            first: op.t0,
            acked: None,
            refused: true,
            reply: None,
            texts: vec![text],
            deleted: None,
        });
        room.sent.len() - 1
    });
    let sent = &mut room.sent[at];
    sent.first = sent.first.min(op.t0);
    sent.refused &= op.status == Status::Fail;
    if op.status == Status::Ok {
        sent.acked.get_or_insert(op.t1);
        if let Some(reply) = op.reply.as_deref() {
            sent.reply.get_or_insert((reply, op.t1));
        }
        room.acks.push((op, at));
    }
}

fn edit<'a>(room: &mut Room<'a>, op: &'a Op) {
    let (Some(body), Some(at)) = (op.body.as_deref(), of_key(room, op)) else { return };
    if op.status != Status::Fail {
        let acked = (op.status == Status::Ok).then_some(op.t1);
        room.by_text.insert(body, at);
        room.sent[at].texts.push(Text { text: body, from: op.t0, acked });
    }
}

fn delete(room: &mut Room<'_>, op: &Op) {
    let Some(at) = of_key(room, op) else { return };
    if op.status != Status::Fail {
        let acked = (op.status == Status::Ok).then_some(op.t1);
        let deleted = room.sent[at].deleted.get_or_insert((op.t0, acked));
        deleted.0 = deleted.0.min(op.t0);
        deleted.1 = deleted.1.or(acked);
    }
}

fn of_key(room: &Room<'_>, op: &Op) -> Option<usize> {
    op.key.as_deref().and_then(|key| room.sent.iter().position(|sent| sent.key == Some(key)))
}
