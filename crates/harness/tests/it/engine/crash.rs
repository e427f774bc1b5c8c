//! A server that dies in the middle, and one that lives on without knowing that it was replaced.

use super::reader::Reader;
use super::world::{Setup, World, request};
use maru_domain::turns::TurnStatus::{Completed, Interrupted, Pending, Streaming};
use maru_testkit::fakes::{Call, Gate, Trouble, until};
use std::time::Duration;

#[tokio::test]
async fn a_turn_without_text_is_sent_again() {
    let world = World::new().await;
    let first = world.server();
    let turn = first.ask(world.room().await, "hello").await;
    let lost = world.model.asked().await;
    first.crash().await;
    assert!(lost.is_dropped());
    let second = world.server_with(Setup::named("two"));
    second.take_over().await;
    let model = world.model.asked().await;
    assert_eq!(model.prompt, lost.prompt);
    lost.say("from the dead");
    model.say("again");
    model.end();
    let view = second.end_of(turn).await;
    assert_eq!((view.turn.status, view.reply.as_str(), view.turn.attempt), (Completed, "again", 2));
}

#[tokio::test]
async fn after_three_attempts_it_is_interrupted() {
    let world = World::new().await;
    let room = world.room().await;
    let server = world.server();
    let turn = server.ask(room, "hello").await;
    world.model.asked().await;
    server.crash().await;
    for name in ["two", "three"] {
        let server = world.server_with(Setup::named(name));
        server.take_over().await;
        world.model.asked().await;
        server.crash().await;
    }
    let last = world.server_with(Setup::named("four"));
    last.take_over().await;
    let view = last.end_of(turn).await;
    assert_eq!((view.turn.status, view.reply.as_str()), (Interrupted, ""));
    assert_eq!(view.turn.error.unwrap().code, "interrupted");
    assert_eq!(world.model.times_asked(), 3);
}

#[tokio::test]
async fn a_turn_with_text_is_interrupted_and_keeps_it() {
    let world = World::new().await;
    let first = world.server();
    let room = world.room().await;
    let turn = first.ask(room, "hello").await;
    let model = world.model.asked().await;
    let mut reader = Reader::open(&first, turn).await;
    model.say("half of it");
    reader.has("half of it").await;
    model.say(", and what the last second brought");
    world.clock.advance(Duration::from_millis(30)).await;
    reader.has("half of it, and what the last second brought").await;
    first.crash().await;
    let second = world.server_with(Setup::named("two"));
    second.take_over().await;
    let view = second.end_of(turn).await;
    assert_eq!((view.turn.status, view.reply.as_str()), (Interrupted, "half of it"));
    assert_eq!(view.turn.error.unwrap().code, "interrupted");
    assert_eq!(world.model.times_asked(), 1);
    // Who has seen more than was stored is told what there is, here and after a restart.
    reader.again(&second).await;
    assert!(reader.completes("half of it").await.resets > 0);
    let alone = world.server_with(Setup { own_streams: true, ..Setup::named("three") });
    Reader::open(&alone, turn).await.completes("half of it").await;
    // The room goes on.
    let next = second.ask(room, "and now?").await;
    world.model.asked().await.end();
    second.wait(next).await;
}

#[tokio::test]
async fn a_reader_on_the_other_server_sees_the_takeover() {
    let world = World::new().await;
    let first = world.server();
    let second = world.server_with(Setup::named("two"));
    let room = world.room().await;
    let (with_text, without) = (first.ask(room, "hello").await, first.ask(world.room().await, "hello").await);
    let (model, silent) = (world.model.asked().await, world.model.asked().await);
    let (model, silent) = if model.prompt.turn == with_text { (model, silent) } else { (silent, model) };
    assert!(!silent.is_dropped());
    let mut reader = Reader::open(&second, with_text).await;
    let waiting = Reader::open(&second, without).await;
    model.say("half");
    reader.has("half").await;
    first.crash().await;
    second.take_over().await;
    let read = reader.completes("half").await;
    assert_eq!(read.done().turn.status, Interrupted);
    let again = world.model.asked().await;
    again.say("from the second");
    again.end();
    waiting.completes("from the second").await;
}

#[tokio::test]
async fn whenever_it_dies_what_is_stored_is_a_prefix_of_what_was_said() {
    const WHOLE: &str = "one zwei 셋 vier fünf";
    let world = World::new().await;
    let mut server = world.server();
    for moment in 0..60 {
        let turn = server.ask(world.room().await, "hello").await;
        let model = world.model.asked().await;
        let mut said = 0;
        for (step, piece) in WHOLE.split_inclusive(' ').enumerate() {
            if step == moment / 10 {
                break;
            }
            model.say(piece);
            said += piece.len();
            world.clock.advance(Duration::from_millis(600)).await;
        }
        if said == WHOLE.len() {
            model.end();
        } else {
            model.say(&WHOLE[said..].chars().take(1).collect::<String>());
        }
        // From here on the server comes a little further in each round.
        for _ in 0..moment % 10 {
            tokio::task::yield_now().await;
        }
        server.crash().await;
        // What was on its way to the disk arrives there: it was not the disk that died.
        world.store.ports.turns.release(turn, -1).await.unwrap();
        let (status, before) = world.state(turn).await;
        server = world.server_with(Setup::named(["odd", "even"][moment % 2]));
        server.take_over().await;
        if status == Pending && before.is_empty() {
            let again = world.model.asked().await;
            again.say(WHOLE);
            again.end();
        }
        let view = server.end_of(turn).await;
        assert!(WHOLE.starts_with(&view.reply), "{:?}", view.reply);
        assert!(view.reply.starts_with(&before), "nothing of what was stored is lost");
        match status {
            Pending => assert_eq!((view.turn.status, view.turn.attempt), (Completed, 2)),
            Streaming => assert_eq!(view.turn.status, Interrupted),
            other => assert_eq!(view.turn.status, other, "a final state is final"),
        }
    }
}

/// The first server stops as by `SIGSTOP` at this call, is replaced, and goes on.
async fn zombie(stopped_at: Call, said: &str, stored: &str) {
    let world = World::new().await;
    let zombie = world.server();
    let other = world.server_with(Setup::named("two"));
    let room = world.room().await;
    let sending = zombie.send(room, request("hello")).await;
    let turn = sending.sent.turn.id;
    let model = world.model.asked().await;
    let mut reader = Reader::open(&zombie, turn).await;
    model.say("half");
    reader.has("half").await;
    let gate = Gate::new();
    zombie.flaky.next(stopped_at, Trouble::Before(gate.clone()));
    model.say(said);
    if stopped_at == Call::Finish {
        model.end();
    } else {
        world.clock.advance(Duration::from_secs(1)).await;
    }
    gate.reached().await;
    other.take_over().await;
    let view = other.end_of(turn).await;
    assert_eq!((view.turn.status, view.reply.as_str()), (Interrupted, stored));
    gate.open();
    model.dropped().await;
    let (_, settled) = sending.settled().await.unwrap();
    assert_eq!(super::world::ended(settled), view, "its own waiters are told what is stored");
    zombie.quiet().await;
    assert_eq!(world.stored(turn).await, view, "and it has written nothing");
    reader.completes(stored).await;
}

#[tokio::test]
async fn a_zombie_stores_no_text() {
    zombie(Call::Checkpoint, ", and more", "half").await;
}

#[tokio::test]
async fn a_zombie_ends_nothing() {
    zombie(Call::Finish, ", and the rest", "half").await;
}

#[tokio::test]
async fn a_zombie_without_text_is_replaced_by_one_that_has_the_turn_to_itself() {
    let world = World::new().await;
    let zombie = world.server();
    let other = world.server_with(Setup::named("two"));
    let turn = zombie.ask(world.room().await, "hello").await;
    let old = world.model.asked().await;
    other.take_over().await;
    let new = world.model.asked().await;
    new.say("new");
    let mut reader = Reader::open(&other, turn).await;
    reader.has("new").await;
    old.say("old");
    old.dropped().await;
    zombie.quiet().await;
    new.end();
    let read = reader.completes("new").await;
    assert_eq!((read.done().turn.status, read.done().turn.fence), (Completed, 2));
}

#[tokio::test]
async fn a_lease_that_is_over_is_taken_up_by_whoever_looks() {
    let world = World::new().await;
    let dead = world.server_with(Setup { lease: Duration::ZERO, ..Setup::named("dead") });
    let turn = dead.ask(world.room().await, "hello").await;
    world.model.asked().await;
    dead.crash().await;
    let other = world.server_with(Setup::named("two"));
    until("the turn is taken up", async || {
        other.services.engine.beat().await;
        world.model.times_asked() == 2
    })
    .await;
    world.model.asked().await.end();
    other.wait(turn).await;
}

#[tokio::test]
async fn one_of_two_that_look_takes_it_up() {
    let world = World::new().await;
    let dead = world.server();
    let mut turns = Vec::new();
    for _ in 0..10 {
        turns.push(dead.ask(world.room().await, "hello").await);
        world.model.asked().await;
    }
    dead.crash().await;
    let [one, two] = ["two", "three"].map(|name| world.server_with(Setup::named(name)));
    world.store.ports.turns.void_leases(one.services.engine.lease().owner).await.unwrap();
    tokio::join!(one.services.engine.beat(), two.services.engine.beat(), one.services.engine.beat());
    for _ in &turns {
        let model = world.model.asked().await;
        model.say("again");
        model.end();
    }
    for turn in turns {
        assert_eq!(world.over(turn).await.turn.attempt, 2);
    }
    assert_eq!(world.model.times_asked(), 20);
}
