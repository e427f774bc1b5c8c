//! The contract of [`OnceStore`](maru_domain::once::OnceStore).

use super::durable::{TestStore, at, ok, once, other_body, room, send_to, sent, sent_again, sound};
use maru_domain::messages::ports::NewSend;
use maru_domain::once::{KeptAnswer, Once, OnceKey};
use maru_domain::services::StorePorts;

/// Names the tests of kept answers for an expression that opens an empty [`TestStore`].
#[macro_export]
macro_rules! once_contract {
    ($new:expr) => {
        $crate::contract_tests!(once, $new =>
            an_answer_is_kept_byte_for_byte,
            the_first_answer_stands,
            an_answer_without_a_key_is_not_kept,
            an_answer_is_forgotten_after_a_day,
            old_keys_are_purged,
            an_answer_may_be_noted_without_a_transaction,
        );
    };
}

const DAY: i64 = 24 * 3_600;

/// Makes the key's row, as a send does at second 10.
async fn claim(store: &StorePorts, key: OnceKey) {
    let room = room(store).await.id;
    sent(store, NewSend { once: Some(key), ..send_to(room, "hello") }).await;
}

fn answer(status: u16, body: &str) -> KeptAnswer {
    KeptAnswer { status, body: body.to_owned() }
}

/// For the same body, route and scope only.
pub async fn an_answer_is_kept_byte_for_byte(store: TestStore) {
    let long = "가😀".repeat(50_000);
    let bodies = ["", "{\"b\":1, \"a\":[1.0,2e3]}\n", "it's \"so\" \\u0000 <b>😀</b>", long.as_str()];
    for (number, body) in bodies.into_iter().enumerate() {
        let key = once(&format!("key {number} '\"\u{7e}"));
        assert_eq!(ok(store.once.kept(key.clone(), at(10)).await), Once::Done(None));
        claim(&store, key.clone()).await;
        assert_eq!(ok(store.once.kept(key.clone(), at(11)).await), Once::Replayed(None));
        let status = 200 + u16::try_from(number).unwrap_or(0);
        ok(store.once.keep(key.clone(), answer(status, body)).await);
        assert_eq!(
            ok(store.once.kept(key.clone(), at(12)).await),
            Once::Replayed(Some(answer(status, body)))
        );
        assert_eq!(ok(store.once.kept(other_body(&key), at(12)).await), Once::KeyReused);
        for other in [
            OnceKey { scope: "another".into(), ..key.clone() },
            OnceKey { route: "POST /elsewhere".into(), ..key.clone() },
            OnceKey { key: "KEY".into(), ..key.clone() },
        ] {
            assert_eq!(ok(store.once.kept(other, at(12)).await), Once::Done(None));
        }
    }
}

/// Whatever a retry came to.
pub async fn the_first_answer_stands(store: TestStore) {
    claim(&store, once("k")).await;
    ok(store.once.keep(other_body(&once("k")), answer(400, "another body's")).await);
    assert_eq!(ok(store.once.kept(once("k"), at(11)).await), Once::Replayed(None));
    ok(store.once.keep(once("k"), answer(201, "first")).await);
    ok(store.once.keep(once("k"), answer(500, "second")).await);
    assert_eq!(ok(store.once.kept(once("k"), at(11)).await), Once::Replayed(Some(answer(201, "first"))));
}

/// As when the turn was taken back meanwhile.
pub async fn an_answer_without_a_key_is_not_kept(store: TestStore) {
    ok(store.once.keep(once("k"), answer(201, "x")).await);
    assert_eq!(ok(store.once.kept(once("k"), at(11)).await), Once::Done(None));
    claim(&store, once("k")).await;
    assert_eq!(ok(store.once.kept(once("k"), at(11)).await), Once::Replayed(None));
}

/// Purged or not; and the next owner of the key does not get it.
pub async fn an_answer_is_forgotten_after_a_day(store: TestStore) {
    claim(&store, once("k")).await;
    ok(store.once.keep(once("k"), answer(201, "x")).await);
    let last = ok(store.once.kept(once("k"), at(10 + DAY - 1)).await);
    assert_eq!(last, Once::Replayed(Some(answer(201, "x"))));
    assert_eq!(ok(store.once.kept(once("k"), at(10 + DAY)).await), Once::Done(None));
    assert_eq!(ok(store.once.kept(other_body(&once("k")), at(10 + DAY)).await), Once::Done(None));
    let room = room(&store).await.id;
    let later = NewSend { once: Some(other_body(&once("k"))), now: at(10 + DAY), ..send_to(room, "hello") };
    sent(&store, later).await;
    assert_eq!(ok(store.once.kept(other_body(&once("k")), at(11 + DAY)).await), Once::Replayed(None));
}

/// Those whose time is over, and what they had guarded stays.
pub async fn old_keys_are_purged(store: TestStore) {
    let room = room(&store).await.id;
    let keyed = |number: i64| NewSend {
        once: Some(once(&format!("{number}"))),
        now: at(number),
        ..send_to(room, "hello")
    };
    for number in 0..10 {
        sent(&store, keyed(number)).await;
    }
    assert_eq!(ok(store.once.purge(at(0)).await), 0);
    assert_eq!(ok(store.once.purge(at(DAY + 3)).await), 4);
    assert_eq!(ok(store.once.purge(at(DAY + 3)).await), 0);
    sent_again(&store, keyed(4)).await;
    assert_eq!(ok(store.once.purge(at(3 * DAY)).await), 6);
    assert_eq!(sound(&store, room).await.messages.len(), 20);
    sent(&store, keyed(4)).await;
}

/// For what may be done twice without harm: the first answer stands there, too.
pub async fn an_answer_may_be_noted_without_a_transaction(store: TestStore) {
    let key = once("noted");
    ok(store.once.note(key.clone(), answer(204, ""), at(10)).await);
    assert_eq!(ok(store.once.kept(key.clone(), at(11)).await), Once::Replayed(Some(answer(204, ""))));
    ok(store.once.note(key.clone(), answer(200, "{}"), at(12)).await);
    assert_eq!(ok(store.once.kept(key.clone(), at(13)).await), Once::Replayed(Some(answer(204, ""))));
    assert_eq!(ok(store.once.kept(other_body(&key), at(13)).await), Once::KeyReused);
    ok(store.once.note(other_body(&key), answer(200, "{}"), at(14)).await);
    assert_eq!(ok(store.once.kept(key.clone(), at(15)).await), Once::Replayed(Some(answer(204, ""))));
    // After a day it stands for nothing, and may be noted anew.
    ok(store.once.note(other_body(&key), answer(200, "{}"), at(10 + DAY)).await);
    let noted = ok(store.once.kept(other_body(&key), at(11 + DAY)).await);
    assert_eq!(noted, Once::Replayed(Some(answer(200, "{}"))));
}
