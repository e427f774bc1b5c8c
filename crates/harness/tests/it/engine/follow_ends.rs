//! How a stream ends for readers who have more, or less, than the store.

use super::reader::Reader;
use super::world::{Setup, World};
use futures_util::future::join_all;
use maru_domain::turns::TurnEventId;
use maru_domain::turns::TurnStatus::{Completed, Failed};
use maru_domain::turns::ports::StreamBuffer;
use maru_testkit::fakes::{Plan, Step, Trouble};
use std::time::Duration;

#[tokio::test]
async fn long_after_the_end_there_is_a_reset_and_the_end() {
    let world = World::new().await;
    let server = world.server();
    let turn = server.ask(world.room().await, "hello").await;
    let model = world.model.asked().await;
    let mut early = Reader::open(&server, turn).await;
    model.say("some ");
    early.has("some ").await;
    model.say("more");
    model.end();
    server.end_of(turn).await;
    world.clock.advance(Duration::from_mins(9)).await;
    assert_eq!(Reader::at(&server, turn, early.at).await.rest().await.deltas, ["more"]);
    world.clock.advance(Duration::from_mins(2)).await;
    assert_eq!(world.streams.read(turn, 0).await, None, "the buffer has forgotten");
    for at in [None, early.at] {
        let read = Reader::at(&server, turn, at).await.completes("some more").await;
        assert_eq!((read.resets, read.done().turn.status), (1, Completed));
    }
}

#[tokio::test]
async fn an_empty_reply_ends_without_a_reset() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    world.model.plan(Plan::Play(vec![Step::Cut]));
    let turn = server.ask(room, "hello").await;
    let read = Reader::open(&server, turn).await.completes("").await;
    assert_eq!((read.resets, read.done().turn.status), (0, Failed));
    let alone = world.server_with(Setup { own_streams: true, ..Setup::named("two") });
    assert_eq!(Reader::open(&alone, turn).await.completes("").await.resets, 0);
}

#[tokio::test]
async fn a_reader_on_a_server_without_the_stream_gets_the_whole_text_at_the_end() {
    let world = World::new().await;
    let owner = world.server();
    let other = world.server_with(Setup { own_streams: true, ..Setup::named("two") });
    let turn = owner.ask(world.room().await, "hello").await;
    let model = world.model.asked().await;
    let reader = Reader::open(&other, turn).await;
    let (read, ()) = tokio::join!(reader.rest(), async {
        model.say("all of it");
        model.end();
        owner.end_of(turn).await;
        world.clock.advance(Duration::from_secs(1)).await;
    });
    assert_eq!((read.text.as_str(), read.resets), ("all of it", 1));
    assert_eq!(read.done().reply, "all of it");
}

#[tokio::test]
async fn what_was_told_and_then_lost_in_a_panic_is_taken_back() {
    let world = World::new().await;
    let server = world.server();
    let turn = server.ask(world.room().await, "hello").await;
    let model = world.model.asked().await;
    let mut reader = Reader::open(&server, turn).await;
    model.say("stored");
    reader.has("stored").await;
    model.say(" and told");
    world.clock.advance(Duration::from_millis(25)).await;
    reader.has("stored and told").await;
    model.step(Step::Panic);
    let read = reader.rest().await;
    assert_eq!(read.text, read.done().reply, "the reader has what is stored");
    assert_eq!(read.done().turn.status, Failed);
    let late = Reader::open(&server, turn).await.rest().await;
    assert_eq!(late.text, read.text);
    server.quiet().await;
}

#[tokio::test]
async fn a_reader_who_stands_still_harms_nobody() {
    let world = World::new().await;
    let server = world.server();
    let turn = server.ask(world.room().await, "hello").await;
    let model = world.model.asked().await;
    let idle = Reader::open(&server, turn).await;
    let mut reader = Reader::open(&server, turn).await;
    let mut whole = String::new();
    for nth in 0..200 {
        let piece = format!("{nth} ");
        model.say(&piece);
        whole += &piece;
        world.clock.advance(Duration::from_millis(25)).await;
    }
    reader.has(&whole).await;
    model.end();
    reader.completes(&whole).await;
    assert_eq!(idle.completes(&whole).await.resets, 0);
}

/// It does not end: an EventSource that came again now would be refused, and never come back.
#[tokio::test]
async fn a_stream_waits_for_a_store_that_is_away() {
    let world = World::new().await;
    let owner = world.server();
    let other = world.server_with(Setup::named("two"));
    let turn = owner.ask(world.room().await, "hello").await;
    let model = world.model.asked().await;
    let mut reader = Reader::open(&other, turn).await;
    model.say("all");
    reader.has("all").await;
    other.flaky.every(Trouble::Away);
    model.end();
    owner.end_of(turn).await;
    let outage = async {
        for _ in 0..5 {
            world.clock.settle().await;
            world.clock.advance(Duration::from_secs(1)).await;
        }
        other.flaky.is_well();
        world.clock.advance(Duration::from_secs(1)).await;
    };
    let (read, ()) = tokio::join!(reader.completes("all"), outage);
    assert_eq!(read.resets, 0);
}

/// What is stored is told while the turn runs elsewhere, and a reader goes on from any piece of it on any server.
#[tokio::test]
async fn a_reader_on_a_server_without_the_stream_is_told_step_by_step() {
    let world = World::new().await;
    let owner = world.server_with(Setup { shared: true, ..Setup::named("one") });
    let far = || Setup { own_streams: true, shared: true, ..Setup::named("two") };
    let (other, third) = (world.server_with(far()), world.server_with(far()));
    let turn = owner.ask(world.room().await, "hello").await;
    let model = world.model.asked().await;
    let mut reader = Reader::open(&other, turn).await;
    let (mut told, mut places) = (String::new(), Vec::new());
    for piece in ["하나 ", "two ", "drei "] {
        model.say(piece);
        told += piece;
        let steps = async {
            // As often as text is stored, and a little more.
            for _ in 0..8 {
                world.clock.settle().await;
                world.clock.advance(Duration::from_millis(250)).await;
            }
        };
        tokio::join!(reader.has(&told), steps);
        assert!(reader.at.is_some_and(|at| at.n >= super::reader::STORED));
        places.push((reader.at, told.clone()));
    }
    assert_eq!((reader.deltas.len(), reader.resets), (3, 0));
    let mut readers = vec![reader];
    for (at, had) in places.clone() {
        for server in [&owner, &other, &third] {
            let mut reader = Reader::at(server, turn, at).await;
            reader.text.clone_from(&had);
            readers.push(reader);
        }
    }
    let ends = async {
        model.say("end");
        told += "end";
        model.end();
        owner.end_of(turn).await;
        for _ in 0..8 {
            world.clock.settle().await;
            world.clock.advance(Duration::from_millis(250)).await;
        }
    };
    let whole = "하나 two drei end";
    let (readers, ()) =
        tokio::join!(join_all(readers.into_iter().map(|reader| reader.completes(whole))), ends);
    assert!(readers.iter().all(|reader| reader.resets == 0), "each goes on where it was");
    // A place in the middle of a letter is nobody's, and neither is one under another fence.
    let (at, _) = places[0].clone();
    let at = at.expect("a place");
    for wrong in
        [TurnEventId { n: super::reader::STORED + 1, ..at }, TurnEventId { fence: at.fence + 7, ..at }]
    {
        for server in [&owner, &other] {
            let read = Reader::at(server, turn, Some(wrong)).await.completes(whole).await;
            assert_eq!(read.resets, 1);
        }
    }
}
