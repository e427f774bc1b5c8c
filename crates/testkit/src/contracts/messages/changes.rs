//! Messages beside the send: stored without a turn, paged, deleted, given a new reply.

use super::super::durable::{
    LONG, TestStore, at, complete, exchange, id, kinds_after, lease, ok, once, other_body, places, room,
    room_now, send_to, sent, sound, there, turn_now,
};
use futures_util::future::join_all;
use maru_domain::events::RoomEventKind;
use maru_domain::ids::{MessageId, RoomId, TurnId};
use maru_domain::messages::ports::{AddOutcome, NewSend, Regenerate, SendOutcome, Sent};
use maru_domain::messages::{Message, MessageStatus, Role};
use maru_domain::once::Once;
use maru_domain::page::{Order, PageRequest, Part};
use maru_domain::rooms::ports::{RoomChange, RoomFields};
use maru_domain::services::StorePorts;

async fn added(store: &StorePorts, add: NewSend) -> Message {
    match ok(store.messages.add(add).await) {
        AddOutcome::Stored(Once::Done(message)) => *message,
        other => panic!("not added: {other:?}"),
    }
}

/// Numbered like any other, and part of what the model is told next.
pub async fn a_message_may_stand_alone(store: TestStore) {
    let room = room(&store).await;
    let first = added(&store, NewSend { now: at(30), ..send_to(room.id, "a note") }).await;
    assert_eq!((first.seq, first.role, first.status), (1, Role::User, MessageStatus::Completed));
    assert_eq!((first.turn_id, first.content.as_str()), (None, "a note"));
    let now = sound(&store, room.id).await;
    assert_eq!((&now.messages, now.room.message_count), (&vec![first], 1));
    assert_eq!(now.room.last_message_at, Some(at(30)));
    assert_eq!(kinds_after(&store, room.id, 0).await, [RoomEventKind::MessageCreated]);
    let next = sent(&store, send_to(room.id, "a question")).await;
    assert!(next.claimed, "nothing runs before it");
    let prompt = there(store.turns.prompt(next.turn.id, 10).await);
    let texts: Vec<_> = prompt.messages.iter().map(|message| message.content.as_str()).collect();
    assert_eq!(texts, ["a note", "a question"]);
}

/// And a refusal uses no key up.
pub async fn adding_twice_under_a_key_stores_one(store: TestStore) {
    let room = room(&store).await;
    let add = |key| NewSend { once: Some(key), ..send_to(room.id, "a note") };
    let missing = NewSend { once: Some(once("a")), ..send_to(RoomId(id()), "a note") };
    assert_eq!(ok(store.messages.add(missing).await), AddOutcome::RoomMissing);
    let first = added(&store, add(once("a"))).await;
    let again = ok(store.messages.add(add(once("a"))).await);
    assert_eq!(again, AddOutcome::Stored(Once::Replayed(Box::new(first.clone()))));
    let reused = ok(store.messages.add(add(other_body(&once("a")))).await);
    assert_eq!(reused, AddOutcome::Stored(Once::KeyReused));
    assert_eq!(sound(&store, room.id).await.messages, [first]);
    let end = RoomFields { end: true, ..RoomFields::default() };
    there(store.rooms.change(RoomChange { room: room.id, fields: end, now: at(40) }).await);
    assert_eq!(ok(store.messages.add(add(once("b"))).await), AddOutcome::RoomEnded);
    sound(&store, room.id).await;
}

/// By their place, from either end, in pages of any size.
pub async fn messages_are_paged_both_ways(store: TestStore) {
    let (this, other) = (room(&store).await, room(&store).await);
    for text in ["one", "two", "three"] {
        exchange(&store, this.id, text, "so").await;
        exchange(&store, other.id, text, "no").await;
    }
    let all = sound(&store, this.id).await.messages;
    assert!(ok(store.messages.delete(this.id, all[2].id, at(50)).await));
    let left: Vec<i64> = vec![1, 2, 4, 5, 6];
    let page = async |limit, order, part| {
        let page = ok(store.messages.page(this.id, PageRequest { limit, order, part }).await);
        (page.items.iter().map(|message| message.seq).collect::<Vec<_>>(), page.has_more)
    };
    use Order::{Ascending, Descending};
    assert_eq!(page(5, Ascending, Part::Start).await, (left.clone(), false));
    assert_eq!(page(4, Ascending, Part::Start).await, (vec![1, 2, 4, 5], true));
    // The cursor of a message that is gone is still a place.
    assert_eq!(page(2, Ascending, Part::After(3)).await, (vec![4, 5], true));
    assert_eq!(page(2, Ascending, Part::Before(3)).await, (vec![1, 2], false));
    assert_eq!(page(2, Ascending, Part::Before(6)).await, (vec![4, 5], true));
    assert_eq!(page(9, Ascending, Part::Before(1)).await, (vec![], false));
    assert_eq!(page(2, Descending, Part::Start).await, (vec![6, 5], true));
    assert_eq!(page(2, Descending, Part::After(4)).await, (vec![2, 1], false));
    assert_eq!(page(2, Descending, Part::Before(1)).await, (vec![4, 2], true));
    let found = there(store.messages.find(this.id, all[0].id).await);
    assert_eq!(found, all[0]);
    assert!(ok(store.messages.find(other.id, all[0].id).await).is_none(), "of another room");
    assert!(ok(store.messages.find(this.id, all[2].id).await).is_none());
}

/// As if nothing had been said since; and in the list of rooms, too.
pub async fn a_deleted_message_is_no_activity(store: TestStore) {
    let room = room(&store).await;
    let said =
        async |text: &str, second| added(&store, NewSend { now: at(second), ..send_to(room.id, text) }).await;
    let (one, two, three) = (said("one", 30).await, said("two", 31).await, said("three", 32).await);
    let left = async |message: &Message| {
        assert!(ok(store.messages.delete(room.id, message.id, at(50)).await));
        room_now(&store, room.id).await.last_message_at
    };
    assert_eq!(room_now(&store, room.id).await.last_message_at, Some(at(32)));
    assert_eq!(left(&two).await, Some(at(32)));
    assert_eq!(left(&three).await, Some(at(30)));
    assert_eq!(left(&one).await, None);
    sound(&store, room.id).await;
    // A turn that is taken away, too.
    let before = exchange(&store, room.id, "four", "vier").await;
    let turn = sent(&store, NewSend { now: at(60), ..send_to(room.id, "five") }).await.turn;
    complete(&store, &turn, "fünf").await;
    assert!(ok(store.turns.delete(turn.id, at(70)).await));
    assert_eq!(room_now(&store, room.id).await.last_message_at, Some(before.message.created_at));
    assert!(ok(store.turns.delete(before.turn.id, at(71)).await));
    assert_eq!(room_now(&store, room.id).await.last_message_at, None);
    sound(&store, room.id).await;
}

/// One at a time; its turn stays, and tells what is left.
pub async fn a_deleted_message_leaves_the_others(store: TestStore) {
    let (this, other) = (room(&store).await, room(&store).await);
    let one = exchange(&store, this.id, "one", "eins").await;
    exchange(&store, this.id, "two", "zwei").await;
    let before = sound(&store, this.id).await;
    for (room, message) in
        [(RoomId(id()), one.message.id), (other.id, one.message.id), (this.id, MessageId(id()))]
    {
        assert!(!ok(store.messages.delete(room, message, at(50)).await));
    }
    assert_eq!(sound(&store, this.id).await, before, "nothing was deleted");
    assert!(ok(store.messages.delete(this.id, one.turn.reply_id, at(50)).await));
    assert!(!ok(store.messages.delete(this.id, one.turn.reply_id, at(50)).await), "it is gone");
    let now = sound(&store, this.id).await;
    assert_eq!((places(&now), now.room.message_count, now.room.updated_at), (vec![1, 3, 4], 3, at(50)));
    assert_eq!(now.room.version, before.room.version + 1);
    assert_eq!(kinds_after(&store, this.id, before.room.last_seq).await, [RoomEventKind::MessageDeleted]);
    assert_eq!(turn_now(&store, one.turn.id).await.reply, "");
}

fn again(sent: &Sent, content: Option<&str>) -> Regenerate {
    Regenerate {
        room_id: sent.room.id,
        message_id: sent.message.id,
        instead_of: None,
        content: content.map(str::to_owned),
        turn_id: TurnId(id()),
        reply_id: MessageId(id()),
        model: None,
        lease: lease("one", LONG),
        once: None,
        now: at(50),
    }
}

async fn regenerated(store: &StorePorts, again: Regenerate) -> Sent {
    match ok(store.messages.regenerate(again).await) {
        SendOutcome::Stored(Once::Done(sent)) => *sent,
        other => panic!("no new turn: {other:?}"),
    }
}

/// With what was said later and the turns that run; the message gets a new turn, and a new text if
/// there is one.
pub async fn a_new_reply_takes_the_place_of_what_followed(store: TestStore) {
    let this = room(&store).await;
    exchange(&store, this.id, "one", "eins").await;
    let two = exchange(&store, this.id, "two", "zwei").await;
    let three = sent(&store, send_to(this.id, "three")).await;
    let before = room_now(&store, this.id).await;
    let new = regenerated(&store, again(&two, Some("TWO"))).await;
    assert_eq!((new.message.content.as_str(), new.message.edited_at), ("TWO", Some(at(50))));
    assert_eq!((new.claimed, &new.interrupted), (true, &vec![three.turn.id]));
    assert_eq!(new.message.turn_id, Some(new.turn.id));
    let now = sound(&store, this.id).await;
    let texts: Vec<_> = now.messages.iter().map(|message| message.content.as_str()).collect();
    assert_eq!(texts, ["one", "eins", "TWO", ""]);
    assert_eq!(places(&now), [1, 2, 3, 7], "numbers are never used again");
    use RoomEventKind::{MessageCreated, MessageDeleted, MessageUpdated, TurnStarted};
    let kinds = kinds_after(&store, this.id, before.last_seq).await;
    assert_eq!(
        kinds,
        [MessageDeleted, MessageDeleted, MessageDeleted, MessageUpdated, MessageCreated, TurnStarted]
    );
    for gone in [two.turn.id, three.turn.id] {
        assert!(ok(store.turns.find(gone).await).is_none());
    }
    complete(&store, &new.turn, "ZWEI").await;
    let next = exchange(&store, this.id, "four", "vier").await;
    assert_eq!(places(&sound(&store, this.id).await), [1, 2, 3, 7, next.message.seq, next.message.seq + 1]);
}

/// A turn before it goes on, and the new one waits for it.
pub async fn a_new_reply_waits_for_the_turns_before_it(store: TestStore) {
    let this = room(&store).await;
    let one = sent(&store, send_to(this.id, "one")).await;
    let two = sent(&store, send_to(this.id, "two")).await;
    let new = regenerated(&store, again(&two, None)).await;
    assert!(!new.claimed);
    assert_eq!((new.message.content.as_str(), new.message.edited_at), ("two", None));
    assert!(complete(&store, &one.turn, "eins").await.queued);
    let claimed = ok(store.turns.claim(lease("one", LONG), Some(this.id), 9).await);
    assert_eq!(claimed.iter().map(|claimed| claimed.turn.id).collect::<Vec<_>>(), [new.turn.id]);
    sound(&store, this.id).await;
}

/// However often it arrives.
pub async fn a_new_reply_under_a_key_is_made_once(store: TestStore) {
    let this = room(&store).await;
    let one = exchange(&store, this.id, "one", "eins").await;
    let keyed = |key| Regenerate { once: Some(key), ..again(&one, None) };
    let new = regenerated(&store, keyed(once("again"))).await;
    let before = sound(&store, this.id).await;
    match ok(store.messages.regenerate(keyed(once("again"))).await) {
        SendOutcome::Stored(Once::Replayed(sent)) => assert_eq!(sent.turn.id, new.turn.id),
        other => panic!("not replayed: {other:?}"),
    }
    let reused = ok(store.messages.regenerate(keyed(other_body(&once("again")))).await);
    assert_eq!(reused, SendOutcome::Stored(Once::KeyReused));
    assert_eq!(sound(&store, this.id).await, before);
}

/// What one is told of is there: it does not go with what the next one makes.
pub async fn of_new_replies_at_once_instead_of_one_turn_one_is_made(store: TestStore) {
    let this = room(&store).await;
    let one = exchange(&store, this.id, "one", "eins").await;
    let asked = (0..8).map(|_| Regenerate { instead_of: Some(one.turn.id), ..again(&one, None) });
    let outcomes = join_all(asked.map(|again| store.messages.regenerate(again))).await;
    let mut made = Vec::new();
    for outcome in outcomes {
        match ok(outcome) {
            SendOutcome::Stored(Once::Done(sent)) => made.push(sent.turn.id),
            other => assert_eq!(other, SendOutcome::NotLast),
        }
    }
    assert_eq!(made.len(), 1);
    turn_now(&store, made[0]).await;
    let new = sent(&store, send_to(this.id, "two")).await;
    let late = Regenerate { instead_of: Some(made[0]), ..again(&one, None) };
    assert_eq!(
        ok(store.messages.regenerate(late).await),
        SendOutcome::NotLast,
        "it would take {:?} along",
        new.turn.id
    );
    sound(&store, this.id).await;
}

/// No room, no message, or a room that has ended: nothing is changed, and no key is used up.
pub async fn a_new_reply_for_nothing_leaves_no_trace(store: TestStore) {
    let (this, other) = (room(&store).await, room(&store).await);
    let one = exchange(&store, this.id, "one", "eins").await;
    let before = (sound(&store, this.id).await, sound(&store, other.id).await);
    let keyed = |again| Regenerate { once: Some(once("again")), ..again };
    let nowhere = Regenerate { room_id: RoomId(id()), ..again(&one, None) };
    assert_eq!(ok(store.messages.regenerate(keyed(nowhere)).await), SendOutcome::RoomMissing);
    let elsewhere = Regenerate { room_id: other.id, ..again(&one, None) };
    assert_eq!(ok(store.messages.regenerate(keyed(elsewhere)).await), SendOutcome::MessageMissing);
    assert_eq!((sound(&store, this.id).await, sound(&store, other.id).await), before);
    let end = RoomFields { end: true, ..RoomFields::default() };
    there(store.rooms.change(RoomChange { room: this.id, fields: end, now: at(40) }).await);
    assert_eq!(ok(store.messages.regenerate(keyed(again(&one, None))).await), SendOutcome::RoomEnded);
    assert_eq!(sound(&store, this.id).await.messages, before.0.messages);
    assert_eq!(ok(store.once.kept(once("again"), at(50)).await), Once::Done(None));
}

/// A retried send whose message was deleted does not bring it back.
pub async fn a_replay_does_not_bring_a_deleted_message_back(store: TestStore) {
    let this = room(&store).await;
    let keyed = || NewSend { once: Some(once("a")), ..send_to(this.id, "one") };
    let one = sent(&store, keyed()).await;
    complete(&store, &one.turn, "eins").await;
    assert!(ok(store.messages.delete(this.id, one.message.id, at(50)).await));
    assert_eq!(ok(store.messages.send(keyed()).await), SendOutcome::MessageMissing);
    assert_eq!(places(&sound(&store, this.id).await), [2]);
}
