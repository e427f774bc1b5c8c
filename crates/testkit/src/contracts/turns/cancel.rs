//! Cancels.

use super::super::durable::{
    LONG, OVER, TestStore, at, complete, ending, id, kept, kinds_after, lease, ok, partial, room, room_now,
    send_to, sent, sound, take_up, there, turn_now,
};
use super::claim::orphan;
use maru_domain::events::RoomEventKind;
use maru_domain::ids::TurnId;
use maru_domain::messages::MessageStatus;
use maru_domain::messages::ports::NewSend;
use maru_domain::turns::TurnStatus;
use maru_domain::turns::ports::Written;

/// Who then ends it, with what there is.
pub async fn a_cancel_is_a_request_to_who_runs_the_turn(store: TestStore) {
    let room = room(&store).await.id;
    let stored = sent(&store, send_to(room, "hello")).await;
    kept(&store, &stored.turn, "hi").await;
    let version = room_now(&store, room).await.version;
    for _ in 0..2 {
        let view = there(store.turns.request_cancel(stored.turn.id, at(30)).await);
        assert!(view.turn.cancel_requested);
        assert_eq!((view.turn.status, view.reply.as_str()), (TurnStatus::Streaming, "hi"));
        assert_eq!(turn_now(&store, stored.turn.id).await, view);
    }
    assert_eq!(room_now(&store, room).await.version, version, "a reader of the room sees no difference");
    assert_eq!(kinds_after(&store, room, stored.room.last_seq).await, []);
    assert_eq!(ok(store.turns.checkpoint(partial(&stored.turn, "hi the")).await), Written::CancelRequested);
    let end = ending(&stored.turn, TurnStatus::Cancelled, "hi the");
    assert_eq!(there(store.turns.finish(end).await).turn.status, TurnStatus::Cancelled);
    assert_eq!(turn_now(&store, stored.turn.id).await.reply, "hi the");
    assert_eq!(ok(store.turns.request_cancel(TurnId(id()), at(30)).await), None);
}

/// Whether it waits, was given back, or its worker is gone; with what there is of its text.
pub async fn a_turn_that_nobody_runs_is_cancelled_at_once(store: TestStore) {
    let (queued, released, dead) = (room(&store).await.id, room(&store).await.id, room(&store).await.id);
    sent(&store, send_to(queued, "runs")).await;
    let waits = sent(&store, send_to(queued, "waits")).await.turn.id;
    let given_back = orphan(&store, released, 1).await;
    let lost = sent(&store, NewSend { lease: lease("one", OVER), ..send_to(dead, "hello") }).await.turn;
    kept(&store, &lost, "hi the").await;
    for (room, turn, text) in [(queued, waits, ""), (released, given_back, ""), (dead, lost.id, "hi the")] {
        let before = sound(&store, room).await.room;
        let cancel = async {
            loop {
                let view = there(store.turns.request_cancel(turn, at(30)).await);
                if view.turn.status.is_terminal() {
                    return view;
                }
            }
        };
        let view = super::super::soon("the lease is over", cancel).await;
        assert_eq!((view.turn.status, view.turn.finished_at), (TurnStatus::Cancelled, Some(at(30))));
        assert_eq!(view.reply, text);
        let told = sound(&store, room).await;
        let reply = told.messages.last().unwrap_or_else(|| panic!("no reply"));
        assert_eq!((reply.status, reply.content.as_str()), (MessageStatus::Cancelled, text));
        assert_eq!(told.room.version, before.version + 1);
        let kinds = kinds_after(&store, room, before.last_seq).await;
        assert_eq!(kinds, [RoomEventKind::MessageUpdated, RoomEventKind::TurnDone]);
        assert_eq!(there(store.turns.request_cancel(turn, at(31)).await), view);
    }
    assert_eq!(ok(store.turns.checkpoint(partial(&lost, "late")).await), Written::Fenced);
    assert_eq!(ok(store.turns.finish(ending(&lost, TurnStatus::Completed, "late")).await), None);
    assert_eq!(ok(store.turns.claim(lease("two", LONG), None, 9).await), []);
}

/// However the turn has ended.
pub async fn a_cancel_after_the_end_changes_nothing(store: TestStore) {
    let room = room(&store).await.id;
    for status in [TurnStatus::Completed, TurnStatus::Failed, TurnStatus::Cancelled, TurnStatus::Interrupted]
    {
        let turn = sent(&store, send_to(room, "hello")).await.turn;
        there(store.turns.finish(ending(&turn, status, "hi")).await);
        let (view, told) = (turn_now(&store, turn.id).await, sound(&store, room).await);
        assert_eq!(there(store.turns.request_cancel(turn.id, at(30)).await), view);
        assert_eq!(there(store.turns.force_cancel(turn.id, at(31)).await), view);
        assert_eq!(turn_now(&store, turn.id).await, view);
        assert_eq!(sound(&store, room).await, told);
    }
    assert_eq!(ok(store.turns.force_cancel(TurnId(id()), at(30)).await), None);
}

/// Whether it was asked before or not; the text that is stored stays.
pub async fn a_forced_cancel_shuts_the_worker_out(store: TestStore) {
    let room = room(&store).await.id;
    for asked in [true, false] {
        let stored = sent(&store, send_to(room, "hello")).await;
        kept(&store, &stored.turn, "hi the").await;
        if asked {
            there(store.turns.request_cancel(stored.turn.id, at(30)).await);
        }
        let view = there(store.turns.force_cancel(stored.turn.id, at(31)).await);
        assert_eq!((view.turn.status, view.turn.finished_at), (TurnStatus::Cancelled, Some(at(31))));
        assert_eq!(view.reply, "hi the");
        assert!(view.turn.fence > stored.turn.fence);
        let told = sound(&store, room).await;
        assert_eq!(ok(store.turns.checkpoint(partial(&stored.turn, "late")).await), Written::Fenced);
        assert_eq!(ok(store.turns.finish(ending(&stored.turn, TurnStatus::Completed, "late")).await), None);
        assert!(!ok(store.turns.release(stored.turn.id, stored.turn.fence).await));
        assert_eq!(ok(store.turns.renew(lease("one", LONG)).await), []);
        assert_eq!(sound(&store, room).await, told);
        assert_eq!(told.room.version, stored.room.version + 2, "the checkpoint and the end");
        assert_eq!(turn_now(&store, stored.turn.id).await, view);
    }
}

/// A cancelled turn frees its place.
pub async fn the_next_turn_goes_on_after_a_cancel(store: TestStore) {
    let room = room(&store).await.id;
    let first = sent(&store, send_to(room, "one")).await.turn;
    let second = sent(&store, send_to(room, "two")).await.turn;
    let third = sent(&store, send_to(room, "three")).await.turn;
    there(store.turns.request_cancel(second.id, at(30)).await);
    there(store.turns.force_cancel(first.id, at(31)).await);
    let taken = take_up(&store, room, "two", LONG).await.turn;
    assert_eq!(taken.id, third.id);
    assert!(!complete(&store, &taken, "drei").await.queued);
    sound(&store, room).await;
}
