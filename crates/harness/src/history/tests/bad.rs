//! Histories that must be refused, each for what is wrong with it and for nothing else.

use super::*;

#[test]
fn an_acknowledged_message_is_missing() {
    refused_for(
        AnomalyKind::LostWrite,
        &[sent("w", 0, 5, "a"), sent("w", 6, 9, "b"), read("r", 10, 11, "a")],
    );
}

#[test]
fn an_acknowledged_message_is_missing_for_one_reader_in_between() {
    let ops = [sent("w", 0, 5, "a"), read("r1", 6, 7, ""), read("r2", 10, 11, "a")];
    refused_for(AnomalyKind::LostWrite, &ops);
}

#[test]
fn a_message_acknowledged_only_at_the_retry_is_missing() {
    let first = with_status(Status::Info, sent("w", 0, 5, "a"));
    refused_for(AnomalyKind::LostWrite, &[first, sent("w", 6, 9, "a"), read("r", 10, 11, "")]);
}

#[test]
fn an_unacknowledged_message_is_seen_and_then_gone() {
    let unknown = with_status(Status::Info, sent("w", 0, 5, "a"));
    refused_for(AnomalyKind::LostWrite, &[unknown, read("r", 6, 7, "a"), read("r", 8, 9, "")]);
}

#[test]
fn a_message_is_there_twice() {
    let ops = [sent("w", 0, 1, "a"), sent("w", 2, 3, "b"), read("r", 10, 11, "a b a")];
    refused_for(AnomalyKind::Duplicate, &ops);
}

#[test]
fn a_retry_gets_another_id() {
    let first = Op { id: Some("1".into()), ..sent("w", 0, 5, "a") };
    let again = Op { id: Some("2".into()), ..sent("w", 6, 9, "a") };
    refused_for(AnomalyKind::Duplicate, &[first, again, read("r", 10, 11, "a")]);
}

#[test]
fn one_key_takes_two_bodies() {
    let key = Some("k".to_owned());
    let first = Op { id: Some("1".into()), key: key.clone(), ..sent("w", 0, 5, "a") };
    let other = Op { id: Some("2".into()), key, ..sent("w", 6, 9, "b") };
    refused_for(AnomalyKind::Duplicate, &[first, other, read("r", 10, 11, "a b")]);
}

#[test]
fn two_messages_have_one_id() {
    let one = |body: &str| Seen { id: Some("1".into()), ..seen(body) };
    let read = Op { seen: vec![one("a"), one("b")], ..op(Kind::Read, "r", 10, 11) };
    refused_for(AnomalyKind::Duplicate, &[sent("w", 0, 1, "a"), sent("w", 2, 3, "b"), read]);
}

#[test]
fn two_messages_have_one_number() {
    let a = Op { seq: Some(1), ..sent("w", 0, 1, "a") };
    let b = Op { seq: Some(1), ..sent("w", 2, 3, "b") };
    refused_for(AnomalyKind::Reordered, &[a, b, read("r", 10, 11, "a b")]);
}

#[test]
fn one_writers_messages_are_exchanged() {
    refused_for(
        AnomalyKind::Reordered,
        &[sent("w", 0, 1, "a"), sent("w", 2, 3, "b"), read("r", 10, 11, "b a")],
    );
}

#[test]
fn a_message_stands_behind_another_writers_later_one() {
    refused_for(
        AnomalyKind::Reordered,
        &[sent("w1", 0, 1, "a"), sent("w2", 2, 3, "b"), read("r", 10, 11, "b a")],
    );
}

#[test]
fn two_readers_see_two_orders() {
    let concurrent = [sent("w1", 0, 5, "a"), sent("w2", 0, 5, "b")];
    let reads = [read("r1", 6, 7, "a b"), read("r2", 8, 9, "b a")];
    refused_for(AnomalyKind::Reordered, &[concurrent, reads].concat());
}

#[test]
fn a_stream_has_another_order_than_the_history() {
    let concurrent = [sent("w1", 0, 5, "a"), sent("w2", 0, 5, "b")];
    let told = Op { seen: vec![seen("b"), seen("a")], ..op(Kind::Event, "r1", 6, 7) };
    refused_for(AnomalyKind::Reordered, &[&concurrent[..], &[told, read("r2", 8, 9, "a b")]].concat());
}

#[test]
fn content_that_nobody_sent() {
    refused_for(AnomalyKind::Invented, &[sent("w", 0, 1, "a"), read("r", 10, 11, "a ghost")]);
}

#[test]
fn a_message_of_another_room() {
    let elsewhere = Op { room: "other".into(), ..sent("w", 0, 1, "a") };
    refused_for(AnomalyKind::Invented, &[elsewhere, read("r", 10, 11, "a")]);
}

#[test]
fn a_refused_message_is_visible() {
    let refused = with_status(Status::Fail, sent("w", 0, 1, "a"));
    refused_for(AnomalyKind::Invented, &[refused, read("r", 10, 11, "a")]);
}

#[test]
fn a_message_is_seen_before_it_was_sent() {
    refused_for(AnomalyKind::Invented, &[read("r", 0, 1, "a"), sent("w", 5, 6, "a"), read("r", 10, 11, "a")]);
}

#[test]
fn numbers_fall_within_a_stream() {
    let told = [numbered(Kind::Event, "r", 100, &[1, 3]), numbered(Kind::Event, "r", 110, &[2])];
    let concurrent = (1..=3).map(|n| sent("w", 0, 50, &format!("n{n}")));
    refused_for(AnomalyKind::Nonmonotonic, &concurrent.chain(told).collect::<Vec<_>>());
}

#[test]
fn a_number_is_missing_in_a_stream() {
    let told = [numbered(Kind::Event, "r1", 100, &[1, 3]), numbered(Kind::Event, "r2", 110, &[1, 2, 3])];
    refused_for(AnomalyKind::Skipped, &[sends(3), told.to_vec()].concat());
}

#[test]
fn a_resumed_stream_has_a_gap() {
    let told = [numbered(Kind::Event, "r", 100, &[1]), numbered(Kind::Event, "r", 110, &[3])];
    refused_for(
        AnomalyKind::Skipped,
        &[sends(3), told.to_vec(), vec![numbered(Kind::Read, "r2", 200, &[1, 2, 3])]].concat(),
    );
}

#[test]
fn a_later_reader_finds_a_message_in_front_of_one_already_read() {
    let concurrent = [sent("w1", 0, 50, "a"), sent("w2", 0, 5, "b")];
    refused_for(
        AnomalyKind::Skipped,
        &[&concurrent[..], &[read("r", 6, 7, "b"), read("r", 60, 61, "a b")]].concat(),
    );
}

#[test]
fn a_subscriber_is_never_told() {
    let told = Op { quiet: true, ..numbered(Kind::Event, "r", 100, &[1]) };
    let begun = Op { seen: Vec::new(), ..numbered(Kind::Event, "r", 0, &[]) };
    refused_for(AnomalyKind::LostWrite, &[vec![begun], sends(2), vec![told]].concat());
}

#[test]
fn an_acknowledged_reply_changed() {
    let sent = Op { reply: Some("seven".into()), ..sent("w", 0, 1, "a") };
    let read = Op { seen: vec![replied("a", "", true)], ..op(Kind::Read, "r", 10, 11) };
    refused_for(AnomalyKind::Altered, &[sent, read]);
}

#[test]
fn a_finished_reply_changed() {
    let one = Op { seen: vec![replied("a", "seven", true)], ..op(Kind::Read, "r", 10, 11) };
    let two = Op { seen: vec![replied("a", "eight", true)], ..op(Kind::Read, "r", 12, 13) };
    refused_for(AnomalyKind::Altered, &[sent("w", 0, 1, "a"), one, two]);
}

#[test]
fn a_reply_never_ends() {
    let read = Op { seen: vec![replied("a", "sev", false)], quiet: true, ..op(Kind::Read, "r", 10, 11) };
    refused_for(AnomalyKind::Unfinished, &[sent("w", 0, 1, "a"), read]);
}

#[test]
fn an_old_text_after_the_edit() {
    refused_for(
        AnomalyKind::Stale,
        &[sent("w", 0, 1, "a"), edited(2, 3, "ka", "a2"), read("r", 10, 11, "a")],
    );
}

#[test]
fn a_deleted_message_comes_back() {
    refused_for(AnomalyKind::Stale, &[sent("w", 0, 1, "a"), deleted(2, 3, "ka"), read("r", 10, 11, "a")]);
}
