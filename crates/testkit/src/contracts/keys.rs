//! The contract of [`KeyStore`](maru_domain::accounts::ports::KeyStore).

use super::durable::{
    TestStore, at, conflict, done, id, keys_of, ok, once, other_body, replayed, there, user,
};
use maru_domain::accounts::User;
use maru_domain::accounts::ports::NewKey;
use maru_domain::ids::{KeyId, UserId};
use maru_domain::once::Once;
use maru_domain::page::{Order, PageRequest, Part};

/// Names the tests of API keys for an expression that opens an empty [`TestStore`].
#[macro_export]
macro_rules! keys_contract {
    ($new:expr) => {
        $crate::contract_tests!(keys, $new =>
            a_key_is_known_by_its_hash,
            a_hash_is_taken_once,
            keys_are_listed_newest_first,
            a_key_made_twice_under_a_key_is_one,
            only_the_owner_revokes_a_key_and_once,
            the_time_of_the_last_use_of_a_key_is_noted,
        );
    };
}

fn new_key(user: &User, hash: u8, made: i64) -> NewKey {
    NewKey {
        id: KeyId(id()),
        user_id: user.id,
        name: format!("{hash} 'my' \"laptop\" 💻"),
        hash: [hash; 32],
        created_at: at(made),
        expires_at: None,
    }
}

/// With its user, whatever the state of either.
pub async fn a_key_is_known_by_its_hash(store: TestStore) {
    let ann = user(&store, "ann").await;
    let new = NewKey { expires_at: Some(at(5)), ..new_key(&ann, 1, 0) };
    let key = done(store.keys.create(new.clone(), None).await);
    assert_eq!((key.id, key.user_id, key.name.as_str()), (new.id, ann.id, new.name.as_str()));
    assert_eq!((key.created_at, key.expires_at), (new.created_at, new.expires_at));
    assert_eq!((key.last_used_at, key.revoked_at), (None, None));
    assert_eq!(there(store.keys.identify([1; 32]).await), (key.clone(), ann.clone()));
    assert!(ok(store.keys.identify([2; 32]).await).is_none());
    assert!(ok(store.users.set_active(ann.id, false).await));
    assert!(ok(store.keys.revoke(ann.id, key.id, at(6)).await));
    let (key, user) = there(store.keys.identify([1; 32]).await);
    assert_eq!((key.revoked_at, user.active), (Some(at(6)), false));
}

/// And a key without a user is none.
pub async fn a_hash_is_taken_once(store: TestStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    done(store.keys.create(new_key(&ann, 1, 0), None).await);
    assert_eq!(conflict(store.keys.create(new_key(&bob, 1, 0), None).await), "api_keys_hash_key");
    assert_eq!(keys_of(&store, bob.id).await, []);
    assert!(store.keys.create(NewKey { user_id: UserId(id()), ..new_key(&ann, 2, 0) }, None).await.is_err());
}

/// Neither the revoked nor somebody else's; the expired stay, so that their owner can see why.
pub async fn keys_are_listed_newest_first(store: TestStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    done(store.keys.create(new_key(&bob, 9, 5), None).await);
    let expired = NewKey { expires_at: Some(at(-9)), ..new_key(&ann, 5, -10) };
    let mut keys = vec![done(store.keys.create(expired, None).await)];
    for hash in 1..=4 {
        keys.push(done(store.keys.create(new_key(&ann, hash, 3), None).await));
    }
    assert!(ok(store.keys.revoke(ann.id, keys.remove(2).id, at(9)).await));
    keys.reverse();
    assert_eq!(keys_of(&store, ann.id).await, keys);
    let page = |part| store.keys.page(ann.id, PageRequest { limit: 2, order: Order::Descending, part });
    for (part, items, has_more) in [
        (Part::Start, &keys[..2], true),
        (Part::After(keys[1].id), &keys[2..], false),
        (Part::Before(keys[3].id), &keys[1..3], true),
    ] {
        let found = ok(page(part).await);
        assert_eq!((&found.items[..], found.has_more), (items, has_more), "{part:?}");
    }
}

/// The first end stands.
pub async fn only_the_owner_revokes_a_key_and_once(store: TestStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    let key = done(store.keys.create(new_key(&ann, 1, 0), None).await);
    assert!(!ok(store.keys.revoke(bob.id, key.id, at(1)).await));
    assert!(!ok(store.keys.revoke(ann.id, KeyId(id()), at(1)).await));
    assert!(ok(store.keys.revoke(ann.id, key.id, at(2)).await));
    assert!(!ok(store.keys.revoke(ann.id, key.id, at(3)).await));
    assert_eq!(there(store.keys.identify([1; 32]).await).0.revoked_at, Some(at(2)));
}

/// A key that is gone is no error.
pub async fn the_time_of_the_last_use_of_a_key_is_noted(store: TestStore) {
    let ann = user(&store, "ann").await;
    let key = done(store.keys.create(new_key(&ann, 1, 0), None).await);
    ok(store.keys.touch(key.id, at(8)).await);
    ok(store.keys.touch(KeyId(id()), at(9)).await);
    assert_eq!(there(store.keys.identify([1; 32]).await).0.last_used_at, Some(at(8)));
}

/// And it is told that it is the same one; another body makes none.
pub async fn a_key_made_twice_under_a_key_is_one(store: TestStore) {
    let ann = user(&store, "ann").await;
    let first = done(store.keys.create(new_key(&ann, 1, 0), Some(once("make"))).await);
    let again = replayed(store.keys.create(new_key(&ann, 2, 0), Some(once("make"))).await);
    assert_eq!(again, first);
    let reused = ok(store.keys.create(new_key(&ann, 3, 0), Some(other_body(&once("make")))).await);
    assert_eq!(reused, Once::KeyReused);
    assert_eq!(keys_of(&store, ann.id).await, [first]);
}
