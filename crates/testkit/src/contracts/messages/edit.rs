//! Edits of a person's text.

use super::super::durable::{
    TestStore, at, done, exchange, id, kinds_after, ok, patiently, room, room_now, send_to, send_to_session,
    sent, sound, there, user,
};
use maru_domain::events::RoomEventKind;
use maru_domain::ids::{RoomId, TurnId};
use maru_domain::messages::ports::{Edit, EditTarget, NewSend};
use tokio::task::JoinSet;

/// Nothing else of it changes, and there is no new reply.
pub async fn an_edit_replaces_the_text_of_the_person(store: TestStore) {
    let room = room(&store).await;
    let first = exchange(&store, room.id, "one", "eins").await;
    exchange(&store, room.id, "two", "zwei").await;
    let before = sound(&store, room.id).await;
    let edit = Edit {
        room_id: room.id,
        target: EditTarget::Turn(first.turn.id),
        content: "1'\"😀".into(),
        now: at(50),
    };
    let edited = there(store.messages.edit(edit).await);
    let mut expected = before.clone();
    expected.messages[0].content = "1'\"😀".into();
    expected.messages[0].updated_at = at(50);
    expected.messages[0].edited_at = Some(at(50));
    expected.room.version += 1;
    expected.room.last_seq += 1;
    expected.room.updated_at = at(50);
    assert_eq!(edited, expected.messages[0]);
    assert_eq!(sound(&store, room.id).await, expected);
    let kinds = kinds_after(&store, room.id, before.room.last_seq).await;
    assert_eq!(kinds, [RoomEventKind::MessageUpdated]);
    let event = ok(store.events.after(room.id, before.room.last_seq, 1).await).remove(0);
    assert_eq!((event.subject, event.at), (first.message.id.0, at(50)));
}

/// A person may mend what was said.
pub async fn an_edit_of_an_ended_room_is_allowed(store: TestStore) {
    let ann = user(&store, "ann").await;
    let said = sent(&store, send_to_session(ann.id, "one")).await;
    done(store.rooms.end_session(ann.id, None, at(30)).await);
    let edit = Edit {
        room_id: said.room.id,
        target: EditTarget::Turn(said.turn.id),
        content: "two".into(),
        now: at(50),
    };
    assert_eq!(there(store.messages.edit(edit).await).content, "two");
    sound(&store, said.room.id).await;
}

/// No room, no turn, or a turn of another room.
pub async fn an_edit_of_what_is_not_there_leaves_no_trace(store: TestStore) {
    let (one, other) = (room(&store).await, room(&store).await);
    let here = exchange(&store, one.id, "one", "eins").await;
    let elsewhere = exchange(&store, other.id, "two", "zwei").await;
    let before = (sound(&store, one.id).await, sound(&store, other.id).await);
    for (room_id, turn_id) in [
        (RoomId(id()), here.turn.id),
        (one.id, TurnId(id())),
        (one.id, elsewhere.turn.id),
        (one.id, TurnId(here.message.id.0)),
    ] {
        let edit = Edit { room_id, target: EditTarget::Turn(turn_id), content: "no".into(), now: at(50) };
        assert_eq!(ok(store.messages.edit(edit).await), None);
    }
    assert_eq!((sound(&store, one.id).await, sound(&store, other.id).await), before);
}

/// In one order, without a gap.
pub async fn edits_and_sends_at_once_are_all_numbered(store: TestStore) {
    let room = room(&store).await;
    let first = exchange(&store, room.id, "one", "eins").await;
    let before = room_now(&store, room.id).await;
    let mut calls = JoinSet::new();
    for number in 0..40 {
        let messages = store.messages.clone();
        let edit = Edit {
            room_id: room.id,
            target: EditTarget::Turn(first.turn.id),
            content: format!("{number}"),
            now: at(50),
        };
        let send = NewSend { queue_limit: 100, ..send_to(room.id, "more") };
        calls.spawn(async move {
            if number % 2 == 0 {
                ok(patiently(|| messages.edit(edit.clone())).await).map(|_| 1)
            } else {
                ok(patiently(|| messages.send(send.clone())).await);
                Some(3)
            }
        });
    }
    let events: Option<i64> = calls.join_all().await.into_iter().sum();
    let after = sound(&store, room.id).await.room;
    assert_eq!(Some(after.last_seq - before.last_seq), events);
    assert_eq!(after.version - before.version, 40);
    assert_eq!(after.message_count, before.message_count + 40);
}
