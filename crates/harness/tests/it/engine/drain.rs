//! A server that is about to stop.

use super::reader::Reader;
use super::world::{Setup, World, refused, request};
use maru_domain::turns::TurnStatus::{Completed, Interrupted, Pending};
use maru_testkit::fakes::{Call, Trouble, soon};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn with_nothing_to_do_it_is_over_at_once() {
    let world = World::new().await;
    let server = world.server();
    soon("the drain", server.services.engine.drain(PATIENCE)).await;
    assert!(server.services.engine.is_draining());
}

#[tokio::test]
async fn nothing_new_is_taken_and_what_runs_may_end() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    let sending = server.send(room, request("hello")).await;
    let queued = server.ask(room, "waits").await;
    let model = world.model.asked().await;
    let drain = server.services.engine.drain(PATIENCE);
    let meanwhile = async {
        world.clock.settle().await;
        let fault = server.try_send(room, request("too late")).await.err().unwrap();
        assert_eq!((fault.code.name, fault.retry_after.is_some()), ("draining", true));
        let elsewhere = world.room().await;
        assert_eq!(refused(server.try_send(elsewhere, request("too late")).await), "draining");
        model.say("in time");
        model.end();
    };
    tokio::join!(drain, meanwhile);
    assert_eq!(super::world::ended(sending.settled().await.unwrap().1).reply, "in time");
    server.services.engine.beat().await;
    world.clock.settle().await;
    assert_eq!(world.state(queued).await.0, Pending, "the next turn is for another server");
    let other = world.server_with(Setup::named("two"));
    other.services.engine.beat().await;
    let model = world.model.asked().await;
    model.say("elsewhere");
    model.end();
    assert_eq!(other.end_of(queued).await.turn.attempt, 1);
}

#[tokio::test]
async fn a_turn_without_text_is_handed_over() {
    let world = World::new().await;
    let server = world.server();
    let other = world.server_with(Setup::named("two"));
    let sending = server.send(world.room().await, request("hello")).await;
    let turn = sending.sent.turn.id;
    let model = world.model.asked().await;
    let readers = [Reader::open(&server, turn).await, Reader::open(&other, turn).await];
    let drain = server.services.engine.drain(PATIENCE);
    tokio::join!(drain, async {
        world.clock.settle().await;
        assert!(!model.is_dropped(), "it gets its time first");
        world.clock.advance(PATIENCE).await;
    });
    assert!(model.is_dropped());
    let view = world.stored(turn).await;
    assert_eq!((view.turn.status, view.turn.attempt), (Pending, 0), "the attempt does not count");
    // Whoever waits here comes again, to another server.
    let waiter = soon("the waiter is answered", sending.settled()).await;
    assert_eq!(refused(waiter), "draining");
    assert_eq!(refused(soon("the waiter is answered", server.services.turns.wait(turn)).await), "draining");
    server.quiet().await;
    other.services.engine.beat().await;
    let again = world.model.asked().await;
    again.say("else");
    world.clock.settle().await;
    again.say("where");
    again.end();
    let view = other.end_of(turn).await;
    assert_eq!((view.turn.status, view.turn.attempt), (Completed, 1));
    for reader in readers {
        reader.completes_or_leaves("elsewhere").await;
    }
}

#[tokio::test]
async fn a_turn_with_text_is_interrupted() {
    let world = World::new().await;
    let server = world.server();
    let sending = server.send(world.room().await, request("hello")).await;
    let model = world.model.asked().await;
    let mut reader = Reader::open(&server, sending.sent.turn.id).await;
    model.say("half");
    reader.has("half").await;
    model.say(" of it");
    let drain = server.services.engine.drain(PATIENCE);
    tokio::join!(drain, world.clock.advance(PATIENCE));
    assert!(model.is_dropped());
    let view = super::world::ended(sending.settled().await.unwrap().1);
    assert_eq!((view.turn.status, view.reply.as_str()), (Interrupted, "half of it"));
    reader.completes("half of it").await;
    server.quiet().await;
}

#[tokio::test]
async fn a_store_that_is_away_does_not_hold_it_up() {
    let world = World::new().await;
    let server = world.server();
    let turn = server.ask(world.room().await, "hello").await;
    let model = world.model.asked().await;
    model.say("half");
    Reader::open(&server, turn).await.has("half").await;
    server.flaky.some(Call::Finish, 0, usize::MAX, Trouble::Away);
    let drain = server.services.engine.drain(PATIENCE);
    tokio::join!(drain, async {
        world.clock.advance(PATIENCE).await;
        world.clock.advance(Duration::from_secs(3)).await;
    });
    assert!(model.is_dropped());
}
