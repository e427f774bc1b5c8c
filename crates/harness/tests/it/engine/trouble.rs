//! A store that is away for a while, loses its answers, or refuses for good.

use super::reader::Reader;
use super::world::{World, ended, or_withdraw, request};
use maru_domain::turns::ports::StreamBuffer;
use maru_domain::turns::{Settled, TurnStatus};
use maru_testkit::fakes::{Call, Plan, Trouble, soon};
use std::time::Duration;

const HALF: Duration = Duration::from_millis(500);

/// A turn whose store meets trouble on the way must end with all its text, told and stored.
async fn ends_well(prepare: impl Fn(&World, &super::world::Server)) {
    let world = World::new().await;
    let server = world.server();
    prepare(&world, &server);
    let sending = server.send(world.room().await, request("hello")).await;
    let turn = sending.sent.turn.id;
    world.clock.advance_until(HALF, "the model is asked", async || world.model.times_asked() > 0).await;
    let model = world.model.asked().await;
    let reader = Reader::open(&server, turn).await;
    for piece in ["one ", "two ", "three "] {
        model.say(piece);
        for _ in 0..3 {
            world.clock.advance(HALF).await;
        }
    }
    model.say("four");
    model.end();
    let over = || async { world.stored(turn).await.turn.status.is_terminal() };
    world.clock.advance_until(HALF, "the turn has ended", over).await;
    world.clock.advance(HALF).await;
    let view = ended(sending.settled().await.unwrap().1);
    assert_eq!((view.turn.status, view.reply.as_str()), (TurnStatus::Completed, "one two three four"));
    reader.completes("one two three four").await;
    assert_eq!(world.model.times_asked(), 1);
    server.quiet().await;
}

#[tokio::test]
async fn away_at_the_first_checkpoint() {
    ends_well(|_, server| server.flaky.some(Call::Checkpoint, 0, 3, Trouble::Away)).await;
}

#[tokio::test]
async fn away_at_later_checkpoints() {
    ends_well(|_, server| server.flaky.some(Call::Checkpoint, 1, 2, Trouble::Away)).await;
}

#[tokio::test]
async fn away_at_the_end() {
    ends_well(|_, server| server.flaky.some(Call::Finish, 0, 5, Trouble::Away)).await;
}

#[tokio::test]
async fn away_when_the_prompt_is_read() {
    ends_well(|_, server| server.flaky.some(Call::Prompt, 0, 3, Trouble::Away)).await;
}

#[tokio::test]
async fn the_answers_to_checkpoints_are_lost() {
    ends_well(|_, server| server.flaky.some(Call::Checkpoint, 0, 2, Trouble::AnswerLost)).await;
}

#[tokio::test]
async fn the_answer_to_the_end_is_lost() {
    ends_well(|_, server| server.flaky.next(Call::Finish, Trouble::AnswerLost)).await;
}

#[tokio::test]
async fn nothing_is_told_before_the_first_commit() {
    let world = World::new().await;
    let server = world.server();
    let turn = server.ask(world.room().await, "hello").await;
    let model = world.model.asked().await;
    server.flaky.some(Call::Checkpoint, 0, 10, Trouble::Away);
    for _ in 0..10 {
        model.say("word ");
        world.clock.advance(Duration::from_millis(450)).await;
        assert_eq!(world.streams.read(turn, 0).await.unwrap().last, 0);
        assert_eq!(world.state(turn).await, (TurnStatus::Pending, String::new()));
    }
    server.flaky.is_well();
    world.clock.advance(HALF).await;
    model.end();
    Reader::open(&server, turn).await.completes(&"word ".repeat(10)).await;
}

#[tokio::test]
async fn a_cancel_is_heard_while_the_store_is_away() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    let turn = server.ask(room, "hello").await;
    let model = world.model.asked().await;
    server.flaky.some(Call::Checkpoint, 0, usize::MAX, Trouble::Away);
    model.say("first");
    server.flaky.called(Call::Checkpoint, 1).await;
    let view = server.cancel(room, turn).await.unwrap();
    assert_eq!((view.turn.status, view.reply.as_str()), (TurnStatus::Cancelled, "first"));
    assert!(model.is_dropped());
}

/// A turn whose text the store refuses for good must fail and keep what is stored of it.
async fn refused_for_good(call: Call, skip: usize, stored: &str) {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    let sending = server.send(room, request("hello")).await;
    let model = world.model.asked().await;
    server.flaky.some(call, skip, 1, Trouble::Broken);
    model.say("one ");
    world.clock.advance(HALF).await;
    model.say("two");
    world.clock.advance(2 * HALF).await;
    model.say(" three");
    model.end();
    let view = ended(soon("the turn settles", sending.settled()).await.unwrap().1);
    assert_eq!(view.turn.status, TurnStatus::Failed);
    assert_eq!(view.turn.error.as_ref().unwrap().code, "internal");
    assert_eq!(view.reply, stored, "what was stored is kept");
    assert!(model.is_dropped());
    Reader::open(&server, view.turn.id).await.completes(stored).await;
    world.model.plan(Plan::fast(&["goes on"]));
    let next = server.ask(room, "and now?").await;
    assert_eq!(server.end_of(next).await.reply, "goes on");
    server.quiet().await;
}

#[tokio::test]
async fn refused_at_the_first_checkpoint() {
    refused_for_good(Call::Checkpoint, 0, "").await;
}

#[tokio::test]
async fn refused_at_a_later_checkpoint() {
    refused_for_good(Call::Checkpoint, 1, "one ").await;
}

#[tokio::test]
async fn refused_at_the_end() {
    refused_for_good(Call::Finish, 0, "one two").await;
}

#[tokio::test]
async fn a_panic_while_the_store_is_away_still_ends_the_turn() {
    for take_back in [false, true] {
        let world = World::new().await;
        let server = world.server();
        world.model.plan(Plan::Panic);
        server.flaky.some(Call::Finish, 0, 4, Trouble::Away);
        let hello = if take_back { or_withdraw("hello") } else { request("hello") };
        let sending = server.send(world.room().await, hello).await;
        server.flaky.called(Call::Finish, 1).await;
        for _ in 0..6 {
            world.clock.advance(HALF).await;
        }
        match sending.settled().await.unwrap().1 {
            Settled::Withdrawn(turn) if take_back => assert_eq!(turn.status, TurnStatus::Failed),
            Settled::Ended { view, .. } if !take_back => {
                assert_eq!(view.turn.error.unwrap().code, "internal")
            }
            other => panic!("{other:?}"),
        }
        server.quiet().await;
    }
}

#[tokio::test]
async fn an_end_that_cannot_be_stored_for_long_is_left_to_the_next() {
    let world = World::new().await;
    let server = world.server();
    let turn = server.ask(world.room().await, "hello").await;
    let model = world.model.asked().await;
    model.say("stored");
    Reader::open(&server, turn).await.has("stored").await;
    server.flaky.every(Trouble::Away);
    model.say(" and lost");
    model.end();
    world
        .clock
        .advance_until(Duration::from_secs(5), "it gives up", async || server.tasks.alive() == 0)
        .await;
    assert_eq!(world.state(turn).await, (TurnStatus::Streaming, "stored".to_owned()));
    server.flaky.is_well();
    server.take_over().await;
    let next = world.server_with(super::world::Setup::named("two"));
    next.take_over().await;
    let view = next.end_of(turn).await;
    assert_eq!((view.turn.status, view.reply.as_str()), (TurnStatus::Interrupted, "stored"));
    Reader::open(&next, turn).await.completes("stored").await;
}
