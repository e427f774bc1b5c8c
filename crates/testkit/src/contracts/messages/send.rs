//! One transaction for the message, its reply-to-be, its turn, the events and the key.

use super::super::durable::{
    TestStore, at, complete, conflict, done, events, id, kept, new_room, ok, once, opened, other_body, room,
    room_now, send_to, send_to_session, sent, sent_again, sound, there, turn_now, user,
};
use maru_domain::events::{RoomEvent, RoomEventKind};
use maru_domain::ids::RoomId;
use maru_domain::messages::ports::{Edit, EditTarget, NewSend, SendOutcome};
use maru_domain::messages::{MessageStatus, Role};
use maru_domain::once::Once;
use maru_domain::rooms::ports::NewRoom;
use maru_domain::turns::TurnStatus;

/// With every field as it was given.
pub async fn a_send_stores_all_of_it_or_nothing(store: TestStore) {
    let room = room(&store).await;
    let new = NewSend { model: Some("demo".into()), withdraw_on_failure: true, ..send_to(room.id, "hello") };
    let stored = sent(&store, new.clone()).await;
    assert_eq!(
        (stored.room.version, stored.room.last_seq, stored.room.message_count),
        (room.version + 1, 3, 2)
    );
    assert_eq!((stored.room.last_message_at, stored.room.updated_at), (Some(new.now), new.now));
    assert!(stored.claimed && !stored.opened && stored.interrupted.is_empty());
    let (message, turn) = (&stored.message, &stored.turn);
    assert_eq!((message.id, message.room_id, message.turn_id), (new.message_id, room.id, Some(new.turn_id)));
    assert_eq!((message.seq, message.role, message.content.as_str()), (1, Role::User, "hello"));
    assert_eq!((message.status, message.edited_at), (MessageStatus::Completed, None));
    assert_eq!((message.created_at, message.updated_at), (new.now, new.now));
    assert_eq!((turn.id, turn.room_id, turn.position), (new.turn_id, room.id, 1));
    assert_eq!((turn.message_id, turn.reply_id), (new.message_id, new.reply_id));
    assert_eq!((turn.status, turn.attempt, turn.fence), (TurnStatus::Pending, 1, 1));
    assert_eq!((turn.model.as_deref(), turn.withdraw_on_failure), (Some("demo"), true));
    assert_eq!((turn.usage, &turn.error, turn.cancel_requested), (None, &None, false));
    assert_eq!((turn.created_at, turn.finished_at), (new.now, None));
    let view = turn_now(&store, turn.id).await;
    assert_eq!((&view.turn, view.reply.as_str()), (turn, ""));
    let told = sound(&store, room.id).await;
    assert_eq!(told.room, stored.room);
    let [first, reply] = &told.messages[..] else { panic!("two messages: {told:?}") };
    assert_eq!(first, message);
    assert_eq!(
        (reply.id, reply.seq, reply.role, reply.content.as_str()),
        (new.reply_id, 2, Role::Assistant, "")
    );
    assert_eq!((reply.status, reply.turn_id), (MessageStatus::Pending, Some(new.turn_id)));
    let event = |seq, kind, subject| RoomEvent { seq, kind, subject, at: new.now };
    let created = RoomEventKind::MessageCreated;
    assert_eq!(
        events(&store, room.id).await,
        [
            event(1, created, new.message_id.0),
            event(2, created, new.reply_id.0),
            event(3, RoomEventKind::TurnStarted, new.turn_id.0),
        ]
    );
}

/// Quotes, markup, SQL, every script, and the longest message.
pub async fn any_text_is_kept_as_it_was_sent(store: TestStore) {
    let room = room(&store).await;
    let mut texts: Vec<String> = [
        " leading and trailing \n",
        "\t\r\n",
        "it's \"quoted\" `so` \\ \\n \\' %s %d $1 ?1 :a",
        "'; DROP TABLE messages; --",
        "<script>alert(1)</script> & &amp;",
        "가나다 日本 हिन्दी العربية \u{202e}rtl",
        "👩‍👩‍👧‍👦 🇰🇷 e\u{301} \u{feff} \u{fffd} \u{10ffff} \u{fffe}",
        "\u{2028}\u{2029}\u{85}\u{200b}",
        "00123",
        "null",
    ]
    .map(str::to_owned)
    .into();
    texts.push("x".repeat(32_000));
    texts.push("😀".repeat(32_000));
    for text in &texts {
        let stored = sent(&store, send_to(room.id, text)).await;
        assert_eq!(&stored.message.content, text);
        kept(&store, &stored.turn, text).await;
        assert_eq!(&turn_now(&store, stored.turn.id).await.reply, text);
        complete(&store, &stored.turn, text).await;
        let prompt = there(store.turns.prompt(stored.turn.id, 1).await);
        assert_eq!(&prompt.messages[0].content, text);
    }
    let told = sound(&store, room.id).await;
    let told: Vec<_> = told.messages.iter().map(|message| message.content.as_str()).collect();
    let twice: Vec<_> = texts.iter().flat_map(|text| [text.as_str(), text.as_str()]).collect();
    assert!(told == twice, "a text has changed");
}

/// However often.
pub async fn sending_twice_under_a_key_stores_one(store: TestStore) {
    let room = room(&store).await;
    let keyed = || NewSend { once: Some(once("k")), ..send_to(room.id, "hello") };
    let first = sent(&store, keyed()).await;
    for _ in 0..3 {
        let again = sent_again(&store, keyed()).await;
        assert_eq!((&again.room, &again.message, &again.turn), (&first.room, &first.message, &first.turn));
        assert!(!again.claimed && !again.opened && again.interrupted.is_empty());
    }
    let other = NewSend { once: Some(other_body(&once("k"))), ..send_to(room.id, "other") };
    assert_eq!(ok(store.messages.send(other).await), SendOutcome::Stored(Once::KeyReused));
    assert_eq!(sound(&store, room.id).await.messages.len(), 2);
}

/// And not how it stood at first.
pub async fn a_replay_tells_how_it_stands_now(store: TestStore) {
    let ann = user(&store, "ann").await;
    let keyed = || NewSend { once: Some(once("k")), ..send_to_session(ann.id, "hello") };
    let first = sent(&store, keyed()).await;
    assert!(first.opened && first.claimed);
    complete(&store, &first.turn, "hi").await;
    let edit = Edit {
        room_id: first.room.id,
        target: EditTarget::Turn(first.turn.id),
        content: "hullo".into(),
        now: at(40),
    };
    ok(store.messages.edit(edit).await);
    let second = sent(&store, send_to_session(ann.id, "more")).await;
    let again = sent_again(&store, keyed()).await;
    assert_eq!(again.room, second.room);
    assert_eq!((again.message.id, again.message.content.as_str()), (first.message.id, "hullo"));
    assert_eq!((again.turn.id, again.turn.status), (first.turn.id, TurnStatus::Completed));
    assert!(again.opened, "the first had opened the session: the same status again");
    assert!(!again.claimed);
}

/// It stands for another message then.
pub async fn a_key_can_be_used_again_after_a_day(store: TestStore) {
    let room = room(&store).await;
    let first = sent(&store, NewSend { once: Some(once("k")), ..send_to(room.id, "one") }).await;
    complete(&store, &first.turn, "").await;
    let day = 24 * 3_600;
    let just = NewSend { once: Some(once("k")), now: at(10 + day - 1), ..send_to(room.id, "one") };
    assert_eq!(sent_again(&store, just).await.message.id, first.message.id);
    let later = NewSend { once: Some(other_body(&once("k"))), now: at(10 + day), ..send_to(room.id, "two") };
    assert_eq!(sent(&store, later).await.message.seq, 3);
}

/// Neither the room nor the message.
pub async fn a_replay_does_not_bring_a_deleted_room_back(store: TestStore) {
    let ann = user(&store, "ann").await;
    let keyed = || NewSend { once: Some(once("k")), ..send_to_session(ann.id, "hello") };
    let first = sent(&store, keyed()).await;
    ok(store.rooms.delete(first.room.id).await);
    assert_eq!(ok(store.messages.send(keyed()).await), SendOutcome::RoomMissing);
    assert_eq!(ok(store.rooms.owned(ann.id).await), []);
}

/// Neither counters nor key.
pub async fn a_refused_send_leaves_no_trace(store: TestStore) {
    let ann = user(&store, "ann").await;
    let open = sent(&store, send_to_session(ann.id, "hello")).await;
    complete(&store, &open.turn, "hi").await;
    let ended =
        done(store.rooms.end_session(ann.id, None, at(30)).await).unwrap_or_else(|| panic!("none open"));
    let missing = RoomId(id());
    for (room, refusal, key) in
        [(missing, SendOutcome::RoomMissing, "a"), (ended.id, SendOutcome::RoomEnded, "b")]
    {
        let send = NewSend { once: Some(once(key)), ..send_to(room, "late") };
        assert_eq!(ok(store.messages.send(send.clone()).await), refusal);
        assert_eq!(ok(store.once.kept(once(key), at(10)).await), Once::Done(None));
        assert!(ok(store.turns.find(send.turn_id).await).is_none());
        let another = opened(&store, new_room()).await;
        let next = NewSend { once: Some(other_body(&once(key))), ..send_to(another.id, "next") };
        assert_eq!(sent(&store, next).await.message.seq, 1);
    }
    assert_eq!(sound(&store, ended.id).await.room, ended);
}

/// As when a bug makes the same id twice.
pub async fn an_id_that_is_taken_leaves_no_trace(store: TestStore) {
    let room = room(&store).await;
    let first = sent(&store, send_to(room.id, "one")).await;
    complete(&store, &first.turn, "eins").await;
    let before = sound(&store, room.id).await;
    let new = || NewSend { once: Some(once("k")), ..send_to(room.id, "two") };
    for clash in [
        NewSend { message_id: first.message.id, ..new() },
        NewSend { reply_id: first.message.id, ..new() },
        NewSend { turn_id: first.turn.id, ..new() },
    ] {
        conflict(store.messages.send(clash).await);
        assert_eq!(sound(&store, room.id).await, before);
        assert_eq!(room_now(&store, room.id).await, before.room);
    }
    assert_eq!(sent(&store, new()).await.message.seq, 3);
    let named = NewRoom { id: room.id, ..new_room() };
    conflict(store.rooms.create(named, None).await);
}
