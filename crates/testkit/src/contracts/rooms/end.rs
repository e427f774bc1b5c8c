//! How sessions end and rooms go.

use super::super::durable::{
    LONG, TestStore, at, complete, done, ending, events, exchange, id, kept, kinds_after, lease, new_room,
    ok, once, opened, other_body, partial, patiently, replayed, room, room_now, send_to, send_to_session,
    sent, sound, user,
};
use maru_domain::events::RoomEventKind;
use maru_domain::ids::{RoomId, RoomRef, TurnId};
use maru_domain::messages::ports::{NewSend, SendOutcome};
use maru_domain::once::Once;
use maru_domain::rooms::ports::NewRoom;
use maru_domain::turns::TurnStatus;
use maru_domain::turns::ports::Written;
use std::collections::HashSet;
use tokio::task::JoinSet;

/// Nobody else's, and no other room of the owner.
pub async fn the_open_session_is_ended(store: TestStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    let native = opened(&store, NewRoom { owner: Some(ann.id), ..new_room() }).await;
    let others = sent(&store, send_to_session(bob.id, "hello")).await;
    let open = sent(&store, send_to_session(ann.id, "hello")).await;
    let ended =
        done(store.rooms.end_session(ann.id, None, at(30)).await).unwrap_or_else(|| panic!("none open"));
    assert_eq!((ended.id, ended.ended_at, ended.updated_at), (open.room.id, Some(at(30)), at(30)));
    assert_eq!(ended.version, open.room.version + 1);
    assert_eq!(sound(&store, ended.id).await.room, ended);
    let last = events(&store, ended.id).await.pop().unwrap_or_else(|| panic!("no event"));
    assert_eq!((last.kind, last.subject, last.at), (RoomEventKind::RoomUpdated, ended.id.0, at(30)));
    assert_eq!(room_now(&store, native.id).await, native);
    assert_eq!(room_now(&store, others.room.id).await, others.room);
    assert_eq!(done(store.rooms.end_session(ann.id, None, at(31)).await), None);
    // A turn that runs goes on to its end.
    complete(&store, &open.turn, "hi").await;
    assert_eq!(sound(&store, ended.id).await.room.ended_at, Some(at(30)));
}

/// So that the same key can do something later.
pub async fn ending_nothing_keeps_no_key(store: TestStore) {
    let ann = user(&store, "ann").await;
    let key = once("k");
    assert_eq!(done(store.rooms.end_session(ann.id, Some(key.clone()), at(30)).await), None);
    assert_eq!(ok(store.once.kept(key.clone(), at(30)).await), Once::Done(None));
    let open = sent(&store, send_to_session(ann.id, "hello")).await;
    let ended = done(store.rooms.end_session(ann.id, Some(other_body(&key)), at(31)).await);
    assert_eq!(ended.map(|room| room.id), Some(open.room.id));
}

/// The second does not end the session that was opened since.
pub async fn ending_twice_under_a_key_ends_one_session(store: TestStore) {
    let ann = user(&store, "ann").await;
    let key = once("k");
    sent(&store, send_to_session(ann.id, "hello")).await;
    let ended = done(store.rooms.end_session(ann.id, Some(key.clone()), at(30)).await);
    let next = sent(&store, send_to_session(ann.id, "hello again")).await;
    assert_eq!(replayed(store.rooms.end_session(ann.id, Some(key.clone()), at(32)).await), ended);
    assert_eq!(ok(store.rooms.end_session(ann.id, Some(other_body(&key)), at(33)).await), Once::KeyReused);
    assert_eq!(room_now(&store, next.room.id).await, next.room);
    let gone = ended.map_or(RoomId(id()), |room| room.id);
    ok(store.rooms.delete(gone).await);
    assert_eq!(replayed(store.rooms.end_session(ann.id, Some(key), at(34)).await), None);
    assert_eq!(room_now(&store, next.room.id).await, next.room);
}

/// And everybody is told which.
pub async fn ending_at_once_under_a_key_ends_one_session(store: TestStore) {
    let ann = user(&store, "ann").await;
    let open = sent(&store, send_to_session(ann.id, "hello")).await;
    let mut ends = JoinSet::new();
    for _ in 0..16 {
        let rooms = store.rooms.clone();
        ends.spawn(async move { patiently(|| rooms.end_session(ann.id, Some(once("k")), at(30))).await });
    }
    let mut done = 0;
    for outcome in ends.join_all().await {
        match ok(outcome) {
            Once::Done(Some(room)) => {
                assert_eq!(room.id, open.room.id);
                done += 1;
            }
            Once::Replayed(Some(room)) => assert_eq!(room.id, open.room.id),
            other => panic!("not ended: {other:?}"),
        }
    }
    assert_eq!(done, 1);
    assert_eq!(kinds_after(&store, open.room.id, open.room.last_seq).await, [RoomEventKind::RoomUpdated]);
}

/// And the ended one takes no more.
pub async fn the_message_after_the_end_opens_another_session(store: TestStore) {
    let ann = user(&store, "ann").await;
    let first = sent(&store, send_to_session(ann.id, "one")).await;
    let ended = done(store.rooms.end_session(ann.id, None, at(30)).await);
    let second = sent(&store, send_to_session(ann.id, "two")).await;
    assert!(second.opened && second.claimed && second.room.id != first.room.id);
    let late = ok(store.messages.send(send_to(first.room.id, "late")).await);
    assert_eq!(late, SendOutcome::RoomEnded);
    assert_eq!(Some(sound(&store, first.room.id).await.room), ended);
    let rooms = ok(store.rooms.owned(ann.id).await);
    assert_eq!(rooms.iter().map(|room| room.id).collect::<Vec<_>>(), [first.room.id, second.room.id]);
}

/// And the next room gets a number of its own.
pub async fn a_deleted_room_takes_everything_along(store: TestStore) {
    let (gone, stays) = (room(&store).await, room(&store).await);
    let sent = exchange(&store, gone.id, "one", "eins").await;
    let other = exchange(&store, stays.id, "one", "eins").await;
    assert_eq!(ok(store.rooms.delete(gone.id).await), Some(vec![]));
    assert!(ok(store.rooms.find(RoomRef::Id(gone.id)).await).is_none());
    assert!(ok(store.rooms.find(RoomRef::Number(gone.number)).await).is_none());
    assert!(ok(store.rooms.conversation(gone.id).await).is_none());
    assert!(ok(store.turns.find(sent.turn.id).await).is_none());
    assert!(ok(store.turns.prompt(sent.turn.id, 10).await).is_none());
    assert_eq!(events(&store, gone.id).await, []);
    assert_eq!(ok(store.messages.send(send_to(gone.id, "late")).await), SendOutcome::RoomMissing);
    assert_eq!(ok(store.rooms.delete(gone.id).await), None);
    assert_eq!(sound(&store, stays.id).await.messages.len(), 2);
    assert!(ok(store.turns.find(other.turn.id).await).is_some());
    assert!(room(&store).await.number > stays.number);
}

/// Running or waiting; whoever runs one writes nothing any more.
pub async fn deleting_tells_the_turns_that_had_not_ended(store: TestStore) {
    let room = room(&store).await;
    exchange(&store, room.id, "one", "eins").await;
    let running = sent(&store, send_to(room.id, "two")).await;
    kept(&store, &running.turn, "zw").await;
    let waiting = sent(&store, send_to(room.id, "three")).await;
    let told = ok(store.rooms.delete(room.id).await).unwrap_or_else(|| panic!("no room"));
    let told: HashSet<TurnId> = told.into_iter().map(|turn| turn.id).collect();
    assert_eq!(told, HashSet::from([running.turn.id, waiting.turn.id]));
    let late = partial(&running.turn, "zwei");
    assert_eq!(ok(store.turns.checkpoint(late).await), Written::Fenced);
    let end = ending(&running.turn, TurnStatus::Completed, "zwei");
    assert_eq!(ok(store.turns.finish(end).await), None);
    assert_eq!(ok(store.turns.request_cancel(running.turn.id, at(40)).await), None);
    assert_eq!(ok(store.turns.force_cancel(running.turn.id, at(40)).await), None);
    assert_eq!(ok(store.turns.claim(lease("two", LONG), None, 9).await), []);
}

/// Sent before it went and told, or not sent at all.
pub async fn a_turn_sent_while_its_room_is_deleted_is_told(store: TestStore) {
    for _ in 0..20 {
        let room = room(&store).await;
        let mut sends = JoinSet::new();
        for _ in 0..6 {
            let messages = store.messages.clone();
            let send = NewSend { queue_limit: 100, ..send_to(room.id, "hello") };
            sends.spawn(async move { patiently(|| messages.send(send.clone())).await });
        }
        let told = ok(patiently(|| store.rooms.delete(room.id)).await).unwrap_or_else(|| panic!("no room"));
        let told: HashSet<TurnId> = told.into_iter().map(|turn| turn.id).collect();
        let mut stored = HashSet::new();
        for outcome in sends.join_all().await {
            match ok(outcome) {
                SendOutcome::Stored(Once::Done(sent)) => {
                    stored.insert(sent.turn.id);
                }
                SendOutcome::RoomMissing => {}
                other => panic!("neither stored nor refused: {other:?}"),
            }
        }
        assert_eq!(stored, told);
    }
}
