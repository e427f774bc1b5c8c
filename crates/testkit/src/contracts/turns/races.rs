//! What holds when everything happens at once.

use super::super::durable::{
    LONG, OVER, TestStore, at, ending, lease, ok, partial, patiently, room, room_now, send_to, sent, sound,
    take_up, there, turn_now,
};
use super::claim::orphan;
use maru_domain::messages::ports::{Edit, EditTarget, NewSend};
use maru_domain::turns::TurnStatus;
use maru_domain::turns::ports::{Claimed, Written};
use std::collections::HashSet;
use tokio::task::JoinSet;

/// Each turn has one of them, and every turn somebody.
pub async fn claimers_at_once_never_share_a_turn(store: TestStore) {
    let mut orphans = HashSet::new();
    for number in 0..40 {
        let room = room(&store).await.id;
        orphans.insert(orphan(&store, room, number).await);
        orphan(&store, room, number).await;
    }
    let mut claimers = JoinSet::new();
    for claimer in 0..8 {
        let turns = store.turns.clone();
        claimers.spawn(async move {
            let mut mine = Vec::new();
            for _ in 0..10 {
                let claim = || turns.claim(lease(&format!("claimer {claimer}"), LONG), None, 7);
                mine.extend(ok(patiently(claim).await));
            }
            mine
        });
    }
    let taken: Vec<_> = claimers.join_all().await.into_iter().flatten().collect();
    let turns: HashSet<_> = taken.iter().map(|claimed| claimed.turn.id).collect();
    assert_eq!(turns.len(), taken.len(), "no turn was taken up twice");
    assert_eq!(turns, orphans);
    assert!(taken.iter().all(|claimed| claimed.turn.attempt == 1));
}

/// Ten ends by the worker against ten by force: one of them has happened, and everybody sees it.
pub async fn the_end_is_reached_once_whoever_wants_it(store: TestStore) {
    for _ in 0..15 {
        let room = room(&store).await.id;
        let stored = sent(&store, send_to(room, "hello")).await;
        let mut calls = JoinSet::new();
        for number in 0..20 {
            let (turns, turn) = (store.turns.clone(), stored.turn.clone());
            calls.spawn(async move {
                if number % 2 == 0 {
                    let end = ending(&turn, TurnStatus::Completed, "hi there");
                    return ok(patiently(|| turns.finish(end.clone())).await).map(|ended| ended.turn);
                }
                let view = there(patiently(|| turns.force_cancel(turn.id, at(30))).await);
                assert!(view.turn.status.is_terminal(), "a forced cancel leaves the turn at its end");
                None
            });
        }
        let ends = calls.join_all().await.into_iter().flatten().count();
        let view = turn_now(&store, stored.turn.id).await;
        match view.turn.status {
            TurnStatus::Completed => assert_eq!((ends, view.reply.as_str()), (1, "hi there")),
            TurnStatus::Cancelled => assert_eq!((ends, view.reply.as_str()), (0, "")),
            other => panic!("an end that nobody wanted: {other:?}"),
        }
        let told = sound(&store, room).await;
        assert_eq!(
            (told.room.last_seq, told.room.version),
            (stored.room.last_seq + 2, stored.room.version + 1)
        );
    }
}

/// At the very moment of the take-over its text is there for the next one, or refused.
pub async fn a_worker_that_was_taken_over_writes_nothing(store: TestStore) {
    for _ in 0..60 {
        let room = room(&store).await.id;
        let old = sent(&store, NewSend { lease: lease("one", OVER), ..send_to(room, "hello") }).await.turn;
        let mut writers = JoinSet::new();
        for number in 0..4 {
            let (turns, checkpoint) = (store.turns.clone(), partial(&old, &format!("zombie {number}")));
            writers.spawn(async move { ok(patiently(|| turns.checkpoint(checkpoint.clone())).await) });
        }
        let claimed = take_up(&store, room, "two", LONG).await;
        let kept = writers.join_all().await.into_iter().filter(|written| *written == Written::Kept).count();
        let view = turn_now(&store, old.id).await;
        assert_eq!(view.reply, claimed.reply, "nothing was written after the take-over");
        assert_eq!(view.turn, claimed.turn);
        assert_eq!(kept > 0, !view.reply.is_empty());
        sound(&store, room).await;
    }
}

/// Whoever takes it up is told to stop, or nobody takes it up.
pub async fn a_cancel_at_the_moment_of_a_claim_is_not_lost(store: TestStore) {
    for _ in 0..40 {
        let room = room(&store).await.id;
        let turn = orphan(&store, room, 1).await;
        let (turns, other) = (store.turns.clone(), store.turns.clone());
        let mut calls = JoinSet::new();
        calls.spawn(async move {
            ok(patiently(|| turns.claim(lease("two", LONG), Some(room), 1)).await);
        });
        calls.spawn(async move {
            ok(patiently(|| other.request_cancel(turn, at(30))).await);
        });
        calls.join_all().await;
        let now = turn_now(&store, turn).await.turn;
        assert!(now.status == TurnStatus::Cancelled || now.cancel_requested, "the cancel was lost: {now:?}");
        if now.status == TurnStatus::Pending {
            assert_eq!(ok(store.turns.renew(lease("two", LONG), vec![turn]).await), [turn]);
            ok(store.turns.force_cancel(turn, at(31)).await);
        }
        sound(&store, room).await;
    }
}

/// Sends, edits, checkpoints, ends and cancels of one room: one order, one number each, and no deadlock.
pub async fn writers_of_all_kinds_leave_no_gap(store: TestStore) {
    let room = room(&store).await.id;
    let mut calls = JoinSet::new();
    for worker in 0..8 {
        let ports = (*store).clone();
        calls.spawn(async move {
            let mine = format!("worker {worker}");
            for number in 0..12 {
                let send =
                    NewSend { lease: lease(&mine, LONG), queue_limit: 1_000, ..send_to(room, "hello") };
                let stored = sent(&ports, send).await;
                let mut turns = ok(patiently(|| ports.turns.claim(lease(&mine, LONG), Some(room), 3)).await);
                if stored.claimed {
                    turns.push(Claimed { turn: stored.turn.clone(), reply: String::new() });
                }
                for claimed in turns {
                    ok(patiently(|| ports.turns.checkpoint(partial(&claimed.turn, "so far"))).await);
                    let end = ending(&claimed.turn, TurnStatus::Completed, "all");
                    ok(patiently(|| ports.turns.finish(end.clone())).await);
                }
                let turn_id = stored.turn.id;
                match (worker + number) % 4 {
                    0 => drop(ok(patiently(|| ports.turns.request_cancel(turn_id, at(30))).await)),
                    1 => drop(ok(patiently(|| ports.turns.force_cancel(turn_id, at(31))).await)),
                    2 => {
                        let edit = Edit {
                            room_id: room,
                            target: EditTarget::Turn(turn_id),
                            content: "edited".into(),
                            now: at(32),
                        };
                        ok(patiently(|| ports.messages.edit(edit.clone())).await);
                    }
                    _ => drop(ok(patiently(|| ports.turns.renew(lease(&mine, LONG), vec![turn_id])).await)),
                }
            }
        });
    }
    calls.join_all().await;
    let told = sound(&store, room).await;
    assert_eq!(told.messages.len(), 2 * 8 * 12);
    assert_eq!(room_now(&store, room).await, told.room);
}
