//! Messages to a room by the name that a foreign contract's client gave it.

use super::super::durable::{
    TestStore, complete, id, new_room, ok, once, patiently, places, send_to, sent, sent_again, sound, there,
    user,
};
use maru_domain::ids::{RoomId, UserId};
use maru_domain::messages::ports::{NewSend, SendOutcome, SendTarget};
use maru_domain::once::Once;
use maru_domain::rooms::ports::{NewRoom, RoomChange, RoomFields, RoomName};
use maru_domain::rooms::{RoomKind, TurnPolicy};
use std::collections::HashSet;
use tokio::task::JoinSet;

fn name(owner: Option<UserId>, public_id: &str) -> RoomName {
    RoomName { kind: RoomKind::Quote, owner, public_id: public_id.into() }
}

fn send_to_name(name: &RoomName, content: &str) -> NewSend {
    let room = NewRoom {
        kind: name.kind,
        owner: name.owner,
        public_id: Some(name.public_id.clone()),
        name: "opened by a message".into(),
        ..new_room()
    };
    NewSend { target: SendTarget::Named(Box::new(room)), ..send_to(RoomId(id()), content) }
}

/// The next goes there too, whatever else it says of the room.
pub async fn the_first_message_to_a_name_opens_its_room(store: TestStore) {
    let ann = user(&store, "ann").await;
    for owner in [None, Some(ann.id)] {
        let name = name(owner, "[\"a_b\",\"c\"]");
        assert_eq!(ok(store.rooms.named(name.clone()).await), None);
        let first = sent(&store, send_to_name(&name, "one")).await;
        assert!(first.opened && first.claimed);
        let room = &first.room;
        assert_eq!((room.kind, room.owner, room.turn_policy), (name.kind, owner, TurnPolicy::Queue));
        assert_eq!(room.public_id.as_deref(), Some(name.public_id.as_str()));
        assert_eq!((room.version, room.last_seq, room.message_count), (2, 3, 2));
        complete(&store, &first.turn, "eins").await;
        let mut again = send_to_name(&name, "two");
        if let SendTarget::Named(room) = &mut again.target {
            room.name = "another".into();
        }
        let second = sent(&store, again).await;
        assert!(!second.opened && second.claimed);
        assert_eq!((second.room.id, second.message.seq), (room.id, 3));
        assert_eq!(second.room.name, "opened by a message");
        assert_eq!(there(store.rooms.named(name).await).id, room.id);
        sound(&store, room.id).await;
    }
}

/// The same id of another owner, of nobody or of another kind is another room; so is one in other letters.
pub async fn a_name_is_its_owners_and_its_kinds(store: TestStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    let mut names: Vec<RoomName> =
        [None, Some(ann.id), Some(bob.id)].into_iter().map(|owner| name(owner, "line 1")).collect();
    names.push(RoomName { kind: RoomKind::Plc, ..name(None, "line 1") });
    names.push(RoomName { kind: RoomKind::Ui, ..name(Some(ann.id), "line 1") });
    names.push(name(None, "Line 1"));
    names.push(name(None, "line 1 "));
    let mut rooms = HashSet::new();
    for name in &names {
        let first = sent(&store, send_to_name(name, "hello")).await;
        assert!(first.opened && rooms.insert(first.room.id), "{name:?}");
        complete(&store, &first.turn, "hi").await;
    }
    for name in &names {
        let room = there(store.rooms.named(name.clone()).await);
        assert_eq!(
            (room.kind, room.owner, room.public_id),
            (name.kind, name.owner, Some(name.public_id.clone()))
        );
        assert_eq!(room.message_count, 2);
    }
}

/// As when the account is deleted while the message is on its way.
pub async fn a_named_room_of_a_user_who_is_gone_is_missing(store: TestStore) {
    let send = send_to_name(&name(Some(UserId(id())), "x"), "one");
    assert_eq!(ok(store.messages.send(send).await), SendOutcome::RoomMissing);
}

/// Its owner has ended it; a message does not open another beside it.
pub async fn an_ended_named_room_takes_no_message(store: TestStore) {
    let name = name(None, "x");
    let first = sent(&store, send_to_name(&name, "one")).await;
    complete(&store, &first.turn, "eins").await;
    let fields = RoomFields { end: true, ..RoomFields::default() };
    there(store.rooms.change(RoomChange { room: first.room.id, fields, now: first.turn.created_at }).await);
    assert_eq!(ok(store.messages.send(send_to_name(&name, "two")).await), SendOutcome::RoomEnded);
    assert_eq!(sound(&store, first.room.id).await.messages.len(), 2);
}

/// Two tabs, one thread.
pub async fn thirty_two_first_messages_to_a_name_open_one_room(store: TestStore) {
    let ann = user(&store, "ann").await;
    for owner in [None, Some(ann.id)] {
        let name = name(owner, "thread");
        let mut sends = JoinSet::new();
        for number in 0..32 {
            let messages = store.messages.clone();
            let send = NewSend { queue_limit: 100, ..send_to_name(&name, &format!("{number}")) };
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
        let told = sound(&store, there(store.rooms.named(name).await).id).await;
        assert_eq!(places(&told), (1..=64).collect::<Vec<_>>());
    }
}

/// Each message is stored in a room that was there then.
pub async fn deleting_a_named_room_while_it_is_sent_to_loses_nothing(store: TestStore) {
    let name = name(None, "thread");
    let mut calls = JoinSet::new();
    for number in 0..45 {
        let (messages, rooms, name) = (store.messages.clone(), store.rooms.clone(), name.clone());
        let send = NewSend { queue_limit: 100, ..send_to_name(&name, "hello") };
        calls.spawn(async move {
            if number % 3 > 0 {
                return match ok(patiently(|| messages.send(send.clone())).await) {
                    SendOutcome::Stored(Once::Done(_)) => 1,
                    other => panic!("not stored: {other:?}"),
                };
            }
            if let Some(room) = ok(patiently(|| rooms.named(name.clone())).await) {
                ok(patiently(|| rooms.delete(room.id)).await);
            }
            0
        });
    }
    let stored: i64 = calls.join_all().await.into_iter().sum();
    assert_eq!(stored, 30);
    if let Some(room) = ok(store.rooms.named(name).await) {
        let told = sound(&store, room.id).await;
        assert_eq!(places(&told), (1..=room.message_count).collect::<Vec<_>>());
    }
}

/// The late retry of a first message finds nothing and makes nothing.
pub async fn a_replay_does_not_open_a_named_room_again(store: TestStore) {
    let name = name(None, "thread");
    let keyed = || NewSend { once: Some(once("k")), ..send_to_name(&name, "hello") };
    let first = sent(&store, keyed()).await;
    let again = sent_again(&store, keyed()).await;
    assert!(again.opened && again.room.id == first.room.id);
    ok(store.rooms.delete(first.room.id).await);
    assert_eq!(ok(store.messages.send(keyed()).await), SendOutcome::RoomMissing);
    assert_eq!(ok(store.rooms.named(name).await), None);
}
