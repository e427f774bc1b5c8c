//! The contract of [`SessionStore`](maru_domain::accounts::ports::SessionStore).

use super::durable::{
    TestStore, at, done, id, new_session, ok, once, other_body, patiently, replayed, session, sessions_of,
    there, user,
};
use maru_domain::ids::SessionId;
use maru_domain::once::Once;
use maru_domain::page::{Order, PageRequest, Part};
use std::collections::HashSet;
use tokio::task::JoinSet;

/// Names the tests of sessions for an expression that opens an empty [`TestStore`].
#[macro_export]
macro_rules! sessions_contract {
    ($new:expr) => {
        $crate::contract_tests!(sessions, $new =>
            a_session_is_known_with_its_user,
            the_live_ones_are_listed_newest_first,
            sessions_have_pages,
            opening_twice_under_a_key_opens_one,
            opening_at_once_under_a_key_opens_one,
            a_replay_tells_that_the_session_has_ended,
            only_the_owner_ends_a_session_and_once,
            the_time_of_the_last_use_is_noted,
        );
    };
}

/// As it was opened.
pub async fn a_session_is_known_with_its_user(store: TestStore) {
    let ann = user(&store, "ann").await;
    let new = new_session(7);
    let session = done(store.sessions.open(ann.id, new.clone(), None).await);
    assert_eq!((session.id, session.user_id), (new.id, ann.id));
    assert_eq!((session.created_at, session.expires_at), (new.created_at, new.expires_at));
    assert_eq!((session.last_used_at, session.revoked_at), (new.created_at, None));
    assert_eq!(there(store.sessions.identify(new.id).await), (session, ann));
    assert!(ok(store.sessions.identify(SessionId(id())).await).is_none());
}

/// Neither the ended nor the expired, nor somebody else's.
pub async fn the_live_ones_are_listed_newest_first(store: TestStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    session(&store, &bob, 3).await;
    let old = session(&store, &ann, 0).await;
    let ended = session(&store, &ann, 1).await;
    // Two of one instant stand in the order of their ids.
    let (middle, twin, new) =
        (session(&store, &ann, 2).await, session(&store, &ann, 2).await, session(&store, &ann, 3).await);
    assert!(ok(store.sessions.revoke(ann.id, ended.id, at(4)).await));
    let all = [new.clone(), twin.clone(), middle.clone(), old.clone()];
    assert_eq!(sessions_of(&store, ann.id, at(4)).await, all);
    let live = [new, twin, middle];
    assert_eq!(sessions_of(&store, ann.id, old.expires_at).await, live, "it ends at that instant");
    assert_eq!(sessions_of(&store, ann.id, at(9_999)).await, []);
}

/// Both ways, in both orders.
pub async fn sessions_have_pages(store: TestStore) {
    let ann = user(&store, "ann").await;
    let mut all = Vec::new();
    for second in 0..5 {
        all.push(session(&store, &ann, second).await);
    }
    let page = |order, part| store.sessions.page(ann.id, at(9), PageRequest { limit: 2, order, part });
    let (up, down) = (Order::Ascending, Order::Descending);
    for (order, part, items, has_more) in [
        (down, Part::Start, vec![&all[4], &all[3]], true),
        (down, Part::After(all[3].id), vec![&all[2], &all[1]], true),
        (down, Part::After(all[1].id), vec![&all[0]], false),
        (down, Part::Before(all[1].id), vec![&all[3], &all[2]], true),
        (up, Part::Start, vec![&all[0], &all[1]], true),
        (up, Part::Before(all[2].id), vec![&all[0], &all[1]], false),
    ] {
        let found = ok(page(order, part).await);
        assert_eq!((found.items.iter().collect::<Vec<_>>(), found.has_more), (items, has_more), "{part:?}");
    }
}

/// A login that is sent again gets the same token, not a second one.
pub async fn opening_twice_under_a_key_opens_one(store: TestStore) {
    let ann = user(&store, "ann").await;
    let first = done(store.sessions.open(ann.id, new_session(0), Some(once("k"))).await);
    assert_eq!(replayed(store.sessions.open(ann.id, new_session(1), Some(once("k"))).await), first);
    let other = store.sessions.open(ann.id, new_session(1), Some(other_body(&once("k")))).await;
    assert_eq!(ok(other), Once::KeyReused);
    assert_eq!(sessions_of(&store, ann.id, at(2)).await, std::slice::from_ref(&first));
    let day = 24 * 3_600;
    let late = done(store.sessions.open(ann.id, new_session(day), Some(other_body(&once("k")))).await);
    assert_ne!(late.id, first.id);
}

/// A login that is sent again before the answer has come.
pub async fn opening_at_once_under_a_key_opens_one(store: TestStore) {
    let ann = user(&store, "ann").await;
    let mut tries = JoinSet::new();
    for _ in 0..16 {
        let sessions = store.sessions.clone();
        tries
            .spawn(async move { patiently(|| sessions.open(ann.id, new_session(0), Some(once("k")))).await });
    }
    let (mut opened, mut ids) = (0, HashSet::new());
    for outcome in tries.join_all().await {
        match ok(outcome) {
            Once::Done(session) => {
                opened += 1;
                ids.insert(session.id);
            }
            Once::Replayed(session) => {
                ids.insert(session.id);
            }
            Once::KeyReused => panic!("the body is the same"),
        }
    }
    assert_eq!((opened, ids.len()), (1, 1));
}

/// A late retry does not bring it back.
pub async fn a_replay_tells_that_the_session_has_ended(store: TestStore) {
    let ann = user(&store, "ann").await;
    let session = done(store.sessions.open(ann.id, new_session(0), Some(once("k"))).await);
    assert!(ok(store.sessions.revoke(ann.id, session.id, at(4)).await));
    let again = replayed(store.sessions.open(ann.id, new_session(5), Some(once("k"))).await);
    assert_eq!((again.id, again.revoked_at), (session.id, Some(at(4))));
    assert_eq!(sessions_of(&store, ann.id, at(6)).await, []);
}

/// The first end stands.
pub async fn only_the_owner_ends_a_session_and_once(store: TestStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    let session = session(&store, &ann, 0).await;
    assert!(!ok(store.sessions.revoke(bob.id, session.id, at(4)).await));
    assert!(!ok(store.sessions.revoke(ann.id, SessionId(id()), at(4)).await));
    assert_eq!(there(store.sessions.identify(session.id).await).0.revoked_at, None);
    assert!(ok(store.sessions.revoke(ann.id, session.id, at(5)).await));
    assert!(!ok(store.sessions.revoke(ann.id, session.id, at(6)).await));
    assert_eq!(there(store.sessions.identify(session.id).await).0.revoked_at, Some(at(5)));
}

/// A session that is gone is no error: it may end between a request's check and its note.
pub async fn the_time_of_the_last_use_is_noted(store: TestStore) {
    let ann = user(&store, "ann").await;
    let (one, other) = (session(&store, &ann, 0).await, session(&store, &ann, 0).await);
    ok(store.sessions.touch(one.id, at(77)).await);
    ok(store.sessions.touch(SessionId(id()), at(78)).await);
    assert_eq!(there(store.sessions.identify(one.id).await).0.last_used_at, at(77));
    assert_eq!(there(store.sessions.identify(other.id).await).0, other);
}
