//! The contract of [`UpkeepStore`](maru_domain::upkeep::ports::UpkeepStore).

use super::durable::{
    TestStore, at, complete, conflict, exchange, id, new_room, ok, room, room_now, send_to, sent, sound, user,
};
use maru_domain::clock::Timestamp;
use maru_domain::ids::MessageId;
use maru_domain::messages::{MessageStatus, Role};
use maru_domain::rooms::ports::NewRoom;
use maru_domain::upkeep::ports::NewSaid;
use serde_json::Map;

/// Names the tests of upkeep for an expression that opens an empty [`TestStore`](super::durable::TestStore).
#[macro_export]
macro_rules! upkeep_contract {
    ($new:expr) => {
        $crate::contract_tests!(upkeep, $new =>
            a_conversation_is_taken_over_as_it_was_said,
            a_conversation_is_taken_over_once,
            only_idle_rooms_are_found_and_deleted,
            a_sound_store_breaks_no_rule,
        );
    };
}

fn said(role: Role, content: &str, second: i64) -> NewSaid {
    NewSaid {
        id: MessageId(id()),
        role,
        content: content.to_owned(),
        status: MessageStatus::Completed,
        metadata: Map::new(),
        created_at: at(second),
    }
}

fn foreign(name: &str) -> NewRoom {
    NewRoom { public_id: Some(name.to_owned()), ..new_room() }
}

/// Numbers, events, counts and times are those of a room in which all this was said.
pub async fn a_conversation_is_taken_over_as_it_was_said(store: TestStore) {
    let all =
        vec![said(Role::User, "one", 10), said(Role::Assistant, "둘", 20), said(Role::System, "three", 30)];
    let taken = ok(store.upkeep.take_over(foreign("a"), Some(at(40)), all.clone(), at(99)).await);
    let conversation = sound(&store, taken.id).await;
    assert_eq!(conversation.room, taken);
    assert_eq!((taken.message_count, taken.last_seq), (3, 3));
    assert_eq!(
        (taken.last_message_at, taken.ended_at, taken.updated_at),
        (Some(at(30)), Some(at(40)), at(99))
    );
    for (message, said) in conversation.messages.iter().zip(&all) {
        assert_eq!((message.id, message.role, &message.content), (said.id, said.role, &said.content));
        assert_eq!((message.created_at, message.turn_id), (said.created_at, None));
    }
    // It goes on like any other.
    let open = ok(store.upkeep.take_over(foreign("b"), None, vec![said(Role::User, "x", 1)], at(99)).await);
    let next = exchange(&store, open.id, "and", "on").await;
    assert_eq!(next.message.seq, 2);
    sound(&store, open.id).await;
    let empty = ok(store.upkeep.take_over(foreign("c"), None, Vec::new(), at(99)).await);
    assert_eq!((empty.message_count, empty.last_message_at), (0, None));
    assert_eq!(ok(store.upkeep.broken().await), []);
}

/// The public id tells; what came first stays as it is.
pub async fn a_conversation_is_taken_over_once(store: TestStore) {
    let owner = user(&store, "owner").await.id;
    let owned = NewRoom { owner: Some(owner), ..foreign("again") };
    let first = ok(store.upkeep.take_over(owned.clone(), None, vec![said(Role::User, "1", 1)], at(9)).await);
    let again = NewRoom { id: maru_domain::ids::RoomId(id()), ..owned };
    conflict(store.upkeep.take_over(again, None, vec![said(Role::User, "2", 1)], at(9)).await);
    assert_eq!(sound(&store, first.id).await.messages[0].content, "1");
    // Nobody's room of that name is another one.
    ok(store.upkeep.take_over(foreign("again"), None, Vec::new(), at(9)).await);
}

/// Rooms in which a turn waits, or something was said or changed since, are not idle.
pub async fn only_idle_rooms_are_found_and_deleted(store: TestStore) {
    let old = ok(store.upkeep.take_over(foreign("old"), None, vec![said(Role::User, "x", 5)], at(6)).await);
    let busy = room(&store).await.id;
    let waits = sent(&store, send_to(busy, "waits")).await;
    let future = Timestamp::from_second(4_000_000_000).expect("a time");
    let numbers =
        |rooms: Vec<maru_domain::rooms::Room>| rooms.iter().map(|room| room.number).collect::<Vec<_>>();
    assert_eq!(
        numbers(ok(store.upkeep.idle(at(6), 0, 10).await)),
        [0; 0],
        "it was changed at that very moment"
    );
    assert_eq!(numbers(ok(store.upkeep.idle(at(7), 0, 10).await)), [old.number]);
    assert_eq!(numbers(ok(store.upkeep.idle(at(7), old.number, 10).await)), [0; 0]);
    assert_eq!(
        numbers(ok(store.upkeep.idle(future, 0, 10).await)),
        [old.number],
        "a turn waits in the other"
    );
    assert!(!ok(store.upkeep.delete_idle(busy, future).await));
    complete(&store, &waits.turn, "done").await;
    assert_eq!(ok(store.upkeep.idle(future, 0, 1).await).len(), 1);
    assert_eq!(ok(store.upkeep.idle(future, 0, 10).await).len(), 2);
    assert!(!ok(store.upkeep.delete_idle(old.id, at(6)).await));
    assert_eq!(room_now(&store, old.id).await, old);
    assert!(ok(store.upkeep.delete_idle(old.id, at(7)).await));
    assert!(!ok(store.upkeep.delete_idle(old.id, at(7)).await), "once");
    assert_eq!(ok(store.rooms.conversation(old.id).await), None);
    assert_eq!(sound(&store, busy).await.messages.len(), 2);
}

/// Whatever the ports do, no rule is broken.
pub async fn a_sound_store_breaks_no_rule(store: TestStore) {
    assert_eq!(ok(store.upkeep.broken().await), []);
    let talk = room(&store).await.id;
    exchange(&store, talk, "one", "two").await;
    let running = sent(&store, send_to(talk, "three")).await;
    assert_eq!(ok(store.upkeep.broken().await), [], "while a turn runs");
    ok(store.turns.force_cancel(running.turn.id, at(99)).await);
    let first = sound(&store, talk).await.messages[0].id;
    assert!(ok(store.messages.delete(talk, first, at(99)).await));
    assert_eq!(ok(store.upkeep.broken().await), [], "after a message was deleted");
    let hidden = room(&store).await.id;
    exchange(&store, hidden, "one", "two").await;
    ok(store.rooms.hide(hidden, at(99)).await);
    assert_eq!(ok(store.upkeep.broken().await), [], "after a room was hidden");
}
