//! The contract of [`UserStore`](maru_domain::accounts::ports::UserStore).

use super::durable::{
    TestStore, at, conflict, done, exchange, id, new_room, new_session, new_user, ok, once, opened,
    other_body, patiently, replayed, room, session, sessions_of, sound, there, user,
};
use maru_domain::accounts::ports::NewKey;
use maru_domain::error::StoreError;
use maru_domain::ids::{KeyId, RoomRef, UserId};
use maru_domain::once::{KEPT_FOR, Once};
use maru_domain::rooms::ports::NewRoom;
use std::collections::HashSet;
use tokio::task::JoinSet;

/// Names the tests of users for an expression that opens an empty [`TestStore`].
#[macro_export]
macro_rules! users_contract {
    ($new:expr) => {
        $crate::contract_tests!(users, $new =>
            a_user_is_found_by_id_and_by_name,
            a_user_may_come_without_a_session,
            a_taken_name_is_a_conflict_and_leaves_nothing,
            of_many_at_once_one_gets_the_name,
            registering_twice_under_a_key_makes_one_user,
            registering_at_once_under_a_key_makes_one_user,
            a_key_stands_for_one_body_one_route_and_one_scope,
            a_key_whose_time_is_over_stands_for_nothing,
            users_are_listed_by_number,
            a_new_password_ends_the_sessions_but_one,
            another_hash_of_a_password_leaves_the_sessions,
            an_account_is_disabled_and_enabled,
            a_deleted_user_takes_everything_along,
        );
    };
}

/// Whatever script the name is in; upper and lower case are two names.
pub async fn a_user_is_found_by_id_and_by_name(store: TestStore) {
    for name in ["ann", "Ann", "홍길동", "हिन्दी", "a@b.c+d-e_f"] {
        let new = new_user(name);
        let (made, session) = done(store.users.register(new.clone(), Some(new_session(0)), None).await);
        assert_eq!(
            (made.id, made.username.as_str(), made.email.as_str()),
            (new.id, name, new.email.as_str())
        );
        assert_eq!((made.active, made.created_at), (true, new.created_at));
        let session = session.unwrap_or_else(|| panic!("no session"));
        assert_eq!(there(store.sessions.identify(session.id).await), (session, made.clone()));
        assert_eq!(there(store.users.find(made.id).await), made);
        let credentials = there(store.users.credentials(name.into()).await);
        assert_eq!(credentials.user, made);
        assert_eq!(credentials.password_hash, Some(new.password_hash));
    }
    assert!(ok(store.users.credentials("ANN".into()).await).is_none());
    assert!(ok(store.users.credentials("an_".into()).await).is_none());
    assert!(ok(store.users.find(UserId(id())).await).is_none());
}

/// As the command line makes them.
pub async fn a_user_may_come_without_a_session(store: TestStore) {
    let (made, session) = done(store.users.register(new_user("ann"), None, None).await);
    assert_eq!(session, None);
    assert_eq!(sessions_of(&store, made.id, at(0)).await, []);
}

/// Neither session nor key remain of the second; the conflict has a name.
pub async fn a_taken_name_is_a_conflict_and_leaves_nothing(store: TestStore) {
    user(&store, "ann").await;
    let (new, session, key) = (new_user("ann"), new_session(0), once("k"));
    let refused = store.users.register(new.clone(), Some(session.clone()), Some(key.clone())).await;
    assert_eq!(conflict(refused), "users_username_key");
    assert!(ok(store.users.find(new.id).await).is_none());
    assert!(ok(store.sessions.identify(session.id).await).is_none());
    // The key is free for the next try, which has another body.
    let again = store.users.register(new_user("bob"), Some(session), Some(other_body(&key))).await;
    assert_eq!(done(again).0.username, "bob");
}

/// Whatever arrives at the same instant.
pub async fn of_many_at_once_one_gets_the_name(store: TestStore) {
    let mut tries = JoinSet::new();
    for _ in 0..16 {
        let users = store.users.clone();
        tries.spawn(async move {
            patiently(|| users.register(new_user("ann"), Some(new_session(0)), None)).await
        });
    }
    let mut made = 0;
    for outcome in tries.join_all().await {
        match outcome {
            Ok(Once::Done(_)) => made += 1,
            other => assert_eq!(conflict(other), "users_username_key"),
        }
    }
    assert_eq!(made, 1);
    assert_eq!(ok(store.users.list(0, 100).await).len(), 1);
}

/// The second answer has the same session, so that it has the same token.
pub async fn registering_twice_under_a_key_makes_one_user(store: TestStore) {
    let first = done(store.users.register(new_user("ann"), Some(new_session(0)), Some(once("k"))).await);
    for _ in 0..3 {
        let again = store.users.register(new_user("ann"), Some(new_session(5)), Some(once("k"))).await;
        assert_eq!(replayed(again), first);
    }
    let other =
        store.users.register(new_user("bob"), Some(new_session(5)), Some(other_body(&once("k")))).await;
    assert_eq!(ok(other), Once::KeyReused);
    assert_eq!(ok(store.users.list(0, 100).await).len(), 1);
    assert_eq!(sessions_of(&store, first.0.id, at(1)).await.len(), 1);
}

/// A client that retries before the first answer has come.
pub async fn registering_at_once_under_a_key_makes_one_user(store: TestStore) {
    let mut tries = JoinSet::new();
    for _ in 0..16 {
        let users = store.users.clone();
        tries.spawn(async move {
            patiently(|| users.register(new_user("ann"), Some(new_session(0)), Some(once("k")))).await
        });
    }
    let (mut made, mut answers) = (0, HashSet::new());
    for outcome in tries.join_all().await {
        match ok(outcome) {
            Once::Done((user, session)) => {
                made += 1;
                answers.insert((user.id, session.map(|session| session.id)));
            }
            Once::Replayed((user, session)) => {
                answers.insert((user.id, session.map(|session| session.id)));
            }
            Once::KeyReused => panic!("the body is the same"),
        }
    }
    assert_eq!((made, answers.len()), (1, 1));
}

/// Somebody else's key, or one of another route, is another key.
pub async fn a_key_stands_for_one_body_one_route_and_one_scope(store: TestStore) {
    let key = once("k");
    done(store.users.register(new_user("a"), Some(new_session(0)), Some(key.clone())).await);
    for (name, other) in [
        ("b", maru_domain::once::OnceKey { scope: "another".into(), ..key.clone() }),
        ("c", maru_domain::once::OnceKey { route: "POST /elsewhere".into(), ..key.clone() }),
        ("d", maru_domain::once::OnceKey { key: "K".into(), ..key.clone() }),
    ] {
        done(store.users.register(new_user(name), Some(new_session(0)), Some(other)).await);
    }
}

/// Purged or not.
pub async fn a_key_whose_time_is_over_stands_for_nothing(store: TestStore) {
    let (first, key) = (new_user("ann"), once("k"));
    done(store.users.register(first.clone(), Some(new_session(0)), Some(key.clone())).await);
    let end = first.created_at.checked_add(KEPT_FOR).unwrap_or_default();
    let before = end.checked_sub(std::time::Duration::from_micros(1)).unwrap_or_default();
    let mut late = new_user("ann");
    late.created_at = before;
    replayed(store.users.register(late, Some(new_session(0)), Some(key.clone())).await);
    let mut later = new_user("bob");
    later.created_at = end;
    done(store.users.register(later.clone(), Some(new_session(0)), Some(other_body(&key))).await);
    // From here on it stands for what was done last.
    let again = store.users.register(later.clone(), Some(new_session(0)), Some(other_body(&key))).await;
    assert_eq!(replayed(again).0.id, later.id);
    assert_eq!(ok(store.users.register(later, Some(new_session(0)), Some(key)).await), Once::KeyReused);
}

/// In pages; a number is never given twice.
pub async fn users_are_listed_by_number(store: TestStore) {
    let mut made = Vec::new();
    for name in ["c", "a", "b", "e", "d"] {
        made.push(user(&store, name).await);
    }
    assert_eq!(ok(store.users.list(0, 100).await), made);
    assert_eq!(ok(store.users.list(0, 2).await), made[..2]);
    assert_eq!(ok(store.users.list(made[1].number, 2).await), made[2..4]);
    assert_eq!(ok(store.users.list(made[4].number, 2).await), []);
    assert!(ok(store.users.delete(made[4].id).await));
    assert!(user(&store, "f").await.number > made[4].number);
}

/// Those that had ended before keep the time at which they did.
pub async fn a_new_password_ends_the_sessions_but_one(store: TestStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    let mut sessions = Vec::new();
    for from in 0..4 {
        sessions.push(session(&store, &ann, from).await);
    }
    let other = session(&store, &bob, 0).await;
    assert!(ok(store.sessions.revoke(ann.id, sessions[0].id, at(5)).await));
    let keep = Some(sessions[2].id);
    assert!(ok(store.users.set_password(ann.id, "$argon2id$second".into(), keep, at(9)).await));
    let mut ends = Vec::new();
    for session in &sessions {
        ends.push(there(store.sessions.identify(session.id).await).0.revoked_at);
    }
    assert_eq!(ends, [Some(at(5)), Some(at(9)), None, Some(at(9))]);
    assert_eq!(there(store.sessions.identify(other.id).await).0.revoked_at, None);
    assert!(ok(store.users.set_password(ann.id, "$argon2id$third".into(), None, at(10)).await));
    assert_eq!(sessions_of(&store, ann.id, at(11)).await, []);
    let credentials = there(store.users.credentials("ann".into()).await);
    assert_eq!(credentials.password_hash.as_deref(), Some("$argon2id$third"));
}

/// A stronger hash of the same password ends nothing, and loses against a password set meanwhile.
pub async fn another_hash_of_a_password_leaves_the_sessions(store: TestStore) {
    let ann = user(&store, "ann").await;
    let session = session(&store, &ann, 0).await;
    let old = there(store.users.credentials("ann".into()).await).password_hash.unwrap_or_default();
    assert!(ok(store.users.rehash(ann.id, old.clone(), "$argon2id$second".into()).await));
    assert_eq!(sessions_of(&store, ann.id, at(1)).await, [session]);
    assert!(!ok(store.users.rehash(ann.id, old.clone(), "$argon2id$third".into()).await));
    assert!(!ok(store.users.rehash(UserId(id()), old, "x".into()).await));
    assert!(!ok(store.users.set_password(UserId(id()), "x".into(), None, at(9)).await));
    let credentials = there(store.users.credentials("ann".into()).await);
    assert_eq!(credentials.password_hash.as_deref(), Some("$argon2id$second"));
}

/// The account is still there to be looked at.
pub async fn an_account_is_disabled_and_enabled(store: TestStore) {
    let ann = user(&store, "ann").await;
    let session = session(&store, &ann, 0).await;
    for active in [false, false, true] {
        assert!(ok(store.users.set_active(ann.id, active).await));
        assert_eq!(there(store.users.find(ann.id).await).active, active);
        assert_eq!(there(store.sessions.identify(session.id).await).1.active, active);
        assert_eq!(there(store.users.credentials("ann".into()).await).user.active, active);
    }
    assert!(!ok(store.users.set_active(UserId(id()), false).await));
}

/// Rooms, messages, turns, events, sessions and keys; nothing of anybody else's.
pub async fn a_deleted_user_takes_everything_along(store: TestStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    let mut rooms = Vec::new();
    for owner in [&ann, &bob] {
        let room = opened(&store, NewRoom { owner: Some(owner.id), ..new_room() }).await;
        let sent = exchange(&store, room.id, "question", "answer").await;
        rooms.push((room, sent, session(&store, owner, 0).await));
    }
    let nobodys = room(&store).await;
    for (owner, hash) in [(ann.id, [1; 32]), (bob.id, [2; 32])] {
        let key = NewKey {
            id: KeyId(id()),
            user_id: owner,
            name: "k".into(),
            hash,
            created_at: at(0),
            expires_at: None,
        };
        done(store.keys.create(key, None).await);
    }
    assert!(ok(store.users.delete(ann.id).await));
    let (room, sent, session) = &rooms[0];
    assert!(ok(store.users.find(ann.id).await).is_none());
    assert!(ok(store.users.credentials("ann".into()).await).is_none());
    assert!(ok(store.rooms.find(RoomRef::Id(room.id)).await).is_none());
    assert!(ok(store.rooms.conversation(room.id).await).is_none());
    assert_eq!(ok(store.rooms.owned(ann.id).await), []);
    assert!(ok(store.turns.find(sent.turn.id).await).is_none());
    assert_eq!(ok(store.events.after(room.id, 0, 10).await), []);
    assert!(ok(store.sessions.identify(session.id).await).is_none());
    assert!(ok(store.keys.identify([1; 32]).await).is_none());
    let (room, sent, session) = &rooms[1];
    assert_eq!(sound(&store, room.id).await.messages.len(), 2);
    assert!(ok(store.turns.find(sent.turn.id).await).is_some());
    assert!(ok(store.sessions.identify(session.id).await).is_some());
    assert!(ok(store.keys.identify([2; 32]).await).is_some());
    sound(&store, nobodys.id).await;
    assert!(!ok(store.users.delete(ann.id).await));
    match store.sessions.open(ann.id, new_session(0), Some(once("k"))).await {
        Err(StoreError::Conflict(rule)) => assert!(rule.ends_with("fkey"), "{rule}: no such user"),
        other => panic!("a session of nobody: {other:?}"),
    }
    // The name and the key are free.
    let ann = user(&store, "ann").await;
    done(store.sessions.open(ann.id, new_session(0), Some(other_body(&once("k")))).await);
}
