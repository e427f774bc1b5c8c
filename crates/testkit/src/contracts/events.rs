//! The contract of [`EventStore`](maru_domain::events::ports::EventStore).

use super::durable::{
    TestStore, at, complete, done, events, exchange, id, kept, ok, room, send_to_session, sent, sound, there,
    user, withdrawal,
};
use maru_domain::events::RoomEventKind;
use maru_domain::ids::RoomId;
use maru_domain::messages::ports::{Edit, EditTarget};

/// Names the tests of room events for an expression that opens an empty [`TestStore`].
#[macro_export]
macro_rules! events_contract {
    ($new:expr) => {
        $crate::contract_tests!(events, $new =>
            events_are_told_after_any_number,
            every_change_is_an_event,
        );
    };
}

/// In order, at most so many, of one room.
pub async fn events_are_told_after_any_number(store: TestStore) {
    let (here, elsewhere) = (room(&store).await.id, room(&store).await.id);
    for _ in 0..4 {
        exchange(&store, here, "one", "eins").await;
        exchange(&store, elsewhere, "one", "eins").await;
    }
    let all = events(&store, here).await;
    assert_eq!(all.iter().map(|event| event.seq).collect::<Vec<_>>(), (1..=20).collect::<Vec<_>>());
    for after in 0..=20 {
        for limit in [1, 3, 20, 100] {
            let from = usize::try_from(after).unwrap_or(0);
            let to = all.len().min(from + usize::try_from(limit).unwrap_or(0));
            assert_eq!(ok(store.events.after(here, after, limit).await), all[from..to]);
        }
    }
    assert_eq!(ok(store.events.after(here, -5, 2).await), all[..2]);
    for after in [20, 21, i64::MAX] {
        assert_eq!(ok(store.events.after(here, after, 9).await), []);
    }
    assert_eq!(ok(store.events.after(here, 0, 0).await), []);
    assert_eq!(ok(store.events.after(RoomId(id()), 0, 9).await), []);
}

/// It names what has changed; partial text is none.
pub async fn every_change_is_an_event(store: TestStore) {
    let ann = user(&store, "ann").await;
    let first = sent(&store, send_to_session(ann.id, "one")).await;
    kept(&store, &first.turn, "ei").await;
    complete(&store, &first.turn, "eins").await;
    let edit = Edit {
        room_id: first.room.id,
        target: EditTarget::Turn(first.turn.id),
        content: "ONE".into(),
        now: at(21),
    };
    there(store.messages.edit(edit).await);
    let second = sent(&store, send_to_session(ann.id, "two")).await;
    there(store.turns.finish(withdrawal(&second.turn)).await);
    let third = sent(&store, send_to_session(ann.id, "three")).await;
    there(store.turns.force_cancel(third.turn.id, at(22)).await);
    done(store.rooms.end_session(ann.id, None, at(23)).await);
    use RoomEventKind::{MessageCreated, MessageDeleted, MessageUpdated, RoomUpdated, TurnDone, TurnStarted};
    let started = |sent: &maru_domain::messages::ports::Sent| {
        let turn = &sent.turn;
        [(MessageCreated, turn.message_id.0), (MessageCreated, turn.reply_id.0), (TurnStarted, turn.id.0)]
    };
    let mut expected = started(&first).to_vec();
    expected.extend([(MessageUpdated, first.turn.reply_id.0), (TurnDone, first.turn.id.0)]);
    expected.push((MessageUpdated, first.message.id.0));
    expected.extend(started(&second));
    expected.extend([(MessageDeleted, second.message.id.0), (MessageDeleted, second.turn.reply_id.0)]);
    expected.extend(started(&third));
    expected.extend([(MessageUpdated, third.turn.reply_id.0), (TurnDone, third.turn.id.0)]);
    expected.push((RoomUpdated, first.room.id.0));
    let told = events(&store, first.room.id).await;
    assert_eq!(told.iter().map(|event| (event.kind, event.subject)).collect::<Vec<_>>(), expected);
    sound(&store, first.room.id).await;
}
