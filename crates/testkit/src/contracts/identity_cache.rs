//! The contract of [`IdentityCache`].

use super::hand_clock::HandClock;
use maru_domain::access::{Identity, Via};
use maru_domain::accounts::User;
use maru_domain::accounts::ports::{Credential, IdentityCache};
use maru_domain::clock::{Clock, Timestamp};
use maru_domain::ids::{KeyId, SessionId, UserId};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// Names the identity cache's tests for `async |clock: Arc<HandClock>| -> impl IdentityCache`.
#[macro_export]
macro_rules! identity_cache_contract {
    ($new:expr) => {
        $crate::contract_tests!(identity_cache, $new =>
            what_was_put_is_known,
            nothing_is_older_than_five_seconds,
            a_forgotten_user_is_gone_at_once,
            what_was_read_before_the_revocation_is_not_believed,
            a_credential_that_ran_out_is_not_known,
            forgetting_wins_over_putting,
        );
    };
}

/// Longer than anything is believed.
const LATER: Duration = Duration::from_secs(6);

fn user(number: u128) -> UserId {
    UserId(Uuid::from_u128(number))
}

fn session(number: u128) -> Credential {
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(Uuid::from_u128(number).as_bytes());
    Credential(hash)
}

fn identity(number: u128, expires_at: Option<Timestamp>) -> Identity {
    let user = User {
        id: user(number),
        number: 1,
        username: format!("user{number}"),
        email: String::new(),
        active: true,
        created_at: Timestamp::UNIX_EPOCH,
    };
    Identity { user: Arc::new(user), via: Via::Session(SessionId(Uuid::from_u128(number))), expires_at }
}

fn known(cache: &impl IdentityCache, credential: &Credential) -> Option<String> {
    cache.get(credential).map(|identity| identity.user.username.clone())
}

/// Sessions and keys, each its own; the last put counts.
pub async fn what_was_put_is_known<C: IdentityCache>(new: impl AsyncFnOnce(Arc<HandClock>) -> C) {
    let cache = new(HandClock::new()).await;
    let key = Credential([7; 32]);
    assert_eq!(known(&cache, &session(1)), None);
    cache.put(session(1), identity(1, None));
    assert_eq!(known(&cache, &session(1)).as_deref(), Some("user1"));
    assert_eq!(known(&cache, &session(2)), None);
    assert_eq!(known(&cache, &key), None);
    cache.put(key.clone(), Identity { via: Via::Key(KeyId(Uuid::nil())), ..identity(2, None) });
    assert_eq!(known(&cache, &key).as_deref(), Some("user2"));
    assert!(cache.get(&key).is_some_and(|identity| identity.via == Via::Key(KeyId(Uuid::nil()))));
    assert_eq!(known(&cache, &session(1)).as_deref(), Some("user1"));
    cache.put(session(1), identity(3, None));
    assert_eq!(known(&cache, &session(1)).as_deref(), Some("user3"));
}

/// Being asked for does not keep an entry alive; being put again does.
pub async fn nothing_is_older_than_five_seconds<C: IdentityCache>(
    new: impl AsyncFnOnce(Arc<HandClock>) -> C,
) {
    let clock = HandClock::new();
    let cache = new(Arc::clone(&clock)).await;
    cache.put(session(1), identity(1, None));
    for _ in 0..3 {
        clock.advance(Duration::from_secs(1));
        assert!(cache.get(&session(1)).is_some());
    }
    clock.advance(Duration::from_millis(2_001));
    assert!(cache.get(&session(1)).is_none());
    cache.put(session(1), identity(1, None));
    assert!(cache.get(&session(1)).is_some());
}

/// All of a user's credentials, and (but for a few that may share a place) nobody else's.
pub async fn a_forgotten_user_is_gone_at_once<C: IdentityCache>(new: impl AsyncFnOnce(Arc<HandClock>) -> C) {
    let cache = new(HandClock::new()).await;
    for credential in 0..20 {
        cache.put(session(credential), identity(1, None));
        cache.put(session(100 + credential), identity(100 + credential, None));
    }
    cache.forget_user(user(1));
    for credential in 0..20 {
        assert!(cache.get(&session(credential)).is_none());
    }
    let others = (100..120).filter(|other| cache.get(&session(*other)).is_some()).count();
    assert!(others >= 18, "only {others} of 20 other users are still known");
}

/// Somebody read the store, the revocation came, and only then was it put.
pub async fn what_was_read_before_the_revocation_is_not_believed<C: IdentityCache>(
    new: impl AsyncFnOnce(Arc<HandClock>) -> C,
) {
    let clock = HandClock::new();
    let cache = new(Arc::clone(&clock)).await;
    let read_before = identity(1, None);
    cache.forget_user(user(1));
    cache.put(session(1), read_before.clone());
    assert!(cache.get(&session(1)).is_none());
    clock.advance(Duration::from_secs(1));
    cache.put(session(1), read_before);
    assert!(cache.get(&session(1)).is_none());
    // It does not stay so: whoever is put later is known again.
    clock.advance(LATER);
    assert!(cache.get(&session(1)).is_none());
    cache.put(session(1), identity(1, None));
    assert!(cache.get(&session(1)).is_some());
}

/// The end of a session counts, however lately it was looked up.
pub async fn a_credential_that_ran_out_is_not_known<C: IdentityCache>(
    new: impl AsyncFnOnce(Arc<HandClock>) -> C,
) {
    let clock = HandClock::new();
    let cache = new(Arc::clone(&clock)).await;
    let end = clock.now().checked_add(Duration::from_secs(2)).unwrap_or(Timestamp::MAX);
    cache.put(session(1), identity(1, Some(end)));
    clock.advance(Duration::from_millis(1_999));
    assert!(cache.get(&session(1)).is_some());
    clock.advance(Duration::from_millis(1));
    assert!(cache.get(&session(1)).is_none());
    cache.put(session(1), identity(1, Some(end)));
    assert!(cache.get(&session(1)).is_none());
}

/// However many put at the same time, after `forget_user` returns the user is not known.
pub async fn forgetting_wins_over_putting<C: IdentityCache>(new: impl AsyncFnOnce(Arc<HandClock>) -> C) {
    let clock = HandClock::new();
    let cache = new(Arc::clone(&clock)).await;
    for round in 0..200 {
        let over = AtomicBool::new(false);
        let known = std::thread::scope(|threads| {
            for _ in 0..2 {
                threads.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        cache.put(session(1), identity(1, None));
                    }
                });
            }
            cache.forget_user(user(1));
            let known = (0..50).filter(|_| cache.get(&session(1)).is_some()).count();
            over.store(true, Ordering::Relaxed);
            known
        });
        assert_eq!(known, 0, "round {round}");
        assert!(cache.get(&session(1)).is_none(), "round {round}, afterwards");
        clock.advance(LATER);
    }
}
