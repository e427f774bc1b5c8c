//! Rooms and messages that a contract only hides (contract §4.3).

use super::super::durable::{
    TestStore, at, complete, done, exchange, id, kinds_after, new_room, ok, once, opened, patiently, room,
    room_now, send_to, sent, sound, there, user,
};
use maru_domain::events::RoomEventKind;
use maru_domain::ids::{RoomId, RoomRef, UserId};
use maru_domain::messages::ports::{Edit, EditTarget, NewSend, SendOutcome, SendTarget};
use maru_domain::once::Once;
use maru_domain::page::{Order, PageRequest, Part};
use maru_domain::rooms::RoomKind;
use maru_domain::rooms::ports::{NewRoom, RoomChange, RoomFields, RoomName};
use maru_domain::services::StorePorts;
use serde_json::{Map, json};
use tokio::task::JoinSet;

fn chat(owner: Option<UserId>, public_id: &str) -> NewRoom {
    NewRoom { kind: RoomKind::Plc, owner, public_id: Some(public_id.into()), ..new_room() }
}

fn name(owner: Option<UserId>, public_id: &str) -> RoomName {
    RoomName { kind: RoomKind::Plc, owner, public_id: public_id.into() }
}

fn start<K: Copy>(limit: usize) -> PageRequest<K> {
    PageRequest { limit, order: Order::Ascending, part: Part::Start }
}

/// By no way in.
pub async fn a_hidden_room_is_read_by_nobody(store: TestStore) {
    let ann = user(&store, "ann").await;
    let chat = opened(&store, chat(Some(ann.id), "chat001")).await;
    let said = exchange(&store, chat.id, "one", "eins").await;
    assert_eq!(ok(store.rooms.hide(chat.id, at(40)).await), Some(vec![]));
    assert_eq!(ok(store.rooms.hide(chat.id, at(41)).await), None, "it is gone");
    assert_eq!(ok(store.rooms.find(RoomRef::Id(chat.id)).await), None);
    assert_eq!(ok(store.rooms.find(RoomRef::Number(chat.number)).await), None);
    assert_eq!(ok(store.rooms.named(name(Some(ann.id), "chat001")).await), None);
    assert_eq!(ok(store.rooms.owned(ann.id).await), []);
    assert_eq!(ok(store.rooms.page(ann.id, start(10)).await).items, []);
    assert_eq!(ok(store.rooms.conversation(chat.id).await), None);
    assert_eq!(ok(store.messages.page(chat.id, start(10)).await).items, []);
    assert_eq!(ok(store.messages.find(chat.id, said.message.id).await), None);
    let fields = RoomFields { name: Some("back".into()), ..RoomFields::default() };
    assert_eq!(ok(store.rooms.change(RoomChange { room: chat.id, fields, now: at(42) }).await), None);
    let edit = Edit {
        room_id: chat.id,
        target: EditTarget::Message(said.message.id),
        content: "x".into(),
        now: at(42),
    };
    assert_eq!(ok(store.messages.edit(edit).await), None);
    let late = NewSend { once: Some(once("k")), ..send_to(chat.id, "late") };
    assert_eq!(ok(store.messages.send(late).await), SendOutcome::RoomMissing);
    assert_eq!(ok(store.once.kept(once("k"), at(10)).await), Once::Done(None));
    // Whoever follows its log is told that it was cleared.
    assert_eq!(kinds_after(&store, chat.id, said.room.last_seq + 2).await, [RoomEventKind::RoomCleared]);
}

/// The next room of that name begins anew.
pub async fn a_hidden_room_frees_its_name(store: TestStore) {
    let ann = user(&store, "ann").await;
    for owner in [None, Some(ann.id)] {
        let first = opened(&store, chat(owner, "chat001")).await;
        exchange(&store, first.id, "one", "eins").await;
        there(store.rooms.hide(first.id, at(40)).await);
        let send = NewSend {
            target: SendTarget::Named(Box::new(chat(owner, "chat001"))),
            ..send_to(RoomId(id()), "again")
        };
        let again = sent(&store, send).await;
        assert!(again.opened && again.room.id != first.id);
        assert_eq!(there(store.rooms.named(name(owner, "chat001")).await).id, again.room.id);
        assert_eq!(sound(&store, again.room.id).await.messages.len(), 2);
    }
}

/// So that whoever runs them stops.
pub async fn hiding_tells_the_turns_that_had_not_ended(store: TestStore) {
    let chat = opened(&store, chat(None, "chat001")).await;
    let first = sent(&store, send_to(chat.id, "one")).await;
    complete(&store, &first.turn, "eins").await;
    let (second, third) =
        (sent(&store, send_to(chat.id, "two")).await, sent(&store, send_to(chat.id, "three")).await);
    assert_eq!(ok(store.turns.unfinished(chat.id).await), [second.turn.id, third.turn.id]);
    let mut told = there(store.rooms.hide(chat.id, at(40)).await);
    told.sort();
    assert_eq!(told, [second.turn.id, third.turn.id]);
    assert_eq!(ok(store.turns.unfinished(chat.id).await), []);
    assert_eq!(ok(store.turns.find(second.turn.id).await), None);
}

/// A message is either refused or goes with the room.
pub async fn a_room_that_is_sent_to_while_it_is_hidden_keeps_no_message_open(store: TestStore) {
    let chat = opened(&store, chat(None, "chat001")).await;
    let (room, mut calls) = (chat.id, JoinSet::new());
    for number in 0..24 {
        let (messages, rooms) = (store.messages.clone(), store.rooms.clone());
        let send = NewSend { queue_limit: 100, ..send_to(chat.id, "hello") };
        calls.spawn(async move {
            if number == 12 {
                ok(patiently(|| rooms.hide(room, at(40))).await);
                return;
            }
            match ok(patiently(|| messages.send(send.clone())).await) {
                SendOutcome::Stored(Once::Done(_)) | SendOutcome::RoomMissing => {}
                other => panic!("neither stored nor refused: {other:?}"),
            }
        });
    }
    calls.join_all().await;
    assert_eq!(ok(store.turns.unfinished(chat.id).await), []);
    assert_eq!(ok(store.messages.page(chat.id, start(10)).await).items, []);
}

/// The room goes on without them.
pub async fn archived_messages_are_read_by_nobody(store: TestStore) {
    let room = room(&store).await;
    let first = exchange(&store, room.id, "one", "eins").await;
    let running = sent(&store, send_to(room.id, "two")).await;
    let fields = RoomFields { clear: true, archive: true, ..RoomFields::default() };
    let changed = there(store.rooms.change(RoomChange { room: room.id, fields, now: at(40) }).await);
    assert_eq!(changed.abandoned, [running.turn.id]);
    let now = sound(&store, room.id).await;
    assert_eq!((now.messages, now.room.message_count, now.room.last_message_at), (vec![], 0, None));
    assert_eq!(ok(store.messages.find(room.id, first.message.id).await), None);
    assert!(!ok(store.messages.delete(room.id, first.message.id, at(41)).await));
    let next = sent(&store, send_to(room.id, "three")).await;
    let prompt = there(store.turns.prompt(next.turn.id, 10).await);
    let texts: Vec<_> = prompt.messages.iter().map(|message| message.content.as_str()).collect();
    assert_eq!(texts, ["three"], "the model hears nothing of them");
    assert_eq!(sound(&store, room.id).await.messages.len(), 2);
    assert!(room_now(&store, room.id).await.version > now.room.version);
}

async fn of(store: &StorePorts, owner: Option<UserId>, user_id: &str) -> Vec<i64> {
    let rooms = ok(store.rooms.of_client(RoomKind::Plc, owner, user_id.into()).await);
    rooms.into_iter().map(|room| room.number).collect()
}

/// Of that owner and kind only, and none that is hidden.
pub async fn rooms_of_a_clients_user_are_listed_newest_first(store: TestStore) {
    let ann = user(&store, "ann").await;
    let by = |owner, public_id: &str, user_id: &str| NewRoom {
        metadata: Map::from_iter([("user_id".to_owned(), json!(user_id))]),
        ..chat(owner, public_id)
    };
    let one = opened(&store, by(None, "one", "u' \"한")).await;
    let two = opened(&store, by(None, "two", "u' \"한")).await;
    opened(&store, by(None, "three", "other")).await;
    opened(&store, chat(None, "four")).await;
    let hers = opened(&store, by(Some(ann.id), "one", "u' \"한")).await;
    opened(&store, NewRoom { kind: RoomKind::Native, ..by(None, "five", "u' \"한") }).await;
    let three = done(store.rooms.create(by(None, "six", "u' \"한"), None).await);
    assert_eq!(of(&store, None, "u' \"한").await, [three.number, two.number, one.number]);
    assert_eq!(of(&store, Some(ann.id), "u' \"한").await, [hers.number]);
    there(store.rooms.hide(two.id, at(40)).await);
    assert_eq!(of(&store, None, "u' \"한").await, [three.number, one.number]);
    assert_eq!(of(&store, None, "nobody").await, [0; 0]);
}
