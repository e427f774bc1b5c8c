//! What the model is told.

use super::super::durable::{
    LONG, TestStore, at, complete, ending, exchange, id, kept, new_room, ok, opened, room, send_to, sent,
    take_up, there, withdrawal,
};
use maru_domain::ids::TurnId;
use maru_domain::messages::Role;
use maru_domain::messages::ports::{Edit, EditTarget, NewSend};
use maru_domain::rooms::ports::NewRoom;
use maru_domain::services::StorePorts;
use maru_domain::turns::TurnStatus;

async fn told(store: &StorePorts, turn: TurnId, most: i64) -> Vec<(Role, String)> {
    let source = there(store.turns.prompt(turn, most).await);
    source.messages.into_iter().map(|message| (message.role, message.content)).collect()
}

fn me(text: &str) -> (Role, String) {
    (Role::User, text.to_owned())
}

fn model(text: &str) -> (Role, String) {
    (Role::Assistant, text.to_owned())
}

/// Oldest first, up to the message to be answered; without cancelled turns, empty replies and what came later.
pub async fn the_prompt_is_the_conversation_so_far(store: TestStore) {
    let new = NewRoom { system_prompt: "be brief '\"😀".into(), ..new_room() };
    let room = opened(&store, new).await.id;
    exchange(&store, room, "one", "eins").await;
    for (text, reply, status) in [
        ("two", "zw", TurnStatus::Cancelled),
        ("three", "", TurnStatus::Failed),
        ("four", "vi", TurnStatus::Interrupted),
        ("five", "", TurnStatus::Cancelled),
    ] {
        let turn = sent(&store, send_to(room, text)).await.turn;
        there(store.turns.finish(ending(&turn, status, reply)).await);
    }
    let withdrawn = sent(&store, send_to(room, "never")).await.turn;
    there(store.turns.finish(withdrawal(&withdrawn)).await);
    let asked = sent(&store, send_to(room, "six")).await.turn;
    let later = sent(&store, send_to(room, "seven")).await.turn;
    kept(&store, &asked, "se").await;
    let source = there(store.turns.prompt(asked.id, 100).await);
    assert_eq!((source.room_id, source.system_prompt.as_str()), (room, "be brief '\"😀"));
    let so_far = vec![me("one"), model("eins"), me("three"), me("four"), model("vi"), me("six")];
    assert_eq!(told(&store, asked.id, 100).await, so_far);
    complete(&store, &asked, "sechs").await;
    let all = [so_far, vec![model("sechs"), me("seven")]].concat();
    assert_eq!(told(&store, later.id, 100).await, all);
    assert_eq!(ok(store.turns.prompt(TurnId(id()), 100).await), None);
}

/// However long the history is.
pub async fn the_prompt_keeps_the_newest(store: TestStore) {
    let room = room(&store).await.id;
    for number in 0..10 {
        exchange(&store, room, &format!("q{number}"), &format!("a{number}")).await;
    }
    let asked = sent(&store, send_to(room, "last")).await.turn.id;
    assert_eq!(told(&store, asked, 1).await, [me("last")]);
    assert_eq!(told(&store, asked, 4).await, [model("a8"), me("q9"), model("a9"), me("last")]);
    assert_eq!(told(&store, asked, 21).await.len(), 21);
    assert_eq!(told(&store, asked, 500).await.len(), 21);
}

/// And not what was there when it was sent; other rooms are not told of.
pub async fn the_prompt_shows_what_is_there_now(store: TestStore) {
    let (here, elsewhere) = (room(&store).await.id, room(&store).await.id);
    let first = exchange(&store, here, "one", "eins").await;
    exchange(&store, elsewhere, "secret", "geheim").await;
    let asked = sent(&store, send_to(here, "two")).await;
    for (turn, text) in [(first.turn.id, "ONE"), (asked.turn.id, "TWO")] {
        let edit = Edit { room_id: here, target: EditTarget::Turn(turn), content: text.into(), now: at(12) };
        there(store.messages.edit(edit).await);
    }
    assert_eq!(told(&store, asked.turn.id, 100).await, [me("ONE"), model("eins"), me("TWO")]);
    let waiting = sent(&store, send_to(here, "three")).await.turn;
    there(store.turns.force_cancel(asked.turn.id, at(13)).await);
    let taken = take_up(&store, here, "two", LONG).await.turn;
    assert_eq!(taken.id, waiting.id);
    assert_eq!(told(&store, taken.id, 100).await, [me("ONE"), model("eins"), me("three")]);
}

/// The turn's own before the room's.
pub async fn the_prompt_names_the_model(store: TestStore) {
    for (of_room, of_turn, told) in [
        (None, None, None),
        (Some("room/a"), None, Some("room/a")),
        (None, Some("turn/b"), Some("turn/b")),
        (Some("room/a"), Some("turn/b"), Some("turn/b")),
    ] {
        let new = NewRoom { model: of_room.map(str::to_owned), ..new_room() };
        let room = opened(&store, new).await.id;
        let send = NewSend { model: of_turn.map(str::to_owned), ..send_to(room, "hello") };
        let turn = sent(&store, send).await.turn.id;
        assert_eq!(there(store.turns.prompt(turn, 9).await).model.as_deref(), told);
    }
}
