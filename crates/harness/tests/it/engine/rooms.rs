//! A room that is deleted while a turn runs in it.

use super::reader::Reader;
use super::world::{Setup, World, refused, request};
use maru_domain::turns::{Settled, TurnEvent};
use maru_testkit::fakes::{Call, Gate, Plan, Trouble, soon};
use std::time::Duration;

#[tokio::test]
async fn the_model_is_let_go_and_whoever_waits_is_told() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    let running = server.send(room, request("runs")).await;
    let queued = server.send(room, request("waits")).await;
    let turns = [running.sent.turn.id, queued.sent.turn.id];
    let model = world.model.asked().await;
    let mut readers = [Reader::open(&server, turns[0]).await, Reader::open(&server, turns[1]).await];
    model.say("some");
    readers[0].has("some").await;
    server.services.rooms.delete(server.authorized(room).await.unwrap()).await.unwrap();
    model.dropped().await;
    for sending in [running, queued] {
        let (_, settled) = soon("the waiter is told", sending.settled()).await.unwrap();
        assert_eq!(settled, Settled::Gone);
    }
    for reader in readers {
        assert_eq!(reader.rest().await.end, Some(TurnEvent::Gone));
    }
    for turn in turns {
        assert!(world.is_gone(turn).await);
        assert_eq!(server.wait(turn).await, Settled::Gone);
        assert_eq!(refused(server.services.turns.follow(turn, None).await), "turn_not_found");
    }
    assert_eq!(refused(server.try_send(room, request("anybody?")).await), "room_not_found");
    assert!(world.events(room).await.is_empty());
    server.quiet().await;
    assert_eq!(world.model.times_asked(), 1);
}

#[tokio::test]
async fn before_the_model_is_reached() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    world.model.plan(Plan::Hold);
    let sending = server.send(room, request("hello")).await;
    let model = world.model.asked().await;
    server.services.rooms.delete(server.authorized(room).await.unwrap()).await.unwrap();
    model.dropped().await;
    assert_eq!(sending.settled().await.unwrap().1, Settled::Gone);
    server.quiet().await;
}

#[tokio::test]
async fn before_the_prompt_is_read() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    let gate = Gate::new();
    server.flaky.next(Call::Prompt, Trouble::Before(gate.clone()));
    let sending = server.send(room, request("hello")).await;
    gate.reached().await;
    world.store.ports.rooms.delete(room).await.unwrap();
    gate.open();
    assert_eq!(sending.settled().await.unwrap().1, Settled::Gone);
    server.quiet().await;
    assert_eq!(world.model.times_asked(), 0, "nobody is asked for a room that is gone");
}

#[tokio::test]
async fn between_the_last_word_and_the_end() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    let sending = server.send(room, request("hello")).await;
    let turn = sending.sent.turn.id;
    let model = world.model.asked().await;
    let reader = Reader::open(&server, turn).await;
    let gate = Gate::new();
    server.flaky.next(Call::Finish, Trouble::Before(gate.clone()));
    model.say("all of it");
    model.end();
    gate.reached().await;
    server.services.rooms.delete(server.authorized(room).await.unwrap()).await.unwrap();
    gate.open();
    assert_eq!(sending.settled().await.unwrap().1, Settled::Gone);
    assert_eq!(reader.rest().await.end, Some(TurnEvent::Gone));
    assert!(world.is_gone(turn).await);
}

#[tokio::test]
async fn while_the_turn_runs_on_another_server() {
    let world = World::new().await;
    let [owner, other] = ["one", "two"].map(|name| world.server_with(Setup::named(name)));
    owner.live();
    world.clock.settle().await;
    let room = world.room().await;
    let sending = owner.send(room, request("hello")).await;
    let model = world.model.asked().await;
    let reader = Reader::open(&other, sending.sent.turn.id).await;
    other.services.rooms.delete(other.authorized(room).await.unwrap()).await.unwrap();
    // By a hint: the model is silent and the clock stands still.
    model.dropped().await;
    assert_eq!(soon("the waiter is told", sending.settled()).await.unwrap().1, Settled::Gone);
    let (read, ()) = tokio::join!(reader.rest(), async {
        for _ in 0..4 {
            world.clock.advance(Duration::from_millis(250)).await;
        }
    });
    assert_eq!(read.end, Some(TurnEvent::Gone));
    owner.quiet().await;
}
