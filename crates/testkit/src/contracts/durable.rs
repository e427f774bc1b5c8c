//! What the suites of the durable ports share: a store of one's own, what is done with it and what must hold of it.

mod answers;
mod new;

pub use answers::{conflict, done, ok, patiently, replayed, there};
pub use new::{
    ending, lease, new_room, new_session, new_user, partial, send_to, send_to_session, withdrawal,
};

use maru_domain::accounts::{ApiKey, Session, User};
use maru_domain::clock::Timestamp;
use maru_domain::events::{RoomEvent, RoomEventKind};
use maru_domain::ids::{RoomId, RoomRef, TurnId, UserId};
use maru_domain::messages::ports::{NewSend, SendOutcome, Sent};
use maru_domain::once::{Once, OnceKey};
use maru_domain::page::{MAX_LIMIT, Order, PageRequest, Part};
use maru_domain::rooms::Room;
use maru_domain::rooms::ports::{Conversation, NewRoom};
use maru_domain::services::StorePorts;
use maru_domain::turns::ports::{Claimed, Ended, Written};
use maru_domain::turns::{Turn, TurnStatus, TurnView};
use std::any::Any;
use std::ops::Deref;
use std::sync::atomic::{self, AtomicU64};
use std::time::Duration;
use uuid::Uuid;

/// Names the tests of every durable port for an expression that opens an empty [`TestStore`].
#[macro_export]
macro_rules! store_contract {
    ($new:expr) => {
        mod users {
            $crate::users_contract!($new);
        }
        mod sessions {
            $crate::sessions_contract!($new);
        }
        mod keys {
            $crate::keys_contract!($new);
        }
        mod rooms {
            $crate::rooms_contract!($new);
        }
        mod messages {
            $crate::messages_contract!($new);
        }
        mod turns {
            $crate::turns_contract!($new);
        }
        mod upkeep {
            $crate::upkeep_contract!($new);
        }
        mod quotes {
            $crate::quotes_contract!($new);
        }
        mod events {
            $crate::events_contract!($new);
        }
        mod once {
            $crate::once_contract!($new);
        }
        mod plcs {
            $crate::plcs_contract!($new);
        }
    };
}

/// An empty store, with the directory or database that it lives in. Both are gone when it is dropped.
pub struct TestStore {
    ports: StorePorts,
    _home: Box<dyn Any + Send + Sync>,
}

impl TestStore {
    /// A store that lives in `home`.
    pub fn new(ports: StorePorts, home: impl Any + Send + Sync) -> Self {
        Self { ports, _home: Box::new(home) }
    }
}

impl Deref for TestStore {
    type Target = StorePorts;

    fn deref(&self) -> &StorePorts {
        &self.ports
    }
}

/// Long enough to outlast any test.
pub const LONG: Duration = Duration::from_hours(1);
/// Over before anybody can look.
pub const OVER: Duration = Duration::ZERO;

/// A time: so many seconds after the day on which all tests take place, and a few microseconds.
#[must_use]
pub fn at(second: i64) -> Timestamp {
    micros(1_790_000_000_000_000 + second * 1_000_000 + 123_457)
}

/// So many microseconds after 1970.
#[must_use]
pub fn micros(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MIN)
}

/// A new id; each sorts after those before it.
#[must_use]
pub fn id() -> Uuid {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let next = u128::from(NEXT.fetch_add(1, atomic::Ordering::Relaxed));
    Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 | next)
}

/// A key of one user's sends.
#[must_use]
pub fn once(key: &str) -> OnceKey {
    OnceKey {
        scope: "somebody".into(),
        route: "POST /somewhere".into(),
        key: key.into(),
        fingerprint: b"body".to_vec(),
    }
}

/// The same key under another body.
#[must_use]
pub fn other_body(once: &OnceKey) -> OnceKey {
    OnceKey { fingerprint: b"another body".to_vec(), ..once.clone() }
}

/// Makes a user.
pub async fn user(store: &StorePorts, name: &str) -> User {
    done(store.users.register(new_user(name), None, None).await).0
}

/// Makes a session.
pub async fn session(store: &StorePorts, user: &User, from: i64) -> Session {
    done(store.sessions.open(user.id, new_session(from), None).await)
}

/// A user's live sessions, newest first; at most a page of them.
pub async fn sessions_of(store: &StorePorts, user: UserId, now: Timestamp) -> Vec<Session> {
    ok(store.sessions.page(user, now, newest_first()).await).items
}

/// A user's keys, newest first; at most a page of them.
pub async fn keys_of(store: &StorePorts, user: UserId) -> Vec<ApiKey> {
    ok(store.keys.page(user, newest_first()).await).items
}

fn newest_first<K>() -> PageRequest<K> {
    PageRequest { limit: MAX_LIMIT, order: Order::Descending, part: Part::Start }
}

/// Opens a room, which must succeed.
pub async fn opened(store: &StorePorts, new: NewRoom) -> Room {
    done(store.rooms.create(new, None).await)
}

/// Makes a native room of nobody's.
pub async fn room(store: &StorePorts) -> Room {
    opened(store, new_room()).await
}

/// The room as it is now.
pub async fn room_now(store: &StorePorts, id: RoomId) -> Room {
    there(store.rooms.find(RoomRef::Id(id)).await)
}

/// Sends what must be stored now.
pub async fn sent(store: &StorePorts, send: NewSend) -> Sent {
    match patiently(|| store.messages.send(send.clone())).await {
        Ok(SendOutcome::Stored(Once::Done(sent))) => *sent,
        other => panic!("the message was not stored: {other:?}"),
    }
}

/// Sends what was stored before.
pub async fn sent_again(store: &StorePorts, send: NewSend) -> Sent {
    match patiently(|| store.messages.send(send.clone())).await {
        Ok(SendOutcome::Stored(Once::Replayed(sent))) => *sent,
        other => panic!("the message was not replayed: {other:?}"),
    }
}

/// Sends a message whose turn completes with `reply`.
pub async fn exchange(store: &StorePorts, room: RoomId, content: &str, reply: &str) -> Sent {
    let sent = sent(store, send_to(room, content)).await;
    there(store.turns.finish(ending(&sent.turn, TurnStatus::Completed, reply)).await);
    sent
}

/// The turn as it is now.
pub async fn turn_now(store: &StorePorts, id: TurnId) -> TurnView {
    there(store.turns.find(id).await)
}

/// Takes up the one turn of a room that is free, now or in a moment.
pub async fn take_up(store: &StorePorts, room: RoomId, owner: &str, lasts: Duration) -> Claimed {
    let free = async {
        loop {
            let claim = || store.turns.claim(lease(owner, lasts), Some(room), 1);
            if let Some(claimed) = ok(patiently(claim).await).pop() {
                return claimed;
            }
        }
    };
    super::soon("a turn is free", free).await
}

/// Stores partial text, which must be kept.
pub async fn kept(store: &StorePorts, turn: &Turn, text: &str) {
    assert_eq!(ok(store.turns.checkpoint(partial(turn, text)).await), Written::Kept);
}

/// Ends a turn as completed, which must succeed.
pub async fn complete(store: &StorePorts, turn: &Turn, text: &str) -> Ended {
    there(store.turns.finish(ending(turn, TurnStatus::Completed, text)).await)
}

/// All events of a room.
pub async fn events(store: &StorePorts, room: RoomId) -> Vec<RoomEvent> {
    ok(store.events.after(room, 0, 1_000_000).await)
}

/// The kinds of the events of a room after `seq`.
pub async fn kinds_after(store: &StorePorts, room: RoomId, seq: i64) -> Vec<RoomEventKind> {
    ok(store.events.after(room, seq, 1_000_000).await).into_iter().map(|event| event.kind).collect()
}

/// Checks what holds of every room at every instant, and answers the room.
pub async fn sound(store: &StorePorts, room: RoomId) -> Conversation {
    let conversation = there(store.rooms.conversation(room).await);
    let Conversation { room, messages } = &conversation;
    let events = events(store, room.id).await;
    let numbers: Vec<i64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(
        numbers,
        (1..=room.last_seq).collect::<Vec<_>>(),
        "the numbers of a room's events have no gap"
    );
    assert_eq!(usize::try_from(room.message_count), Ok(messages.len()));
    let said = messages.last().map(|message| message.created_at);
    assert_eq!(room.last_message_at, said, "a room was last active when the newest of its messages was said");
    assert!(messages.is_sorted_by(|one, next| one.seq < next.seq && one.number < next.number));
    let ended = events.iter().filter(|event| event.kind == RoomEventKind::TurnDone);
    let mut ended: Vec<Uuid> = ended.map(|event| event.subject).collect();
    let all = ended.len();
    ended.sort_unstable();
    ended.dedup();
    assert_eq!(ended.len(), all, "a turn ends once");
    conversation
}

/// The places of a room's messages.
#[must_use]
pub fn places(conversation: &Conversation) -> Vec<i64> {
    conversation.messages.iter().map(|message| message.seq).collect()
}
