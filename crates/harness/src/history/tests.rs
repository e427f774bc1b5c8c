//! The checker's own tests: bad histories are refused for what is wrong with them, and good ones pass.

use super::{AnomalyKind, History, Kind, Op, Seen, Status, check, from_lines, summary, to_lines};
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

#[test]
fn bad_an_acknowledged_message_is_missing() {
    refused_for(AnomalyKind::LostWrite, &[sent("w", 0, 5, "a"), sent("w", 6, 9, "b"), read("r", 10, 11, "a")]);
}

#[test]
fn bad_an_acknowledged_message_is_missing_for_one_reader_in_between() {
    let ops = [sent("w", 0, 5, "a"), read("r1", 6, 7, ""), read("r2", 10, 11, "a")];
    refused_for(AnomalyKind::LostWrite, &ops);
}

#[test]
fn bad_a_message_acknowledged_only_at_the_retry_is_missing() {
    let first = with_status(Status::Info, sent("w", 0, 5, "a"));
    refused_for(AnomalyKind::LostWrite, &[first, sent("w", 6, 9, "a"), read("r", 10, 11, "")]);
}

#[test]
fn bad_an_unacknowledged_message_is_seen_and_then_gone() {
    let unknown = with_status(Status::Info, sent("w", 0, 5, "a"));
    refused_for(AnomalyKind::LostWrite, &[unknown, read("r", 6, 7, "a"), read("r", 8, 9, "")]);
}

#[test]
fn bad_a_message_is_there_twice() {
    let ops = [sent("w", 0, 1, "a"), sent("w", 2, 3, "b"), read("r", 10, 11, "a b a")];
    refused_for(AnomalyKind::Duplicate, &ops);
}

#[test]
fn bad_a_retry_gets_another_id() {
    let first = Op { id: Some("1".into()), ..sent("w", 0, 5, "a") };
    let again = Op { id: Some("2".into()), ..sent("w", 6, 9, "a") };
    refused_for(AnomalyKind::Duplicate, &[first, again, read("r", 10, 11, "a")]);
}

#[test]
fn bad_one_key_takes_two_bodies() {
    let key = Some("k".to_owned());
    let first = Op { id: Some("1".into()), key: key.clone(), ..sent("w", 0, 5, "a") };
    let other = Op { id: Some("2".into()), key, ..sent("w", 6, 9, "b") };
    refused_for(AnomalyKind::Duplicate, &[first, other, read("r", 10, 11, "a b")]);
}

#[test]
fn bad_two_messages_have_one_id() {
    let one = |body: &str| Seen { id: Some("1".into()), ..seen(body) };
    let read = Op { seen: vec![one("a"), one("b")], ..op(Kind::Read, "r", 10, 11) };
    refused_for(AnomalyKind::Duplicate, &[sent("w", 0, 1, "a"), sent("w", 2, 3, "b"), read]);
}

#[test]
fn bad_two_messages_have_one_number() {
    let a = Op { seq: Some(1), ..sent("w", 0, 1, "a") };
    let b = Op { seq: Some(1), ..sent("w", 2, 3, "b") };
    refused_for(AnomalyKind::Reordered, &[a, b, read("r", 10, 11, "a b")]);
}

#[test]
fn bad_one_writers_messages_are_exchanged() {
    refused_for(AnomalyKind::Reordered, &[sent("w", 0, 1, "a"), sent("w", 2, 3, "b"), read("r", 10, 11, "b a")]);
}

#[test]
fn bad_a_message_stands_behind_another_writers_later_one() {
    refused_for(AnomalyKind::Reordered, &[sent("w1", 0, 1, "a"), sent("w2", 2, 3, "b"), read("r", 10, 11, "b a")]);
}

#[test]
fn bad_two_readers_see_two_orders() {
    let concurrent = [sent("w1", 0, 5, "a"), sent("w2", 0, 5, "b")];
    let reads = [read("r1", 6, 7, "a b"), read("r2", 8, 9, "b a")];
    refused_for(AnomalyKind::Reordered, &[concurrent, reads].concat());
}

#[test]
fn bad_a_stream_has_another_order_than_the_history() {
    let concurrent = [sent("w1", 0, 5, "a"), sent("w2", 0, 5, "b")];
    let told = Op { seen: vec![seen("b"), seen("a")], ..op(Kind::Event, "r1", 6, 7) };
    refused_for(AnomalyKind::Reordered, &[&concurrent[..], &[told, read("r2", 8, 9, "a b")]].concat());
}

#[test]
fn bad_content_that_nobody_sent() {
    refused_for(AnomalyKind::Invented, &[sent("w", 0, 1, "a"), read("r", 10, 11, "a ghost")]);
}

#[test]
fn bad_a_message_of_another_room() {
    let elsewhere = Op { room: "other".into(), ..sent("w", 0, 1, "a") };
    refused_for(AnomalyKind::Invented, &[elsewhere, read("r", 10, 11, "a")]);
}

#[test]
fn bad_a_refused_message_is_visible() {
    let refused = with_status(Status::Fail, sent("w", 0, 1, "a"));
    refused_for(AnomalyKind::Invented, &[refused, read("r", 10, 11, "a")]);
}

#[test]
fn bad_a_message_is_seen_before_it_was_sent() {
    refused_for(AnomalyKind::Invented, &[read("r", 0, 1, "a"), sent("w", 5, 6, "a"), read("r", 10, 11, "a")]);
}

#[test]
fn bad_numbers_fall_within_a_stream() {
    let told = [numbered(Kind::Event, "r", 100, &[1, 3]), numbered(Kind::Event, "r", 110, &[2])];
    let concurrent = (1..=3).map(|n| sent("w", 0, 50, &format!("n{n}")));
    refused_for(AnomalyKind::Nonmonotonic, &concurrent.chain(told).collect::<Vec<_>>());
}

#[test]
fn bad_a_number_is_missing_in_a_stream() {
    let told = [numbered(Kind::Event, "r1", 100, &[1, 3]), numbered(Kind::Event, "r2", 110, &[1, 2, 3])];
    refused_for(AnomalyKind::Skipped, &[sends(3), told.to_vec()].concat());
}

#[test]
fn bad_a_resumed_stream_has_a_gap() {
    let told = [numbered(Kind::Event, "r", 100, &[1]), numbered(Kind::Event, "r", 110, &[3])];
    refused_for(AnomalyKind::Skipped, &[sends(3), told.to_vec(), vec![numbered(Kind::Read, "r2", 200, &[1, 2, 3])]].concat());
}

#[test]
fn bad_a_later_reader_finds_a_message_in_front_of_one_already_read() {
    let concurrent = [sent("w1", 0, 50, "a"), sent("w2", 0, 5, "b")];
    refused_for(AnomalyKind::Skipped, &[&concurrent[..], &[read("r", 6, 7, "b"), read("r", 60, 61, "a b")]].concat());
}

#[test]
fn bad_a_subscriber_is_never_told() {
    let told = Op { quiet: true, ..numbered(Kind::Event, "r", 100, &[1]) };
    let begun = Op { seen: Vec::new(), ..numbered(Kind::Event, "r", 0, &[]) };
    refused_for(AnomalyKind::LostWrite, &[vec![begun], sends(2), vec![told]].concat());
}

#[test]
fn bad_an_acknowledged_reply_changed() {
    let sent = Op { reply: Some("seven".into()), ..sent("w", 0, 1, "a") };
    let read = Op { seen: vec![replied("a", "", true)], ..op(Kind::Read, "r", 10, 11) };
    refused_for(AnomalyKind::Altered, &[sent, read]);
}

#[test]
fn bad_a_finished_reply_changed() {
    let one = Op { seen: vec![replied("a", "seven", true)], ..op(Kind::Read, "r", 10, 11) };
    let two = Op { seen: vec![replied("a", "eight", true)], ..op(Kind::Read, "r", 12, 13) };
    refused_for(AnomalyKind::Altered, &[sent("w", 0, 1, "a"), one, two]);
}

#[test]
fn bad_a_reply_never_ends() {
    let read = Op { seen: vec![replied("a", "sev", false)], quiet: true, ..op(Kind::Read, "r", 10, 11) };
    refused_for(AnomalyKind::Unfinished, &[sent("w", 0, 1, "a"), read]);
}

#[test]
fn bad_an_old_text_after_the_edit() {
    refused_for(AnomalyKind::Stale, &[sent("w", 0, 1, "a"), edited(2, 3, "ka", "a2"), read("r", 10, 11, "a")]);
}

#[test]
fn bad_a_deleted_message_comes_back() {
    refused_for(AnomalyKind::Stale, &[sent("w", 0, 1, "a"), deleted(2, 3, "ka"), read("r", 10, 11, "a")]);
}

#[test]
fn good_nothing_happened() {
    passes(&[]);
    passes(&[read("r", 0, 1, "")]);
}

#[test]
fn good_writers_side_by_side() {
    let ops = [
        sent("w1", 0, 10, "a"),
        sent("w2", 0, 12, "b"),
        read("r", 5, 6, "b"),
        sent("w1", 11, 20, "c"),
        sent("w2", 13, 22, "d"),
        read("r", 15, 16, "b a"),
        read("r", 30, 31, "b a d c"),
    ];
    passes(&ops);
}

#[test]
fn good_unknown_outcomes_may_be_there_or_not() {
    let unknown = |t0: u64, body: &str| with_status(Status::Info, sent("w", t0, t0 + 1, body));
    passes(&[unknown(0, "a"), unknown(2, "b"), read("r", 10, 11, "b")]);
    passes(&[unknown(0, "a"), sent("w", 6, 9, "a"), unknown(10, "b"), read("r", 20, 21, "a")]);
    // The first attempt counted though nobody said so; the retry was answered when two others had been sent in between.
    passes(&[unknown(0, "a"), sent("v", 2, 3, "b"), sent("w", 4, 5, "a"), read("r", 10, 11, "a b")]);
    passes(&[unknown(0, "a"), sent("v", 2, 3, "b"), sent("w", 4, 5, "a"), read("r", 10, 11, "b a")]);
}

#[test]
fn good_a_refused_retry_after_an_unknown_attempt_proves_nothing() {
    let unknown = with_status(Status::Info, sent("w", 0, 1, "a"));
    passes(&[unknown, with_status(Status::Fail, sent("w", 2, 3, "a")), read("r", 10, 11, "a")]);
}

#[test]
fn good_streams_that_resume_and_start_in_the_middle() {
    let told = [numbered(Kind::Event, "r", 100, &[2, 3]), numbered(Kind::Event, "r", 110, &[4])];
    let again = Op { stream: Some("second".into()), ..numbered(Kind::Event, "r", 120, &[1, 2, 3, 4]) };
    passes(&[sends(4), told.to_vec(), vec![again, numbered(Kind::Read, "q", 200, &[1, 2, 3, 4])]].concat());
}

#[test]
fn good_a_reply_grows_and_ends() {
    let at = |t: u64, reply: &str, done| Op { seen: vec![replied("a", reply, done)], ..op(Kind::Read, "r", t, t + 1) };
    let acked = Op { reply: Some("seven".into()), ..sent("w", 0, 40, "a") };
    let quiet = Op { quiet: true, ..at(50, "seven", true) };
    passes(&[acked, at(10, "", false), at(20, "sev", false), at(30, "seven", true), quiet]);
}

#[test]
fn good_edits_and_deletes() {
    let ops = [
        sent("w", 0, 1, "a"),
        sent("w", 2, 3, "b"),
        read("r", 4, 9, "a b"),
        edited(5, 6, "ka", "a2"),
        read("r", 7, 8, "a2 b"),
        deleted(10, 20, "kb"),
        read("r", 12, 13, "a2"),
        read("r", 30, 31, "a2"),
    ];
    passes(&ops);
}

#[test]
fn good_two_transports_with_ids_of_their_own() {
    let on = |transport: &str, id: &str| {
        let seen = Seen { id: Some(id.into()), ..seen("a") };
        Op { transport: transport.into(), seen: vec![seen], ..op(Kind::Read, "r", 10, 11) }
    };
    passes(&[sent("w", 0, 1, "a"), on("token_chats", "x"), on("v1", "y")]);
}

#[test]
fn after_a_power_cut_late_acknowledgements_do_not_count() {
    let history = History::new();
    history.record(sent("w", 0, 5, "a"));
    history.record(sent("w", 6, 15, "b"));
    history.record(read("r", 11, 12, "a b"));
    history.record(read("r", 30, 31, "a"));
    history.outage(10, 20);
    passes(&history.ops());
}

#[test]
fn a_history_survives_its_file() -> Result<(), Box<dyn std::error::Error>> {
    let ops = [vec![edited(1, 2, "k", "b"), deleted(1, 2, "k")], sends(2), vec![numbered(Kind::Event, "r", 9, &[1])]].concat();
    let lines = to_lines(&ops)?;
    assert_eq!(lines.lines().count(), 5);
    assert!(lines.contains(r#""op":"send","status":"ok","key":"kn1","body":"n1""#), "{lines}");
    assert_eq!(from_lines(&lines)?, ops);
    Ok(())
}
