//! Waiting for the end of a turn.

use super::world::{Setup, World, ended, request};
use maru_domain::ids::{Ids, TurnId};
use maru_domain::turns::{Settled, TurnStatus};
use maru_testkit::fakes::{Call, Plan, Trouble, soon};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn for_a_turn_that_nobody_knows() {
    let world = World::new().await;
    let server = world.server();
    assert_eq!(server.wait(TurnId(world.ids.next())).await, Settled::Gone);
}

#[tokio::test]
async fn for_a_turn_of_this_server_the_store_is_not_asked() {
    let world = World::new().await;
    let server = world.server();
    let sending = server.send(world.room().await, request("hello")).await;
    let model = world.model.asked().await;
    let (settled, ()) = tokio::join!(sending.settled(), async {
        // For a second, in which somebody who waits for another server's turn asks four times.
        for _ in 0..4 {
            world.clock.advance(Duration::from_millis(250)).await;
        }
        assert_eq!(server.flaky.calls(Call::Find), 0);
        model.say("here");
        model.end();
    });
    assert_eq!(ended(settled.unwrap().1).reply, "here");
    assert_eq!(server.flaky.calls(Call::Find), 0);
}

#[tokio::test]
async fn for_a_turn_of_another_server_the_store_tells() {
    let world = World::new().await;
    let owner = world.server();
    let other = world.server_with(Setup { own_streams: true, ..Setup::named("two") });
    let sending = owner.send(world.room().await, request("hello")).await;
    let turn = sending.sent.turn.id;
    let model = world.model.asked().await;
    let (view, ()) = tokio::join!(other.end_of(turn), async {
        world.clock.advance(Duration::from_secs(1)).await;
        model.say("there");
        model.end();
        sending.settled().await.unwrap();
        world.clock.advance(Duration::from_millis(250)).await;
    });
    assert_eq!((view.turn.status, view.reply.as_str()), (TurnStatus::Completed, "there"));
}

#[tokio::test]
async fn for_a_turn_that_ended_long_ago_the_answer_is_there_at_once() {
    let world = World::new().await;
    let server = world.server();
    world.model.plan(Plan::fast(&["long ago"]));
    let turn = server.ask(world.room().await, "hello").await;
    server.end_of(turn).await;
    // The clock stands still.
    for _ in 0..3 {
        assert_eq!(server.end_of(turn).await.reply, "long ago");
    }
}

#[tokio::test]
async fn for_a_turn_that_waits_in_a_queue() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    let first = server.ask(room, "one").await;
    let second = server.send(room, request("two")).await;
    let turn = second.sent.turn.id;
    let (settled, late, ()) = tokio::join!(second.settled(), server.end_of(turn), async {
        let model = world.model.asked().await;
        model.say("one");
        model.end();
        server.end_of(first).await;
        let model = world.model.asked().await;
        model.say("two");
        model.end();
    });
    assert_eq!(ended(settled.unwrap().1).reply, "two");
    assert_eq!(late.reply, "two");
}

/// A disk that stays full: whoever has sent is told that the message is there, and what to do; and it is there.
#[tokio::test]
async fn for_an_end_that_cannot_be_stored_has_an_end() {
    let world = World::new().await;
    let server = world.server();
    let sending = server.send(world.room().await, request("hello")).await;
    let turn = sending.sent.turn.id;
    let room = sending.sent.room.id;
    let model = world.model.asked().await;
    server.flaky.some(Call::Finish, 0, usize::MAX, Trouble::Away);
    model.say("all of it");
    model.end();
    let (settled, ()) = tokio::join!(sending.settled(), async {
        server.flaky.called(Call::Finish, 1).await;
        for _ in 0..22 {
            world.clock.advance(Duration::from_secs(30)).await;
        }
    });
    let fault = settled.unwrap_err();
    assert_eq!((fault.code.name, fault.retry_after), ("reply_not_ready", Some(Duration::from_secs(1))));
    assert!(!world.stored(turn).await.turn.status.is_terminal());
    assert_eq!(world.messages(room).await.1.len(), 2, "nothing that was acknowledged is lost");
}

#[tokio::test]
async fn a_hundred_at_once_get_the_same_answer() {
    let world = World::new().await;
    let server = Arc::new(world.server());
    let turn = server.ask(world.room().await, "hello").await;
    let model = world.model.asked().await;
    let waiters = (0..100).map(|nth| {
        let server = Arc::clone(&server);
        tokio::runtime::Handle::current().spawn(async move {
            let wait = server.services.turns.wait(turn);
            if nth % 3 == 0 {
                // One that leaves takes nothing from the others.
                let _ = tokio::time::timeout(Duration::from_micros(1), wait).await;
                return None;
            }
            Some(ended(wait.await.unwrap()))
        })
    });
    let waiters: Vec<_> = waiters.collect();
    world.clock.settle().await;
    model.say("for all");
    model.end();
    let end = server.end_of(turn).await;
    for waiter in waiters {
        if let Some(view) = soon("the waiter is told", waiter).await.unwrap() {
            assert_eq!(view, end);
        }
    }
    assert_eq!(world.clock.sleepers(), 0, "whoever waited has left no trace");
}

#[tokio::test]
async fn a_store_that_is_away_is_said_when_only_the_store_could_tell() {
    let world = World::new().await;
    let owner = world.server();
    let other = world.server_with(Setup::named("two"));
    let turn = owner.ask(world.room().await, "hello").await;
    world.model.asked().await;
    other.flaky.every(Trouble::Away);
    let wait = soon("the waiter is answered", other.services.turns.wait(turn));
    let (answer, ()) = tokio::join!(wait, world.clock.advance(Duration::from_secs(1)));
    assert_eq!(super::world::refused(answer), "store_unavailable");
}

#[tokio::test]
async fn a_sending_that_nobody_waits_for_goes_on() {
    let world = World::new().await;
    let server = world.server();
    let sending = server.send(world.room().await, request("hello")).await;
    let turn = sending.sent.turn.id;
    let model = world.model.asked().await;
    drop(sending);
    model.say("to whom it may concern");
    model.end();
    assert_eq!(server.end_of(turn).await.reply, "to whom it may concern");
}
