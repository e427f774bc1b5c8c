//! Messages to a user's open session.

use super::super::durable::{
    TestStore, at, complete, done, id, ok, once, patiently, places, send_to_session, sent, sound, user,
};
use maru_domain::ids::UserId;
use maru_domain::messages::ports::{NewSend, SendOutcome};
use maru_domain::once::Once;
use maru_domain::rooms::{RoomKind, TurnPolicy};
use std::collections::HashSet;
use tokio::task::JoinSet;

/// The next goes there too; another user's does not.
pub async fn the_first_message_opens_a_session(store: TestStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    let first = sent(&store, send_to_session(ann.id, "one")).await;
    assert!(first.opened && first.claimed);
    let room = &first.room;
    assert_eq!(
        (room.kind, room.owner, room.turn_policy),
        (RoomKind::Session, Some(ann.id), TurnPolicy::Queue)
    );
    assert_eq!((room.version, room.last_seq, room.message_count), (2, 3, 2));
    complete(&store, &first.turn, "eins").await;
    let second = sent(&store, send_to_session(ann.id, "two")).await;
    assert!(!second.opened && second.claimed);
    assert_eq!((second.room.id, second.message.seq), (room.id, 3));
    let other = sent(&store, send_to_session(bob.id, "one")).await;
    assert!(other.opened && other.room.id != room.id);
    sound(&store, room.id).await;
}

/// As when the account is deleted while the message is on its way.
pub async fn a_session_of_a_user_who_is_gone_is_missing(store: TestStore) {
    let send = NewSend { once: Some(once("k")), ..send_to_session(UserId(id()), "one") };
    assert_eq!(ok(store.messages.send(send).await), SendOutcome::RoomMissing);
    assert_eq!(ok(store.once.kept(once("k"), at(10)).await), Once::Done(None));
}

/// Two tabs, one person.
pub async fn thirty_two_first_messages_open_one_session(store: TestStore) {
    let ann = user(&store, "ann").await;
    let mut sends = JoinSet::new();
    for number in 0..32 {
        let messages = store.messages.clone();
        let key = Some(once(&format!("{number}")));
        let send = NewSend { once: key, queue_limit: 100, ..send_to_session(ann.id, &format!("{number}")) };
        sends.spawn(async move { patiently(|| messages.send(send.clone())).await });
    }
    let (mut opened, mut claimed, mut rooms) = (0, 0, HashSet::new());
    for outcome in sends.join_all().await {
        match ok(outcome) {
            SendOutcome::Stored(Once::Done(sent)) => {
                opened += u8::from(sent.opened);
                claimed += u8::from(sent.claimed);
                rooms.insert(sent.room.id);
            }
            other => panic!("not stored: {other:?}"),
        }
    }
    assert_eq!((opened, claimed, rooms.len()), (1, 1, 1));
    let owned = ok(store.rooms.owned(ann.id).await);
    assert_eq!(owned.len(), 1);
    let told = sound(&store, owned[0].id).await;
    assert_eq!(places(&told), (1..=64).collect::<Vec<_>>());
    for pair in told.messages.chunks(2) {
        assert_eq!(pair[0].turn_id, pair[1].turn_id, "each message is followed by its own reply");
    }
}

/// Each message is in one session, and at most one of them is open.
pub async fn ending_and_sending_at_once_loses_nothing(store: TestStore) {
    let ann = user(&store, "ann").await;
    let mut calls = JoinSet::new();
    for number in 0..60 {
        let (messages, rooms) = (store.messages.clone(), store.rooms.clone());
        let send = NewSend { queue_limit: 100, ..send_to_session(ann.id, "hello") };
        calls.spawn(async move {
            if number % 3 == 0 {
                done(patiently(|| rooms.end_session(ann.id, None, at(30))).await);
                return 0;
            }
            match ok(patiently(|| messages.send(send.clone())).await) {
                SendOutcome::Stored(Once::Done(_)) => 1,
                other => panic!("not stored: {other:?}"),
            }
        });
    }
    let stored: i64 = calls.join_all().await.into_iter().sum();
    assert_eq!(stored, 40);
    let rooms = ok(store.rooms.owned(ann.id).await);
    assert_eq!(rooms.iter().map(|room| room.message_count).sum::<i64>(), 2 * stored);
    assert!(rooms.iter().filter(|room| room.ended_at.is_none()).count() <= 1);
    for room in rooms {
        let told = sound(&store, room.id).await;
        assert_eq!(places(&told), (1..=room.message_count).collect::<Vec<_>>());
    }
}
