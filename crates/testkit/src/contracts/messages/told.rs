//! Messages without a turn of their own: told to a room, told along with a send; and sends that go on
//! from a turn or carry a client's id.

use super::super::durable::{
    TestStore, at, complete, exchange, id, new_room, ok, once, opened, other_body, places, room, send_to,
    sent, sent_again, sound, there, user,
};
use maru_domain::ids::{MessageId, RoomId, UserId};
use maru_domain::messages::Role;
use maru_domain::messages::ports::{Heard, NewSend, NewTold, SendOutcome, SendTarget, TellOutcome, Told};
use maru_domain::once::Once;
use maru_domain::rooms::RoomKind;
use maru_domain::rooms::ports::{NewRoom, RoomChange, RoomFields};
use maru_domain::services::StorePorts;
use maru_domain::turns::TurnOptions;
use serde_json::Map;

fn told(role: Role, content: &str) -> Told {
    Told { id: MessageId(id()), role, content: content.into(), metadata: Map::new() }
}

fn two() -> Vec<Told> {
    vec![told(Role::User, "one"), told(Role::Assistant, "eins")]
}

fn to(target: SendTarget, told: Vec<Told>) -> NewTold {
    NewTold { target, told, once: None, now: at(30) }
}

async fn heard(store: &StorePorts, new: NewTold) -> Heard {
    match ok(store.messages.tell(new).await) {
        TellOutcome::Stored(Once::Done(heard)) => *heard,
        other => panic!("not stored: {other:?}"),
    }
}

/// They are numbered like all others, and the room is opened in the same step.
pub async fn what_was_said_elsewhere_is_told(store: TestStore) {
    let ann = user(&store, "ann").await;
    let new = NewRoom { owner: Some(ann.id), kind: RoomKind::Openai, ..new_room() };
    let opened = heard(&store, to(SendTarget::New(Box::new(new)), two())).await;
    assert_eq!((opened.room.message_count, opened.room.owner), (2, Some(ann.id)));
    let more =
        heard(&store, to(SendTarget::Room(opened.room.id), vec![told(Role::System, "be brief")])).await;
    assert_eq!(more.messages[0].seq, 3);
    let all = sound(&store, opened.room.id).await;
    let said: Vec<_> =
        all.messages.iter().map(|said| (said.role, said.content.as_str(), said.turn_id)).collect();
    assert_eq!(
        said,
        [(Role::User, "one", None), (Role::Assistant, "eins", None), (Role::System, "be brief", None)]
    );
    // A turn is told of them.
    let asked = sent(&store, send_to(opened.room.id, "two")).await;
    let prompt = there(store.turns.prompt(asked.turn.id, 10).await);
    assert_eq!(prompt.messages.len(), 4);
}

/// A second arrival finds what the first has stored.
pub async fn telling_twice_under_a_key_stores_one(store: TestStore) {
    let room = room(&store).await;
    let keyed = |told| NewTold { once: Some(once("k")), ..to(SendTarget::Room(room.id), told) };
    let first = heard(&store, keyed(two())).await;
    match ok(store.messages.tell(keyed(two())).await) {
        TellOutcome::Stored(Once::Replayed(again)) => assert_eq!(again.messages, first.messages),
        other => panic!("not replayed: {other:?}"),
    }
    let other = NewTold { once: Some(other_body(&once("k"))), ..keyed(two()) };
    assert_eq!(ok(store.messages.tell(other).await), TellOutcome::Stored(Once::KeyReused));
    assert_eq!(sound(&store, room.id).await.messages.len(), 2);
}

/// Nothing is told to a room that is not there or has ended, nor to one of a user who is gone.
pub async fn what_cannot_be_told_leaves_no_trace(store: TestStore) {
    let tell = |target| store.messages.tell(to(target, two()));
    assert_eq!(ok(tell(SendTarget::Room(RoomId(id()))).await), TellOutcome::RoomMissing);
    let ended = room(&store).await;
    let fields = RoomFields { end: true, ..RoomFields::default() };
    there(store.rooms.change(RoomChange { room: ended.id, fields, now: at(20) }).await);
    assert_eq!(ok(tell(SendTarget::Room(ended.id)).await), TellOutcome::RoomEnded);
    let nobodys = NewRoom { owner: Some(UserId(id())), ..new_room() };
    assert_eq!(ok(tell(SendTarget::New(Box::new(nobodys))).await), TellOutcome::RoomMissing);
    assert_eq!(sound(&store, ended.id).await.messages, []);
}

/// What is told along with a message stands just before it, in the same step.
pub async fn a_message_may_bring_its_past(store: TestStore) {
    let ann = user(&store, "ann").await;
    let new = NewRoom { owner: Some(ann.id), ..new_room() };
    let options = TurnOptions {
        past: 2,
        opened: true,
        instructions: Some("be brief".into()),
        ..TurnOptions::default()
    };
    let send = NewSend {
        target: SendTarget::New(Box::new(new.clone())),
        told: two(),
        options: options.clone(),
        ..send_to(new.id, "two")
    };
    let first = sent(&store, send).await;
    assert!(first.opened && first.claimed);
    assert_eq!((first.message.seq, first.turn.position, &first.turn.options), (3, 3, &options));
    assert_eq!(places(&sound(&store, new.id).await), [1, 2, 3, 4]);
    let prompt = there(store.turns.prompt(first.turn.id, 10).await);
    assert_eq!((prompt.messages.len(), prompt.options), (3, options));
    assert_eq!(there(store.turns.first(new.id).await).turn, first.turn);
    assert_eq!(ok(store.turns.first(RoomId(id())).await), None);
}

/// After a turn that is not the last one nothing is stored.
pub async fn a_send_goes_on_from_the_last_turn_only(store: TestStore) {
    let room = room(&store).await;
    let first = exchange(&store, room.id, "one", "eins").await;
    let after =
        |turn| NewSend { target: SendTarget::After { room: room.id, turn }, ..send_to(room.id, "two") };
    let second = sent(&store, after(first.turn.id)).await;
    complete(&store, &second.turn, "zwei").await;
    let before = sound(&store, room.id).await;
    let keyed = NewSend { once: Some(once("k")), ..after(first.turn.id) };
    assert_eq!(ok(store.messages.send(keyed.clone()).await), SendOutcome::NotLast);
    assert_eq!(sound(&store, room.id).await, before);
    // The key stands for nothing, and the last turn is found under it.
    let third = NewSend { target: SendTarget::After { room: room.id, turn: second.turn.id }, ..keyed };
    let third = sent(&store, third).await;
    assert_eq!(third.message.seq, 5);
    // A message without a turn counts, too.
    complete(&store, &third.turn, "drei").await;
    heard(&store, to(SendTarget::Room(room.id), two())).await;
    assert_eq!(ok(store.messages.send(after(third.turn.id)).await), SendOutcome::NotLast);
    let elsewhere = opened(&store, new_room()).await;
    let foreign = NewSend {
        target: SendTarget::After { room: elsewhere.id, turn: third.turn.id },
        ..after(third.turn.id)
    };
    assert_eq!(ok(store.messages.send(foreign).await), SendOutcome::NotLast);
}

/// Of many that go on from one turn at once, one does.
pub async fn one_of_many_goes_on_from_a_turn(store: TestStore) {
    let room = room(&store).await;
    let first = exchange(&store, room.id, "one", "eins").await;
    let sends = (0..8).map(|_| {
        let target = SendTarget::After { room: room.id, turn: first.turn.id };
        let send = NewSend { target, queue_limit: 100, ..send_to(room.id, "two") };
        let messages = std::sync::Arc::clone(&store.messages);
        async move { super::super::durable::patiently(|| messages.send(send.clone())).await }
    });
    let outcomes = futures_util::future::join_all(sends).await;
    let stored =
        outcomes.into_iter().filter(|outcome| matches!(outcome, Ok(SendOutcome::Stored(Once::Done(_)))));
    assert_eq!(stored.count(), 1);
    assert_eq!(sound(&store, room.id).await.messages.len(), 4);
}

/// The same id in a room is the same message, and in another room another.
pub async fn an_id_of_the_clients_names_one_message(store: TestStore) {
    let (one, other) = (room(&store).await, room(&store).await);
    let named = |room, content: &str| NewSend { client_id: Some("m1".into()), ..send_to(room, content) };
    let first = sent(&store, named(one.id, "hello")).await;
    let again = sent_again(&store, named(one.id, "hello")).await;
    assert_eq!((again.message, again.turn.id), (first.message.clone(), first.turn.id));
    let elsewhere = sent(&store, named(other.id, "hello")).await;
    assert_ne!(elsewhere.message.id, first.message.id);
    assert_eq!(there(store.messages.of_client(one.id, "m1".into()).await), first.message);
    assert_eq!(ok(store.messages.of_client(one.id, "m2".into()).await), None);
    assert_eq!(sound(&store, one.id).await.messages.len(), 2);
    // Deleted, it is nobody's any more.
    complete(&store, &first.turn, "hi").await;
    assert!(ok(store.messages.delete(one.id, first.message.id, at(40)).await));
    assert_eq!(ok(store.messages.of_client(one.id, "m1".into()).await), None);
    sent(&store, named(one.id, "hello")).await;
}
