//! Histories that must pass, and what surrounds the checker.

use super::super::{History, from_lines, to_lines};
use super::*;

#[test]
fn nothing_happened() {
    passes(&[]);
    passes(&[read("r", 0, 1, "")]);
}

#[test]
fn writers_side_by_side() {
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
fn unknown_outcomes_may_be_there_or_not() {
    let unknown = |t0: u64, body: &str| with_status(Status::Info, sent("w", t0, t0 + 1, body));
    passes(&[unknown(0, "a"), unknown(2, "b"), read("r", 10, 11, "b")]);
    passes(&[unknown(0, "a"), sent("w", 6, 9, "a"), unknown(10, "b"), read("r", 20, 21, "a")]);
    // The first attempt counted though nobody said so; the retry was answered when two others had been sent in between.
    passes(&[unknown(0, "a"), sent("v", 2, 3, "b"), sent("w", 4, 5, "a"), read("r", 10, 11, "a b")]);
    passes(&[unknown(0, "a"), sent("v", 2, 3, "b"), sent("w", 4, 5, "a"), read("r", 10, 11, "b a")]);
}

#[test]
fn a_refused_retry_after_an_unknown_attempt_proves_nothing() {
    let unknown = with_status(Status::Info, sent("w", 0, 1, "a"));
    passes(&[unknown, with_status(Status::Fail, sent("w", 2, 3, "a")), read("r", 10, 11, "a")]);
}

#[test]
fn streams_that_resume_and_start_in_the_middle() {
    let told = [numbered(Kind::Event, "r", 100, &[2, 3]), numbered(Kind::Event, "r", 110, &[4])];
    let again = Op { stream: Some("second".into()), ..numbered(Kind::Event, "r", 120, &[1, 2, 3, 4]) };
    passes(&[sends(4), told.to_vec(), vec![again, numbered(Kind::Read, "q", 200, &[1, 2, 3, 4])]].concat());
}

#[test]
fn a_reply_grows_and_ends() {
    let at = |t: u64, reply: &str, done| Op {
        seen: vec![replied("a", reply, done)],
        ..op(Kind::Read, "r", t, t + 1)
    };
    let acked = Op { reply: Some("seven".into()), ..sent("w", 0, 40, "a") };
    let quiet = Op { quiet: true, ..at(50, "seven", true) };
    passes(&[acked, at(10, "", false), at(20, "sev", false), at(30, "seven", true), quiet]);
}

#[test]
fn edits_and_deletes() {
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
fn two_transports_with_ids_of_their_own() {
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
    let ops = [
        vec![edited(1, 2, "k", "b"), deleted(1, 2, "k")],
        sends(2),
        vec![numbered(Kind::Event, "r", 9, &[1])],
    ]
    .concat();
    let lines = to_lines(&ops)?;
    assert_eq!(lines.lines().count(), 5);
    assert!(lines.contains(r#""op":"send","status":"ok","key":"kn1","body":"n1""#), "{lines}");
    assert_eq!(from_lines(&lines)?, ops);
    Ok(())
}
