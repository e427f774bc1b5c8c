//! The contract of [`EventStore`](maru_domain::events::ports::EventStore).

use super::durable::{
    TestStore, at, complete, done, events, exchange, id, kept, ok, room, send_to_session, sent, sound, there,
    user, withdrawal,
};
use maru_domain::events::RoomEventKind;
use maru_domain::ids::RoomId;
use maru_domain::messages::ports::{Edit, EditTarget};
use maru_domain::page::{Order, PageRequest, Part};

/// Names the tests of room events for an expression that opens an empty [`TestStore`].
#[macro_export]
macro_rules! events_contract {
    ($new:expr) => {
        $crate::contract_tests!(events, $new =>
            events_are_told_after_any_number,
            events_are_paged_both_ways,
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

/// In either order, from any number, of one room.
pub async fn events_are_paged_both_ways(store: TestStore) {
    let (here, elsewhere) = (room(&store).await.id, room(&store).await.id);
    for room in [here, elsewhere] {
        exchange(&store, room, "one", "eins").await;
    }
    let page = async |limit, order, part| {
        let page = ok(store.events.page(here, PageRequest { limit, order, part }).await);
        (page.items.iter().map(|event| event.seq).collect::<Vec<_>>(), page.has_more)
    };
    use Order::{Ascending, Descending};
    assert_eq!(page(9, Ascending, Part::Start).await, (vec![1, 2, 3, 4, 5], false));
    assert_eq!(page(2, Ascending, Part::After(2)).await, (vec![3, 4], true));
    assert_eq!(page(2, Ascending, Part::Before(4)).await, (vec![2, 3], true));
    assert_eq!(page(2, Descending, Part::Start).await, (vec![5, 4], true));
    assert_eq!(page(2, Descending, Part::After(2)).await, (vec![1], false));
    assert_eq!(page(2, Descending, Part::Before(2)).await, (vec![4, 3], true));
    assert_eq!(page(9, Ascending, Part::After(i64::MAX)).await, (vec![], false));
    let all =
        ok(store.events.page(here, PageRequest { limit: 9, order: Ascending, part: Part::Start }).await);
    assert_eq!(all.items, events(&store, here).await);
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
