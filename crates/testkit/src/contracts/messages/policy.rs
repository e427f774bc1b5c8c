//! What happens to a message that arrives while a turn runs.

use super::super::durable::{
    LONG, TestStore, complete, exchange, lease, new_room, ok, once, opened, partial, places, send_to, sent,
    sound, turn_now,
};
use maru_domain::ids::RoomId;
use maru_domain::messages::ports::{NewSend, SendOutcome};
use maru_domain::once::Once;
use maru_domain::rooms::ports::NewRoom;
use maru_domain::rooms::{Room, TurnPolicy};
use maru_domain::services::StorePorts;
use maru_domain::turns::ports::Written;

async fn room_of(store: &StorePorts, turn_policy: TurnPolicy) -> Room {
    opened(store, NewRoom { turn_policy, ..new_room() }).await
}

/// Refused, with nothing left behind: the key does for another try.
async fn refused(store: &StorePorts, room: RoomId, limit: i64, refusal: SendOutcome) {
    let before = sound(store, room).await;
    let send = NewSend { once: Some(once("refused")), queue_limit: limit, ..send_to(room, "no") };
    assert_eq!(ok(store.messages.send(send.clone()).await), refusal);
    assert_eq!(sound(store, room).await, before);
    assert_eq!(ok(store.once.kept(once("refused"), send.now).await), Once::Done(None));
    assert!(ok(store.turns.find(send.turn_id).await).is_none());
}

/// Until the one before it has ended; then it is taken up.
pub async fn a_second_message_waits(store: TestStore) {
    let room = room_of(&store, TurnPolicy::Queue).await;
    let first = sent(&store, send_to(room.id, "one")).await;
    let second = sent(&store, send_to(room.id, "two")).await;
    assert!(first.claimed && !second.claimed && second.interrupted.is_empty());
    assert_eq!((second.turn.attempt, second.turn.fence, second.turn.position), (0, 0, 3));
    assert_eq!(ok(store.turns.claim(lease("two", LONG), None, 9).await), []);
    assert!(complete(&store, &first.turn, "eins").await.queued);
    let third = sent(&store, send_to(room.id, "three")).await;
    assert!(!third.claimed, "the second is before it, though nobody runs it yet");
    let taken = ok(store.turns.claim(lease("two", LONG), Some(room.id), 9).await);
    assert_eq!(taken.iter().map(|claimed| claimed.turn.id).collect::<Vec<_>>(), [second.turn.id]);
    assert!(complete(&store, &taken[0].turn, "zwei").await.queued);
    let taken = ok(store.turns.claim(lease("two", LONG), Some(room.id), 9).await);
    assert!(!complete(&store, &taken[0].turn, "drei").await.queued);
    assert!(sent(&store, send_to(room.id, "four")).await.claimed);
    assert_eq!(places(&sound(&store, room.id).await), [1, 2, 3, 4, 5, 6, 7, 8]);
}

/// So many wait beside the one that runs.
pub async fn the_queue_is_bounded(store: TestStore) {
    let room = room_of(&store, TurnPolicy::Queue).await;
    let limited = |text: &str| NewSend { queue_limit: 3, ..send_to(room.id, text) };
    let first = sent(&store, limited("runs")).await;
    for text in ["waits", "waits", "waits"] {
        sent(&store, limited(text)).await;
    }
    refused(&store, room.id, 3, SendOutcome::QueueFull).await;
    complete(&store, &first.turn, "").await;
    sent(&store, limited("waits")).await;
    refused(&store, room.id, 3, SendOutcome::QueueFull).await;
    let none = room_of(&store, TurnPolicy::Queue).await;
    sent(&store, NewSend { queue_limit: 0, ..send_to(none.id, "runs") }).await;
    refused(&store, none.id, 0, SendOutcome::QueueFull).await;
}

/// And takes the next message when the turn has ended.
pub async fn a_room_may_refuse_while_a_turn_runs(store: TestStore) {
    let room = room_of(&store, TurnPolicy::Reject).await;
    let first = sent(&store, send_to(room.id, "one")).await;
    refused(&store, room.id, 20, SendOutcome::TurnInProgress).await;
    assert!(!complete(&store, &first.turn, "eins").await.queued);
    assert!(sent(&store, send_to(room.id, "two")).await.claimed);
}

/// The running one and those that wait are told to stop, oldest first; the new one goes after them.
pub async fn a_room_may_interrupt_the_running_turns(store: TestStore) {
    let room = room_of(&store, TurnPolicy::Interrupt).await;
    let ended = exchange(&store, room.id, "zero", "null").await;
    let first = sent(&store, send_to(room.id, "one")).await;
    let second = sent(&store, send_to(room.id, "two")).await;
    assert_eq!((second.claimed, second.interrupted), (false, vec![first.turn.id]));
    let third = sent(&store, send_to(room.id, "three")).await;
    assert_eq!((third.claimed, third.interrupted), (false, vec![first.turn.id, second.turn.id]));
    let mut flags = Vec::new();
    for turn in [ended.turn.id, first.turn.id, second.turn.id, third.turn.id] {
        flags.push(turn_now(&store, turn).await.turn.cancel_requested);
    }
    assert_eq!(flags, [false, true, true, false]);
    assert_eq!(ok(store.turns.checkpoint(partial(&first.turn, "ei")).await), Written::CancelRequested);
    sound(&store, room.id).await;
}
