//! The contract of [`OnceStore`](maru_domain::once::OnceStore).

use super::durable::{
    LONG, TestStore, at, complete, id, lease, ok, once, other_body, room, send_to, sent, sent_again, sound,
    user,
};
use maru_domain::ids::{MessageId, TurnId};
use maru_domain::messages::ports::{Edit, EditTarget, NewSend, Regenerate};
use maru_domain::once::{KeptAnswer, Once, OnceKey};
use maru_domain::rooms::ports::{RoomChange, RoomFields};
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
            an_answer_goes_with_what_it_tells_of,
            an_answer_comes_too_late_for_what_was_deleted,
            a_deleted_users_keys_are_forgotten,
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

/// What was said is kept nowhere once it is deleted, and no old text once it was edited; the key brings nothing back.
pub async fn an_answer_goes_with_what_it_tells_of(store: TestStore) {
    for way in ["edit", "delete", "clear", "hide", "regenerate", "delete the room"] {
        let (rooms, messages) = (&store.rooms, &store.messages);
        let room = room(&store).await.id;
        let keyed = |what: &str| once(&format!("{what} {way}"));
        let mut told = Vec::new();
        for what in ["one", "two"] {
            let sent = sent(&store, NewSend { once: Some(keyed(what)), ..send_to(room, what) }).await;
            complete(&store, &sent.turn, "so").await;
            ok(store.once.keep(keyed(what), answer(201, what)).await);
            told.push(sent);
        }
        let note = NewSend { once: Some(keyed("note")), ..send_to(room, "note") };
        ok(messages.add(note).await);
        ok(store.once.keep(keyed("note"), answer(201, "note")).await);
        let second = &told[1].message;
        let fields = RoomFields { clear: true, ..RoomFields::default() };
        match way {
            "edit" => {
                let target = EditTarget::Message(second.id);
                let edit = Edit { room_id: room, target, content: "2".into(), now: at(20) };
                assert!(ok(messages.edit(edit).await).is_some());
            }
            "delete" => assert!(ok(messages.delete(room, second.id, at(20)).await)),
            "clear" => {
                assert!(ok(rooms.change(RoomChange { room, fields, now: at(20) }).await).is_some());
            }
            "hide" => assert!(ok(rooms.hide(room, at(20)).await).is_some()),
            "regenerate" => {
                let again = Regenerate {
                    room_id: room,
                    message_id: second.id,
                    instead_of: None,
                    content: None,
                    turn_id: TurnId(id()),
                    reply_id: MessageId(id()),
                    model: None,
                    lease: lease("one", LONG),
                    once: None,
                    now: at(20),
                };
                ok(messages.regenerate(again).await);
            }
            _ => assert!(ok(rooms.delete(room).await).is_some()),
        }
        let all = ["clear", "hide", "delete the room"].contains(&way);
        let first = if all { None } else { Some(answer(201, "one")) };
        for (what, expected) in [("one", first), ("two", None), ("note", None)] {
            assert_eq!(
                ok(store.once.kept(keyed(what), at(21)).await),
                Once::Replayed(expected),
                "{what} {way}"
            );
        }
    }
}

/// The request was on its way while somebody deleted the room.
pub async fn an_answer_comes_too_late_for_what_was_deleted(store: TestStore) {
    let room = room(&store).await.id;
    sent(&store, NewSend { once: Some(once("k")), ..send_to(room, "hello") }).await;
    ok(store.rooms.delete(room).await);
    ok(store.once.keep(once("k"), answer(201, "hello")).await);
    assert_eq!(ok(store.once.kept(once("k"), at(11)).await), Once::Replayed(None));
}

/// With what was answered under them.
pub async fn a_deleted_users_keys_are_forgotten(store: TestStore) {
    let (ann, bob) = (user(&store, "ann").await.id, user(&store, "bob").await.id);
    let keys = [ann, bob].map(|user| OnceKey { scope: user.to_string(), ..once("k") });
    for key in &keys {
        claim(&store, key.clone()).await;
        ok(store.once.keep(key.clone(), answer(201, "x")).await);
    }
    assert!(ok(store.users.delete(ann).await));
    let [anns, bobs] = keys;
    assert_eq!(ok(store.once.kept(anns, at(11)).await), Once::Done(None));
    assert_eq!(ok(store.once.kept(bobs, at(11)).await), Once::Replayed(Some(answer(201, "x"))));
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
