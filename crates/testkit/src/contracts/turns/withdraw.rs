//! Turns that are taken back as if they had never been sent (contract §1.5).

use super::super::durable::{
    LONG, OVER, TestStore, at, complete, ending, exchange, kinds_after, lease, new_room, ok, once, opened,
    other_body, places, room_now, send_to, send_to_session, sent, sound, take_up, there, user, withdrawal,
};
use maru_domain::events::RoomEventKind;
use maru_domain::ids::RoomRef;
use maru_domain::messages::ports::NewSend;
use maru_domain::once::Once;
use maru_domain::rooms::ports::NewRoom;
use maru_domain::services::StorePorts;
use maru_domain::turns::{Turn, TurnStatus};

async fn is_gone(store: &StorePorts, turn: &Turn) {
    assert_eq!(ok(store.turns.find(turn.id).await), None);
    assert_eq!(ok(store.turns.prompt(turn.id, 10).await), None);
    assert_eq!(ok(store.turns.force_cancel(turn.id, at(40)).await), None);
    assert_eq!(ok(store.turns.finish(withdrawal(turn)).await), None);
}

/// Its messages, its turn and its key are gone; what was there before stays, and so do places and numbers.
pub async fn a_withdrawn_turn_was_never_sent(store: TestStore) {
    let ann = user(&store, "ann").await;
    let first = sent(&store, send_to_session(ann.id, "one")).await;
    there(store.turns.finish(ending(&first.turn, TurnStatus::Completed, "eins")).await);
    let key = once("k");
    let failed = sent(&store, NewSend { once: Some(key.clone()), ..send_to_session(ann.id, "two") }).await;
    let before = room_now(&store, failed.room.id).await;
    let ended = there(store.turns.finish(withdrawal(&failed.turn)).await);
    assert_eq!((ended.turn.id, ended.queued), (failed.turn.id, false));
    assert_eq!((ended.room_version, ended.last_seq), (before.version + 1, before.last_seq + 2));
    let told = sound(&store, failed.room.id).await;
    assert_eq!((told.room.message_count, told.room.version), (2, ended.room_version));
    assert_eq!(places(&told), [1, 2]);
    let deleted = RoomEventKind::MessageDeleted;
    assert_eq!(kinds_after(&store, failed.room.id, before.last_seq).await, [deleted, deleted]);
    is_gone(&store, &failed.turn).await;
    assert_eq!(sound(&store, failed.room.id).await, told);
    assert_eq!(ok(store.once.kept(key.clone(), at(11)).await), Once::Done(None));
    let again =
        sent(&store, NewSend { once: Some(other_body(&key)), ..send_to_session(ann.id, "zwei") }).await;
    assert!(again.claimed && !again.opened);
    assert_eq!(again.message.seq, 5, "a place is not given twice");
    // In a room that no message has opened, the last one leaves it empty.
    let native = opened(&store, new_room()).await;
    let only = sent(&store, send_to(native.id, "one")).await;
    there(store.turns.finish(withdrawal(&only.turn)).await);
    assert_eq!(sound(&store, native.id).await.messages, []);
    let named = opened(&store, NewRoom { owner: Some(ann.id), ..new_room() }).await;
    exchange(&store, named.id, "one", "eins").await;
    sound(&store, named.id).await;
}

/// A retry under the same key opens another.
pub async fn a_withdrawn_turn_takes_the_session_along_that_it_opened(store: TestStore) {
    let ann = user(&store, "ann").await;
    let keyed = || NewSend { once: Some(once("k")), ..send_to_session(ann.id, "one") };
    let failed = sent(&store, keyed()).await;
    let ended = there(store.turns.finish(withdrawal(&failed.turn)).await);
    assert_eq!((ended.turn.id, ended.queued), (failed.turn.id, false));
    assert!(ok(store.rooms.find(RoomRef::Id(failed.room.id)).await).is_none());
    assert_eq!(ok(store.rooms.owned(ann.id).await), []);
    assert_eq!(ok(store.events.after(failed.room.id, 0, 10).await), []);
    is_gone(&store, &failed.turn).await;
    let again = sent(&store, keyed()).await;
    assert!(again.opened && again.claimed);
    sound(&store, again.room.id).await;
}

/// Two that arrived together; the model is away for both.
pub async fn withdrawn_first_messages_leave_no_session(store: TestStore) {
    let ann = user(&store, "ann").await;
    let first = sent(&store, send_to_session(ann.id, "one")).await;
    sent(&store, send_to_session(ann.id, "two")).await;
    let ended = there(store.turns.finish(withdrawal(&first.turn)).await);
    assert!(ended.queued);
    assert_eq!(sound(&store, first.room.id).await.room.message_count, 2);
    let second = take_up(&store, first.room.id, "one", LONG).await.turn;
    assert!(!there(store.turns.finish(withdrawal(&second)).await).queued);
    assert_eq!(ok(store.rooms.owned(ann.id).await), []);
}

/// Neither one that was taken over nor one that came too late.
pub async fn a_withdrawal_by_a_stranger_takes_nothing(store: TestStore) {
    let ann = user(&store, "ann").await;
    let over = NewSend { lease: lease("one", OVER), ..send_to_session(ann.id, "one") };
    let old = sent(&store, over).await.turn;
    let turn = take_up(&store, old.room_id, "two", LONG).await.turn;
    let before = sound(&store, old.room_id).await;
    assert_eq!(ok(store.turns.finish(withdrawal(&old)).await), None);
    assert_eq!(sound(&store, old.room_id).await, before);
    complete(&store, &turn, "hi").await;
    let ended = sound(&store, old.room_id).await;
    assert_eq!(ok(store.turns.finish(withdrawal(&turn)).await), None);
    assert_eq!(sound(&store, old.room_id).await, ended);
}
