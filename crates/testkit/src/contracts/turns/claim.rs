//! Which turns are taken up, and by whom.

use super::super::durable::{
    LONG, OVER, TestStore, at, complete, kept, lease, ok, room, send_to, sent, sound, take_up, turn_now,
};
use maru_domain::ids::{RoomId, TurnId};
use maru_domain::messages::ports::NewSend;
use maru_domain::services::StorePorts;
use maru_domain::turns::TurnStatus;
use maru_domain::turns::ports::Claimed;

/// A turn that its sender has given back, so that nobody runs it.
pub(super) async fn orphan(store: &StorePorts, room: RoomId, now: i64) -> TurnId {
    let sent = sent(store, NewSend { now: at(now), ..send_to(room, "hello") }).await;
    if sent.claimed {
        assert!(ok(store.turns.release(sent.turn.id, sent.turn.fence).await));
    }
    sent.turn.id
}

fn ids(claimed: &[Claimed]) -> Vec<TurnId> {
    claimed.iter().map(|claimed| claimed.turn.id).collect()
}

/// Oldest room first, each once, with a fence and an attempt more.
pub async fn the_oldest_unfinished_turn_of_each_room_is_taken_up(store: TestStore) {
    let (one, other, busy) = (room(&store).await.id, room(&store).await.id, room(&store).await.id);
    let late = orphan(&store, one, 30).await;
    let early = orphan(&store, other, 20).await;
    orphan(&store, one, 40).await;
    orphan(&store, other, 41).await;
    sent(&store, send_to(busy, "runs")).await;
    sent(&store, send_to(busy, "waits")).await;
    let taken = ok(store.turns.claim(lease("two", LONG), None, 9).await);
    assert_eq!(ids(&taken), [early, late]);
    for claimed in &taken {
        assert_eq!((claimed.turn.status, claimed.turn.attempt), (TurnStatus::Pending, 1));
        assert_eq!((claimed.turn.fence, claimed.reply.as_str()), (2, ""));
        assert_eq!(turn_now(&store, claimed.turn.id).await.turn, claimed.turn);
    }
    assert_eq!(ok(store.turns.claim(lease("three", LONG), None, 9).await), []);
    for room in [one, other, busy] {
        sound(&store, room).await;
    }
}

/// In one room, or so many.
pub async fn a_claim_takes_no_more_than_it_is_asked_for(store: TestStore) {
    let (mut rooms, mut orphans) = (Vec::new(), Vec::new());
    for number in 0..6 {
        rooms.push(room(&store).await.id);
        orphans.push(orphan(&store, rooms[number], 10 + i64::try_from(number).unwrap_or(0)).await);
    }
    assert_eq!(ids(&ok(store.turns.claim(lease("two", LONG), Some(rooms[4]), 9).await)), [orphans[4]]);
    assert_eq!(ids(&ok(store.turns.claim(lease("two", LONG), None, 2).await)), orphans[..2]);
    assert_eq!(ids(&ok(store.turns.claim(lease("two", LONG), None, 0).await)), []);
    let rest = ok(store.turns.claim(lease("three", LONG), None, 9).await);
    assert_eq!(ids(&rest), [orphans[2], orphans[3], orphans[5]]);
    assert_eq!(ok(store.turns.claim(lease("two", LONG), Some(rooms[4]), 9).await), []);
}

/// A room with a long queue behind a running turn must not use up the limit.
pub async fn turns_that_wait_do_not_hide_the_orphans_of_other_rooms(store: TestStore) {
    let (busy, waiting) = (room(&store).await.id, room(&store).await.id);
    sent(&store, NewSend { now: at(1), ..send_to(busy, "runs") }).await;
    for _ in 0..5 {
        sent(&store, NewSend { now: at(2), ..send_to(busy, "waits") }).await;
    }
    let first = orphan(&store, waiting, 3).await;
    let second = orphan(&store, waiting, 4).await;
    assert_eq!(ids(&ok(store.turns.claim(lease("two", LONG), None, 1).await)), [first]);
    let first = turn_now(&store, first).await.turn;
    complete(&store, &first, "").await;
    assert_eq!(ids(&ok(store.turns.claim(lease("two", LONG), None, 1).await)), [second]);
}

/// By the database's clock, and each time under a new fence.
pub async fn an_expired_lease_is_taken_over(store: TestStore) {
    let room = room(&store).await.id;
    let sent = sent(&store, NewSend { lease: lease("one", OVER), ..send_to(room, "hello") }).await;
    assert!(sent.claimed);
    for (fence, lasts) in [(2, OVER), (3, OVER), (4, LONG)] {
        let claimed = take_up(&store, room, "two", lasts).await;
        assert_eq!(
            (claimed.turn.id, claimed.turn.fence, claimed.turn.attempt),
            (sent.turn.id, fence, fence as i32)
        );
    }
    assert_eq!(ok(store.turns.claim(lease("three", LONG), None, 9).await), []);
}

/// So that it is known whether the model had begun to speak.
pub async fn an_earlier_run_leaves_its_text(store: TestStore) {
    let room = room(&store).await.id;
    let sent = sent(&store, NewSend { lease: lease("one", OVER), ..send_to(room, "hello") }).await;
    kept(&store, &sent.turn, "hi the").await;
    let claimed = take_up(&store, room, "two", LONG).await;
    assert_eq!((claimed.reply.as_str(), claimed.turn.status), ("hi the", TurnStatus::Streaming));
}
