//! The checker's own tests: bad histories are refused for what is wrong with them, and good ones pass.

mod bad;
mod good;

use super::{AnomalyKind, Kind, Op, Seen, Status, check, summary};
use std::collections::BTreeSet;

fn op(kind: Kind, client: &str, t0: u64, t1: u64) -> Op {
    let (client, room, transport) = (client.to_owned(), "room".to_owned(), "t".to_owned());
    Op { t0, t1, client, room, transport, op: kind, status: Status::Ok, ..Op::default() }
}

/// An acknowledged send; its key is its text with a `k` before it.
fn sent(client: &str, t0: u64, t1: u64, body: &str) -> Op {
    Op { key: Some(format!("k{body}")), body: Some(body.to_owned()), ..op(Kind::Send, client, t0, t1) }
}

fn with_status(status: Status, op: Op) -> Op {
    Op { status, ..op }
}

fn seen(body: &str) -> Seen {
    Seen { body: body.to_owned(), ..Seen::default() }
}

fn read(client: &str, t0: u64, t1: u64, bodies: &str) -> Op {
    Op { seen: bodies.split_whitespace().map(seen).collect(), ..op(Kind::Read, client, t0, t1) }
}

/// Messages by their numbers alone: `n` is number n.
fn numbered(kind: Kind, client: &str, t0: u64, numbers: &[u64]) -> Op {
    let seen = numbers.iter().map(|n| Seen { seq: Some(*n), ..seen(&format!("n{n}")) }).collect();
    Op { seen, stream: Some("s".into()), ..op(kind, client, t0, t0 + 1) }
}

/// Sends of `n1`, `n2`, … `count`.
fn sends(count: u64) -> Vec<Op> {
    (1..=count).map(|n| sent("w", n * 10, n * 10 + 5, &format!("n{n}"))).collect()
}

fn edited(t0: u64, t1: u64, key: &str, body: &str) -> Op {
    Op { key: Some(key.into()), body: Some(body.into()), ..op(Kind::Edit, "w", t0, t1) }
}

fn deleted(t0: u64, t1: u64, key: &str) -> Op {
    Op { key: Some(key.into()), ..op(Kind::Delete, "w", t0, t1) }
}

fn replied(body: &str, reply: &str, done: bool) -> Seen {
    Seen { reply: Some(reply.into()), done: Some(done), ..seen(body) }
}

#[track_caller]
fn refused_for(kind: AnomalyKind, ops: &[Op]) {
    let anomalies = check(ops);
    let kinds: BTreeSet<_> = anomalies.iter().map(|anomaly| anomaly.kind).collect();
    assert_eq!(kinds, BTreeSet::from([kind]), "{}", summary(&anomalies));
}

#[track_caller]
fn passes(ops: &[Op]) {
    let anomalies = check(ops);
    assert!(anomalies.is_empty(), "{}", summary(&anomalies));
}
