//! Leases, and what a worker may write under one.

use super::super::durable::{
    LONG, OVER, TestStore, at, complete, kept, kinds_after, lease, ok, partial, room, room_now, send_to,
    sent, sound, take_up, there, turn_now,
};
use super::claim::orphan;
use maru_domain::ids::{InstanceId, TurnId};
use maru_domain::messages::MessageStatus;
use maru_domain::messages::ports::NewSend;
use maru_domain::turns::ports::{Checkpoint, Written};
use maru_domain::turns::{Turn, TurnStatus};

/// All of an instance's at once; nobody else's, and none that has ended.
pub async fn a_lease_is_renewed_by_its_owner(store: TestStore) {
    let (one, other, ended) = (room(&store).await.id, room(&store).await.id, room(&store).await.id);
    let over = |room| NewSend { lease: lease("one", OVER), ..send_to(room, "hello") };
    let (mine, done) = (sent(&store, over(one)).await, sent(&store, over(ended)).await);
    let foreign = sent(&store, NewSend { lease: lease("two", OVER), ..send_to(other, "hello") }).await;
    complete(&store, &done.turn, "").await;
    assert_eq!(ok(store.turns.renew(lease("one", LONG)).await), []);
    // Only the other's is free by now or soon.
    assert_eq!(take_up(&store, other, "three", LONG).await.turn.id, foreign.turn.id);
    assert_eq!(ok(store.turns.claim(lease("three", LONG), None, 9).await), []);
    let renewed = turn_now(&store, mine.turn.id).await.turn;
    assert_eq!(renewed, mine.turn, "fence and attempt stay");
    assert_eq!(ok(store.turns.renew(lease("nobody", LONG)).await), []);
}

/// Its own turns only.
pub async fn renewing_tells_whom_to_stop(store: TestStore) {
    let mut turns = Vec::new();
    for owner in ["one", "one", "two"] {
        let room = room(&store).await.id;
        turns.push(sent(&store, NewSend { lease: lease(owner, LONG), ..send_to(room, "hello") }).await.turn);
    }
    assert_eq!(ok(store.turns.renew(lease("one", LONG)).await), []);
    for turn in &turns[1..] {
        there(store.turns.request_cancel(turn.id, at(30)).await);
    }
    assert_eq!(ok(store.turns.renew(lease("one", LONG)).await), [turns[1].id]);
    assert_eq!(ok(store.turns.renew(lease("two", LONG)).await), [turns[2].id]);
    complete(&store, &turns[1], "").await;
    assert_eq!(ok(store.turns.renew(lease("one", LONG)).await), []);
}

/// As if the attempt had not been.
pub async fn a_released_turn_is_taken_up_anew(store: TestStore) {
    let room = room(&store).await;
    let sent = sent(&store, send_to(room.id, "hello")).await;
    assert!(ok(store.turns.release(sent.turn.id, sent.turn.fence).await));
    assert_eq!(turn_now(&store, sent.turn.id).await.turn.attempt, 0);
    let claimed = take_up(&store, room.id, "two", LONG).await.turn;
    assert_eq!((claimed.id, claimed.attempt, claimed.fence), (sent.turn.id, 1, 2));
    assert_eq!(ok(store.turns.checkpoint(partial(&sent.turn, "late")).await), Written::Fenced);
    complete(&store, &claimed, "hi").await;
    sound(&store, room.id).await;
}

/// Only by who runs it, and not after the model has begun to speak.
pub async fn a_turn_is_released_once_and_without_text_only(store: TestStore) {
    let room = room(&store).await.id;
    let turn = sent(&store, send_to(room, "hello")).await.turn;
    assert!(!ok(store.turns.release(turn.id, turn.fence - 1).await));
    assert!(!ok(store.turns.release(turn.id, turn.fence + 1).await));
    assert!(ok(store.turns.release(turn.id, turn.fence).await));
    assert!(!ok(store.turns.release(turn.id, turn.fence).await), "nobody has it any more");
    assert_eq!(turn_now(&store, turn.id).await.turn.attempt, 0);
    let turn = take_up(&store, room, "two", LONG).await.turn;
    kept(&store, &turn, "h").await;
    assert!(!ok(store.turns.release(turn.id, turn.fence).await));
    complete(&store, &turn, "hi").await;
    assert!(!ok(store.turns.release(turn.id, turn.fence).await));
    let unknown = TurnId(turn.message_id.0);
    assert!(!ok(store.turns.release(unknown, 1).await));
    assert_eq!(turn_now(&store, turn.id).await.turn.attempt, 1);
}

/// At the start of a server that has the store to itself.
pub async fn the_leases_of_earlier_runs_are_voided(store: TestStore) {
    let (one, other, ended, free) =
        (room(&store).await.id, room(&store).await.id, room(&store).await.id, room(&store).await.id);
    let old = sent(&store, NewSend { now: at(1), ..send_to(one, "hello") }).await.turn;
    kept(&store, &old, "h").await;
    sent(&store, NewSend { lease: lease("two", LONG), ..send_to(other, "hello") }).await;
    let done = sent(&store, send_to(ended, "hello")).await.turn;
    complete(&store, &done, "hi").await;
    let orphaned = orphan(&store, free, 2).await;
    assert_eq!(ok(store.turns.void_leases(InstanceId("two".into())).await), 1);
    let taken = ok(store.turns.claim(lease("two", LONG), None, 9).await);
    assert_eq!(taken.iter().map(|claimed| claimed.turn.id).collect::<Vec<_>>(), [old.id, orphaned]);
    assert_eq!((taken[0].turn.fence, taken[0].turn.attempt, taken[0].reply.as_str()), (2, 2, "h"));
    assert_eq!(ok(store.turns.void_leases(InstanceId("two".into())).await), 0);
}

/// Each has the whole text so far; readers see it by the room's version.
pub async fn a_checkpoint_makes_the_turn_speak(store: TestStore) {
    let room = room(&store).await.id;
    let stored = sent(&store, send_to(room, "hello")).await;
    for (written, text) in [(1, "h"), (2, "hi"), (3, "hi there")] {
        kept(&store, &stored.turn, text).await;
        let view = turn_now(&store, stored.turn.id).await;
        let expected = Turn { status: TurnStatus::Streaming, ..stored.turn.clone() };
        assert_eq!((view.turn, view.reply.as_str()), (expected, text));
        let told = sound(&store, room).await;
        assert_eq!(
            (told.messages[1].status, told.messages[1].updated_at),
            (MessageStatus::Streaming, at(15))
        );
        assert_eq!(told.messages[1].content, text);
        assert_eq!(told.room.version, stored.room.version + written);
        assert_eq!(told.messages[0], stored.message);
    }
    assert_eq!(kinds_after(&store, room, stored.room.last_seq).await, [], "text is not an event");
}

/// One that was taken over, has ended or is gone; nothing of it is written, not even a version.
pub async fn a_checkpoint_of_a_stranger_is_fenced(store: TestStore) {
    let room = room(&store).await.id;
    let old = sent(&store, NewSend { lease: lease("one", OVER), ..send_to(room, "hello") }).await.turn;
    let turn = take_up(&store, room, "two", LONG).await.turn;
    kept(&store, &turn, "hi").await;
    let before = sound(&store, room).await;
    let future = Checkpoint { fence: turn.fence + 1, ..partial(&turn, "late") };
    let unknown = Checkpoint { turn: TurnId(turn.message_id.0), ..partial(&turn, "late") };
    for late in [partial(&old, "late"), future, unknown] {
        assert_eq!(ok(store.turns.checkpoint(late).await), Written::Fenced);
        assert_eq!(sound(&store, room).await, before);
    }
    there(store.turns.request_cancel(turn.id, at(30)).await);
    let version = room_now(&store, room).await.version;
    assert_eq!(ok(store.turns.checkpoint(partial(&turn, "late")).await), Written::CancelRequested);
    assert_eq!(ok(store.turns.checkpoint(partial(&old, "late")).await), Written::Fenced);
    assert_eq!(room_now(&store, room).await.version, version);
    complete(&store, &turn, "hi there").await;
    let ended = sound(&store, room).await;
    assert_eq!(ok(store.turns.checkpoint(partial(&turn, "late")).await), Written::Fenced);
    assert_eq!(sound(&store, room).await, ended);
}
