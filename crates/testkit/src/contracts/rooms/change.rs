//! Changes of a room's own fields, and what they do to its messages.

use super::super::durable::{
    TestStore, at, complete, exchange, id, kinds_after, new_room, ok, opened, room, room_now, send_to, sent,
    sound, there,
};
use maru_domain::events::RoomEventKind;
use maru_domain::ids::RoomId;
use maru_domain::messages::ports::SendOutcome;
use maru_domain::rooms::TurnPolicy;
use maru_domain::rooms::ports::{NewRoom, RoomChange, RoomFields};
use serde_json::{Map, json};

fn change(room: RoomId, fields: RoomFields) -> RoomChange {
    RoomChange { room, fields, now: at(60) }
}

/// The others stay; one event tells.
pub async fn a_change_touches_the_named_fields_only(store: TestStore) {
    let before = exchange(&store, room(&store).await.id, "one", "eins").await.room;
    let before = room_now(&store, before.id).await;
    let metadata = Map::from_iter([("a".to_owned(), json!([1, null]))]);
    let cases = [
        RoomFields { name: Some("새 이름".into()), ..RoomFields::default() },
        RoomFields { model: Some(Some("test/echo".into())), ..RoomFields::default() },
        RoomFields { model: Some(None), ..RoomFields::default() },
        RoomFields { turn_policy: Some(TurnPolicy::Reject), ..RoomFields::default() },
        RoomFields { metadata: Some(metadata.clone()), ..RoomFields::default() },
        RoomFields { system_prompt: Some(String::new()), ..RoomFields::default() },
    ];
    let mut expected = before.clone();
    for (number, fields) in (1..).zip(cases) {
        expected.name = fields.name.clone().unwrap_or(expected.name);
        expected.model = fields.model.clone().unwrap_or(expected.model);
        expected.turn_policy = fields.turn_policy.unwrap_or(expected.turn_policy);
        expected.metadata = fields.metadata.clone().unwrap_or(expected.metadata);
        expected.updated_at = at(60);
        (expected.version, expected.last_seq) = (before.version + number, before.last_seq + number);
        let changed = there(store.rooms.change(change(before.id, fields)).await);
        assert_eq!((&changed.room, changed.abandoned.len()), (&expected, 0));
        assert_eq!(sound(&store, before.id).await.room, expected);
        assert_eq!(kinds_after(&store, before.id, expected.last_seq - 1).await, [RoomEventKind::RoomUpdated]);
    }
    assert_eq!(sound(&store, before.id).await.messages.len(), 2, "the same prompt clears nothing");
    assert_eq!(ok(store.rooms.change(change(RoomId(id()), RoomFields::default())).await), None);
}

/// A conversation under one prompt makes little sense under another. What runs is told.
pub async fn another_prompt_clears_the_messages(store: TestStore) {
    let other = || RoomFields { system_prompt: Some("be long".into()), ..RoomFields::default() };
    let this = opened(&store, NewRoom { system_prompt: "be brief".into(), ..new_room() }).await;
    let elsewhere = exchange(&store, room(&store).await.id, "else", "where").await;
    exchange(&store, this.id, "one", "eins").await;
    let running = sent(&store, send_to(this.id, "two")).await;
    let kept = RoomFields { keep_messages: true, ..other() };
    let changed = there(store.rooms.change(change(this.id, kept)).await);
    assert_eq!((changed.room.message_count, changed.abandoned), (4, vec![]));
    let back = RoomFields { system_prompt: Some("be brief".into()), ..RoomFields::default() };
    let before = room_now(&store, this.id).await;
    let changed = there(store.rooms.change(change(this.id, back)).await);
    assert_eq!(changed.abandoned, [running.turn.id]);
    let kinds = kinds_after(&store, this.id, before.last_seq).await;
    assert_eq!(kinds, [RoomEventKind::RoomCleared, RoomEventKind::RoomUpdated]);
    let now = sound(&store, this.id).await;
    assert_eq!((now.room.message_count, now.room.last_message_at), (0, None));
    assert_eq!(now.room, changed.room);
    assert!(ok(store.turns.find(running.turn.id).await).is_none());
    assert_eq!(sound(&store, elsewhere.room.id).await.messages.len(), 2);
    // The room goes on, with numbers that were never used.
    let next = exchange(&store, this.id, "three", "drei").await;
    assert_eq!((next.message.seq, next.room.message_count), (5, 2));
}

/// Only what was said goes; the fields stay.
pub async fn clearing_leaves_an_empty_room(store: TestStore) {
    let this = exchange(&store, room(&store).await.id, "one", "eins").await.room;
    let clear = || RoomFields { clear: true, ..RoomFields::default() };
    let before = room_now(&store, this.id).await;
    let cleared = there(store.rooms.change(change(this.id, clear())).await).room;
    assert_eq!((cleared.message_count, &cleared.name, cleared.ended_at), (0, &before.name, None));
    assert_eq!(kinds_after(&store, this.id, before.last_seq).await, [RoomEventKind::RoomCleared]);
    assert_eq!(sound(&store, this.id).await.messages, []);
    assert_eq!(there(store.rooms.change(change(this.id, clear())).await).room.message_count, 0);
    sound(&store, this.id).await;
}

/// Once; what runs goes on, and nothing new is taken.
pub async fn a_room_is_ended_once(store: TestStore) {
    let running = sent(&store, send_to(room(&store).await.id, "one")).await;
    let end = || RoomFields { end: true, ..RoomFields::default() };
    let ended = there(store.rooms.change(change(running.room.id, end())).await).room;
    assert_eq!(ended.ended_at, Some(at(60)));
    let later = RoomChange { now: at(70), ..change(ended.id, end()) };
    let again = there(store.rooms.change(later).await).room;
    assert_eq!((again.ended_at, again.updated_at, again.last_seq), (Some(at(60)), at(60), ended.last_seq));
    assert_eq!(ok(store.messages.send(send_to(ended.id, "two")).await), SendOutcome::RoomEnded);
    complete(&store, &running.turn, "eins").await;
    assert_eq!(sound(&store, ended.id).await.messages[1].content, "eins");
}
