//! Turns that are taken away with what they told.

use super::super::durable::{
    TestStore, at, complete, ending, exchange, id, new_room, ok, opened, room_now, send_to, sent, sound,
    there, turn_now, user,
};
use maru_domain::ids::{MessageId, RoomRef, TurnId};
use maru_domain::messages::Role;
use maru_domain::messages::ports::{NewSend, SendTarget, Told};
use maru_domain::page::{Order, PageRequest, Part};
use maru_domain::rooms::RoomKind;
use maru_domain::rooms::ports::NewRoom;
use maru_domain::turns::ports::{Ending, Finish};
use maru_domain::turns::{TurnOptions, TurnStatus};
use serde_json::Map;

fn with_past(target: SendTarget) -> NewSend {
    let told = Told { id: MessageId(id()), role: Role::User, content: "zero".into(), metadata: Map::new() };
    let options =
        TurnOptions { past: 1, opened: matches!(target, SendTarget::New(_)), ..TurnOptions::default() };
    NewSend { target, told: vec![told], options, ..send_to(maru_domain::ids::RoomId(id()), "one") }
}

/// Its messages go with it, those of others stay, and no number is given twice.
pub async fn a_deleted_turn_takes_what_it_told(store: TestStore) {
    let new = new_room();
    let first = sent(&store, with_past(SendTarget::New(Box::new(new.clone())))).await;
    complete(&store, &first.turn, "eins").await;
    let second = exchange(&store, new.id, "two", "zwei").await;
    let before = room_now(&store, new.id).await;
    assert!(ok(store.turns.delete(first.turn.id, at(40)).await));
    let left = sound(&store, new.id).await;
    let said: Vec<_> = left.messages.iter().map(|message| message.content.as_str()).collect();
    assert_eq!((said, left.room.message_count), (vec!["two", "zwei"], 2));
    assert_eq!((left.room.last_seq, left.room.version), (before.last_seq + 3, before.version + 1));
    assert_eq!(ok(store.turns.find(first.turn.id).await), None);
    assert!(!ok(store.turns.delete(first.turn.id, at(41)).await), "twice is once");
    assert!(!ok(store.turns.delete(TurnId(id()), at(41)).await));
    // The other has not opened the room: it goes and the room stays.
    assert!(ok(store.turns.delete(second.turn.id, at(42)).await));
    assert_eq!(sound(&store, new.id).await.messages, []);
}

/// The room that it opened goes along, when nothing else is left there.
pub async fn a_deleted_turn_takes_the_room_that_it_opened(store: TestStore) {
    let new = new_room();
    let only = sent(&store, with_past(SendTarget::New(Box::new(new.clone())))).await;
    complete(&store, &only.turn, "eins").await;
    assert!(ok(store.turns.delete(only.turn.id, at(40)).await));
    assert_eq!(ok(store.rooms.find(RoomRef::Id(new.id)).await), None);
    // So does a turn that is taken back.
    let new = new_room();
    let failed = sent(&store, with_past(SendTarget::New(Box::new(new.clone())))).await;
    let back = Ending { withdraw: true, ..ending(&failed.turn, TurnStatus::Failed, "") };
    there(store.turns.finish(back).await);
    assert_eq!(ok(store.rooms.find(RoomRef::Id(new.id)).await), None);
}

/// How the model said that it had ended is kept.
pub async fn an_end_is_kept_as_the_model_said_it(store: TestStore) {
    for finish in [Some(Finish::Stop), Some(Finish::Length), Some(Finish::ContentFilter), None] {
        let room = opened(&store, new_room()).await;
        let turn = sent(&store, send_to(room.id, "one")).await.turn;
        there(store.turns.finish(Ending { finish, ..ending(&turn, TurnStatus::Completed, "eins") }).await);
        assert_eq!(turn_now(&store, turn.id).await.turn.finish, finish);
    }
}

/// Stored chat completions are the rooms of their kind that have a public id.
pub async fn stored_completions_are_listed(store: TestStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    let mut numbers = Vec::new();
    for n in 0..5 {
        let new = NewRoom {
            owner: Some(ann.id),
            kind: RoomKind::Openai,
            public_id: Some(n.to_string()),
            model: (n % 2 == 0).then(|| "even".to_owned()),
            ..new_room()
        };
        numbers.push(opened(&store, new).await.number);
    }
    opened(&store, NewRoom { owner: Some(ann.id), kind: RoomKind::Openai, ..new_room() }).await;
    opened(&store, NewRoom { owner: Some(ann.id), public_id: Some("x".into()), ..new_room() }).await;
    opened(
        &store,
        NewRoom { owner: Some(bob.id), kind: RoomKind::Openai, public_id: Some("x".into()), ..new_room() },
    )
    .await;
    let page = async |order, part, model: Option<&str>| {
        let request = PageRequest { limit: 2, order, part };
        let page = ok(store.rooms.completions(ann.id, model.map(str::to_owned), request).await);
        (page.items.iter().map(|room| room.number).collect::<Vec<_>>(), page.has_more)
    };
    assert_eq!(page(Order::Ascending, Part::Start, None).await, (numbers[..2].to_vec(), true));
    assert_eq!(page(Order::Ascending, Part::After(numbers[3]), None).await, (vec![numbers[4]], false));
    assert_eq!(page(Order::Descending, Part::Start, None).await, (vec![numbers[4], numbers[3]], true));
    assert_eq!(
        page(Order::Descending, Part::After(numbers[4]), Some("even")).await,
        (vec![numbers[2], numbers[0]], false)
    );
}
