//! What a room is made of, and which rooms there may be.

use super::super::durable::{
    TestStore, at, complete, conflict, exchange, id, kept, micros, new_room, ok, opened, places, room_now,
    send_to, sent, sound, there, user,
};
use futures_util::FutureExt;
use futures_util::future::{join, join_all};
use maru_domain::clock::Timestamp;
use maru_domain::ids::{RoomId, RoomRef, UserId};
use maru_domain::messages::ports::NewSend;
use maru_domain::messages::{MessageStatus, Role};
use maru_domain::rooms::ports::{NewRoom, RoomChange, RoomFields};
use maru_domain::rooms::{RoomKind, TurnPolicy};
use serde_json::{Map, Value, json};

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("not an object: {other}"),
    }
}

/// With every field as it was given.
pub async fn a_room_is_found_by_id_and_by_number(store: TestStore) {
    let ann = user(&store, "ann").await;
    let policies = [TurnPolicy::Queue, TurnPolicy::Reject, TurnPolicy::Interrupt];
    let kinds =
        [RoomKind::Room, RoomKind::Web, RoomKind::Plc, RoomKind::Quote, RoomKind::Openai, RoomKind::Ui];
    for (turn_policy, kind) in policies.into_iter().cycle().zip(kinds) {
        let new = NewRoom {
            kind,
            owner: Some(ann.id),
            public_id: Some(format!("line-1:{}", kind.as_str())),
            name: "새 채팅 'x' \"y\" 😀 %_\\".into(),
            system_prompt: "be brief;\n-- DROP TABLE rooms".into(),
            model: Some("openai/gpt".into()),
            turn_policy,
            metadata: object(json!({"a": 1})),
            ..new_room()
        };
        let room = opened(&store, new.clone()).await;
        assert_eq!(
            (room.id, room.kind, room.owner, room.turn_policy),
            (new.id, kind, new.owner, turn_policy)
        );
        assert_eq!((&room.public_id, &room.name, &room.model), (&new.public_id, &new.name, &new.model));
        assert_eq!((&room.system_prompt, &room.metadata), (&new.system_prompt, &new.metadata));
        assert_eq!((room.created_at, room.updated_at), (new.created_at, new.created_at));
        assert_eq!((room.last_message_at, room.ended_at), (None, None));
        assert_eq!((room.version, room.last_seq, room.message_count), (1, 0, 0));
        assert_eq!(there(store.rooms.find(RoomRef::Id(room.id)).await), room);
        assert_eq!(there(store.rooms.find(RoomRef::Number(room.number)).await), room);
    }
    assert!(ok(store.rooms.find(RoomRef::Id(RoomId(id()))).await).is_none());
    for number in [0, -1, i64::MAX, i64::MIN] {
        assert!(ok(store.rooms.find(RoomRef::Number(number)).await).is_none());
    }
}

/// Whoever asks is told of its own room, however many ask for the same or for others, or leave before they are told.
pub async fn rooms_that_are_asked_for_at_once_are_each_told(store: TestStore) {
    let mut rooms = Vec::new();
    for number in 0..20 {
        rooms.push(opened(&store, NewRoom { name: format!("{number}"), ..new_room() }).await);
    }
    let missing = RoomId(id());
    for _ in 0..5 {
        let asked = rooms.iter().cycle().take(300).enumerate().map(|(number, room)| {
            let finds = store.rooms.clone();
            async move {
                let found = finds.find(RoomRef::Id(if number % 7 == 0 { missing } else { room.id }));
                if number % 11 == 0 {
                    let _ = found.now_or_never();
                    return;
                }
                let expected = (number % 7 != 0).then(|| room.clone());
                assert_eq!(ok(found.await), expected);
            }
        });
        join_all(asked).await;
    }
}

/// At once, also while many others look at it.
pub async fn whoever_has_changed_a_room_finds_it_changed(store: TestStore) {
    let rooms = [opened(&store, new_room()).await.id, opened(&store, new_room()).await.id];
    let changers = rooms.iter().map(|room| {
        let (room, rooms) = (*room, store.rooms.clone());
        async move {
            for number in 0..40 {
                let fields = RoomFields { name: Some(format!("{number}")), ..RoomFields::default() };
                let changed = there(rooms.change(RoomChange { room, fields, now: at(number) }).await);
                assert_eq!(there(rooms.find(RoomRef::Id(room)).await), changed.room);
            }
        }
    });
    let lookers = rooms.iter().cycle().take(20).map(|room| {
        let (room, rooms) = (*room, store.rooms.clone());
        async move {
            let mut seen = 0;
            for _ in 0..40 {
                let now = there(rooms.find(RoomRef::Id(room)).await).version;
                assert!(now >= seen, "never back");
                seen = now;
            }
        }
    });
    join(join_all(changers), join_all(lookers)).await;
}

/// As many as there are visitors; an owner has to exist.
pub async fn a_room_may_be_nobodys(store: TestStore) {
    for _ in 0..3 {
        assert_eq!(opened(&store, new_room()).await.owner, None);
    }
    let lost = NewRoom { owner: Some(UserId(id())), ..new_room() };
    assert!(store.rooms.create(lost.clone(), None).await.is_err());
    assert!(ok(store.rooms.find(RoomRef::Id(lost.id)).await).is_none());
}

/// Not by time, which may stand still or go back.
pub async fn rooms_of_an_owner_are_listed_by_number(store: TestStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    let mut rooms = Vec::new();
    for made in [5, 3, 3, 9, 1] {
        let new = NewRoom { owner: Some(ann.id), created_at: at(made), ..new_room() };
        rooms.push(opened(&store, new).await);
        opened(&store, NewRoom { owner: Some(bob.id), ..new_room() }).await;
        opened(&store, new_room()).await;
    }
    assert!(rooms.is_sorted_by_key(|room| room.number));
    assert_eq!(ok(store.rooms.owned(ann.id).await), rooms);
    assert_eq!(ok(store.rooms.owned(UserId(id())).await), []);
}

/// And among nobody's rooms of a kind. The conflict is named after the rule.
pub async fn a_foreign_id_is_unique_for_its_owner_and_kind(store: TestStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    let plc = |owner, id: &str| NewRoom {
        kind: RoomKind::Plc,
        owner,
        public_id: Some(id.to_owned()),
        ..new_room()
    };
    for owner in [Some(ann.id), Some(bob.id), None] {
        let first = opened(&store, plc(owner, "line 1")).await;
        let rule =
            if owner.is_some() { "rooms_kind_owner_id_public_id_key" } else { "rooms_kind_public_id_key" };
        assert_eq!(conflict(store.rooms.create(plc(owner, "line 1"), None).await), rule);
        opened(&store, plc(owner, "Line 1")).await;
        opened(&store, NewRoom { kind: RoomKind::Quote, ..plc(owner, "line 1") }).await;
        assert_eq!(room_now(&store, first.id).await, first);
    }
    let first = opened(&store, new_room()).await;
    let same = NewRoom { id: first.id, ..new_room() };
    assert_eq!(conflict(store.rooms.create(same, None).await), "rooms_id_key");
}

/// Another may be opened when it has ended.
pub async fn a_user_has_one_open_session(store: TestStore) {
    let ann = user(&store, "ann").await;
    let session = || NewRoom { kind: RoomKind::Session, owner: Some(ann.id), ..new_room() };
    let first = opened(&store, session()).await;
    assert_eq!(conflict(store.rooms.create(session(), None).await), "rooms_owner_id_key");
    opened(&store, NewRoom { kind: RoomKind::Native, ..session() }).await;
    there(store.rooms.end_session(ann.id, None, at(1)).await.map(|ended| match ended {
        maru_domain::once::Once::Done(room) => room,
        other => panic!("not ended: {other:?}"),
    }));
    assert_ne!(opened(&store, session()).await.id, first.id);
}

/// On either side of the years in which the databases begin to count.
pub async fn times_are_kept_to_the_microsecond(store: TestStore) {
    let (y2000, year) = (946_684_800_000_000, 31_557_600_000_000);
    let times = [
        -1,
        0,
        1,
        -999_999,
        -1_000_001,
        y2000 - 1,
        y2000,
        y2000 + 1,
        y2000 + 999_999,
        100 * year + 123_456,
        -100 * year - 123_457,
        1_763_700_000_000_001,
    ];
    for time in times {
        let created_at: Timestamp = micros(time);
        let room = opened(&store, NewRoom { created_at, ..new_room() }).await;
        assert_eq!(room.created_at.as_microsecond(), time);
        let sent = sent(&store, NewSend { now: created_at, ..send_to(room.id, "x") }).await;
        assert_eq!(sent.room.last_message_at, Some(created_at));
        let conversation = sound(&store, room.id).await;
        assert_eq!(conversation.room.created_at, created_at);
        assert_eq!(conversation.messages[1].created_at, created_at);
        assert_eq!(ok(store.events.after(room.id, 0, 1).await)[0].at, created_at);
    }
}

/// Any JSON object; the order of its members means nothing.
pub async fn notes_are_kept_as_they_are(store: TestStore) {
    let notes = [
        json!({}),
        json!({"": "", "a": null, "b": [true, false], "c": {"d": {"e": []}}}),
        json!({"z": 1, "a": 2, "m": 3, "quote\"'\\": "line\nend\ttab \u{1f600} 가 e\u{301}"}),
        json!({"i": [0, -1, i64::MIN, i64::MAX, u64::MAX], "f": [0.5, -1.25, 1e-7, 123456.75, 1e300]}),
        json!({"same": {"same": {"same": "x".repeat(100_000)}}}),
        json!({"html": "<script>", "sql": "'; DROP TABLE rooms; --", "json": "{\"a\":1}"}),
    ];
    for notes in notes {
        let metadata = object(notes);
        let room = opened(&store, NewRoom { metadata: metadata.clone(), ..new_room() }).await;
        assert_eq!(room.metadata, metadata);
        let sent = sent(&store, NewSend { metadata: metadata.clone(), ..send_to(room.id, "x") }).await;
        assert_eq!(sent.message.metadata, metadata);
        let conversation = sound(&store, room.id).await;
        assert_eq!(conversation.room.metadata, metadata);
        assert_eq!(conversation.messages[0].metadata, metadata);
        assert_eq!(conversation.messages[1].metadata, Map::new());
    }
}

/// Whenever they changed last.
pub async fn a_conversation_is_told_from_the_oldest_message_on(store: TestStore) {
    let room = opened(&store, new_room()).await;
    assert_eq!(sound(&store, room.id).await.messages, []);
    let first = exchange(&store, room.id, "one", "eins").await;
    let second = sent(&store, send_to(room.id, "two")).await;
    kept(&store, &second.turn, "zw").await;
    let third = sent(&store, send_to(room.id, "three")).await;
    let told = sound(&store, room.id).await;
    let texts: Vec<_> =
        told.messages.iter().map(|message| (message.role, message.content.as_str())).collect();
    let (me, model) = (Role::User, Role::Assistant);
    assert_eq!(texts, [(me, "one"), (model, "eins"), (me, "two"), (model, "zw"), (me, "three"), (model, "")]);
    let states: Vec<_> = told.messages.iter().map(|message| message.status).collect();
    use MessageStatus::{Completed, Pending, Streaming};
    assert_eq!(states, [Completed, Completed, Completed, Streaming, Completed, Pending]);
    let turns: Vec<_> = told.messages.iter().map(|message| message.turn_id).collect();
    let [one, two, three] = [&first, &second, &third].map(|sent| Some(sent.turn.id));
    assert_eq!(turns, [one, one, two, two, three, three]);
    assert_eq!(places(&told), [1, 2, 3, 4, 5, 6]);
    assert_eq!(told.room, room_now(&store, room.id).await);
    complete(&store, &second.turn, "zwei").await;
    assert_eq!(sound(&store, room.id).await.messages[3].content, "zwei");
    assert!(ok(store.rooms.conversation(RoomId(id())).await).is_none());
}

/// Empty rooms and long ones, in any order of asking; a room that is gone is left out. More than one
/// statement can name, too.
pub async fn conversations_are_told_together_as_each_alone(store: TestStore) {
    let mut rooms = Vec::new();
    for said in [3, 0, 1] {
        let room = opened(&store, new_room()).await;
        for n in 0..said {
            exchange(&store, room.id, &format!("{n} asked"), &format!("{n} answered")).await;
        }
        rooms.push(room.id);
    }
    // Messages of the rooms are not stored one room after the other.
    exchange(&store, rooms[0], "last", "of all").await;
    let other = opened(&store, new_room()).await;
    exchange(&store, other.id, "not asked for", "not told").await;
    let mut alone = Vec::new();
    for room in &rooms {
        alone.push(there(store.rooms.conversation(*room).await));
    }
    assert_eq!(alone.iter().map(|one| one.messages.len()).collect::<Vec<_>>(), [8, 0, 2]);
    let asked = [rooms[2], RoomId(id()), rooms[0], rooms[1]];
    assert_eq!(ok(store.rooms.conversations(asked.to_vec()).await), alone);
    let many: Vec<RoomId> = (0..40_000).map(|_| RoomId(id())).chain(rooms).collect();
    assert_eq!(ok(store.rooms.conversations(many).await), alone);
    assert_eq!(ok(store.rooms.conversations(Vec::new()).await), []);
}
