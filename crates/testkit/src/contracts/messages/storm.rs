//! Many callers, every one of them twice, a third of them gone before the answer.

use super::super::durable::{TestStore, once, places, room, send_to, sound};
use futures_util::poll;
use maru_domain::error::StoreError;
use maru_domain::ids::{MessageId, RoomId};
use maru_domain::messages::ports::{MessageStore, NewSend, SendOutcome};
use maru_domain::once::Once;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio::task::JoinSet;

const KEYS: usize = 2_000;
const ROOMS: usize = 20;

/// How a caller fared: which message its key stands for, and whether this call has stored it.
struct Answer {
    key: usize,
    message: MessageId,
    done: bool,
}

fn keyed(key: usize, rooms: &[RoomId]) -> NewSend {
    let text = format!("text {key}");
    let once = Some(once(&format!("key {key}")));
    NewSend { once, queue_limit: i64::MAX, ..send_to(rooms[key % ROOMS], &text) }
}

/// Stays until there is an answer, as a client does: a busy store is asked again under the same key.
async fn patient(messages: Arc<dyn MessageStore>, key: usize, rooms: Vec<RoomId>) -> Answer {
    loop {
        match messages.send(keyed(key, &rooms)).await {
            Ok(SendOutcome::Stored(Once::Done(sent))) => {
                return Answer { key, message: sent.message.id, done: true };
            }
            Ok(SendOutcome::Stored(Once::Replayed(sent))) => {
                return Answer { key, message: sent.message.id, done: false };
            }
            Err(StoreError::Unavailable { .. }) => tokio::task::yield_now().await,
            other => panic!("neither stored nor busy: {other:?}"),
        }
    }
}

/// Goes away after a few looks, wherever the call is by then.
async fn impatient(messages: Arc<dyn MessageStore>, key: usize, rooms: Vec<RoomId>) {
    let mut call = messages.send(keyed(key, &rooms));
    for _ in 0..key % 5 {
        if poll!(&mut call).is_ready() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Each key has stored one pair of messages, whoever was there to hear of it, and no number is missing.
pub async fn four_thousand_sends_of_two_thousand_keys(store: TestStore) {
    let mut rooms = Vec::new();
    for _ in 0..ROOMS {
        rooms.push(room(&store).await.id);
    }
    let mut callers = JoinSet::new();
    // Of the two callers of a key at most one goes away.
    for caller in 0..2 * KEYS {
        let (messages, rooms, key) = (store.messages.clone(), rooms.clone(), caller / 2);
        if caller % 3 == 0 {
            callers.spawn(async move {
                impatient(messages, key, rooms).await;
                None
            });
        } else {
            callers.spawn(async move { Some(patient(messages, key, rooms).await) });
        }
    }
    let mut told: HashMap<usize, MessageId> = HashMap::new();
    let mut stored_by = HashMap::new();
    for answer in callers.join_all().await.into_iter().flatten() {
        let first = *told.entry(answer.key).or_insert(answer.message);
        assert_eq!(first, answer.message, "key {} stands for one message", answer.key);
        if answer.done {
            assert_eq!(
                stored_by.insert(answer.key, answer.message),
                None,
                "key {} was done twice",
                answer.key
            );
        }
    }
    assert_eq!(told.len(), KEYS);
    let all: HashSet<MessageId> = told.into_values().collect();
    let mut pairs = 0;
    for room in rooms {
        let conversation = sound(&store, room).await;
        assert_eq!(places(&conversation), (1..=conversation.room.message_count).collect::<Vec<_>>());
        let last = conversation.room.message_count / 2 * 3;
        assert_eq!((conversation.room.last_seq, conversation.room.version), (last, last / 3 + 1));
        for pair in conversation.messages.chunks(2) {
            assert_eq!(pair[0].turn_id, pair[1].turn_id);
            assert!(all.contains(&pair[0].id));
            pairs += 1;
        }
    }
    assert_eq!(pairs, KEYS);
}
