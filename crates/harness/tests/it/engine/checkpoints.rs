//! How much of a reply is stored, and when.

use super::reader::Reader;
use super::world::World;
use maru_domain::turns::TurnStatus::Streaming;
use maru_testkit::fakes::{Call, Trouble};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn the_first_text_is_stored_at_once_and_more_of_it_each_second() {
    let world = World::new().await;
    let server = world.server();
    let turn = server.ask(world.room().await, "hello").await;
    let model = world.model.asked().await;
    let mut reader = Reader::open(&server, turn).await;
    model.say("a");
    reader.has("a").await;
    for nth in 1..30 {
        model.say("b");
        world.clock.advance(Duration::from_millis(100)).await;
        let stored = world.state(turn).await.1.len();
        assert!(nth + 1 - stored <= 10, "at most a second is missing: {stored} of {}", nth + 1);
    }
    let text = format!("a{}", "b".repeat(29));
    reader.has(&text).await;
    assert_eq!(server.flaky.calls(Call::Checkpoint), 3, "the first, and one each second");
    model.end();
    reader.completes(&text).await;
}

#[tokio::test]
async fn a_second_without_text_is_not_stored() {
    let world = World::new().await;
    let server = world.server();
    let turn = server.ask(world.room().await, "hello").await;
    let model = world.model.asked().await;
    model.say("a");
    let mut reader = Reader::open(&server, turn).await;
    reader.has("a").await;
    for _ in 0..10 {
        world.clock.advance(SECOND).await;
    }
    assert_eq!(server.flaky.calls(Call::Checkpoint), 1);
    model.end();
    reader.completes("a").await;
}

#[tokio::test]
async fn four_kib_are_stored_at_once() {
    let world = World::new().await;
    let server = world.server();
    let turn = server.ask(world.room().await, "hello").await;
    let model = world.model.asked().await;
    let mut reader = Reader::open(&server, turn).await;
    model.say("a");
    reader.has("a").await;
    let piece = "ㄱ".repeat(340);
    for _ in 0..4 {
        model.say(&piece);
        world.clock.settle().await;
    }
    assert_eq!(server.flaky.calls(Call::Checkpoint), 1, "4080 bytes wait for the second to be over");
    model.say(&piece);
    server.flaky.called(Call::Checkpoint, 2).await;
    world.clock.settle().await;
    assert_eq!(world.state(turn).await, (Streaming, format!("a{}", piece.repeat(5))));
    model.end();
    reader.completes(&format!("a{}", piece.repeat(5))).await;
}

#[tokio::test]
async fn a_flood_that_never_pauses_is_stored_on_the_way() {
    let world = World::new().await;
    let server = world.server();
    let turn = server.ask(world.room().await, "hello").await;
    let model = world.model.asked().await;
    let piece = "0123456789abcdef".repeat(64);
    for _ in 0..100 {
        model.say(&piece);
    }
    server.flaky.called(Call::Checkpoint, 10).await;
    model.end();
    let whole = piece.repeat(100);
    Reader::open(&server, turn).await.completes(&whole).await;
    assert!(server.flaky.calls(Call::Checkpoint) <= 26, "one a 4 KiB at most");
}

#[tokio::test]
async fn a_checkpoint_that_failed_is_tried_again_although_the_model_is_silent() {
    let world = World::new().await;
    let server = world.server();
    let turn = server.ask(world.room().await, "hello").await;
    let model = world.model.asked().await;
    let mut reader = Reader::open(&server, turn).await;
    model.say("a");
    reader.has("a").await;
    server.flaky.next(Call::Checkpoint, Trouble::Away);
    model.say("b");
    world.clock.advance(SECOND).await;
    assert_eq!(world.state(turn).await, (Streaming, "a".to_owned()));
    reader.has("ab").await;
    world.clock.advance(SECOND).await;
    assert_eq!(world.state(turn).await, (Streaming, "ab".to_owned()));
    model.end();
    reader.completes("ab").await;
}

#[tokio::test]
async fn a_store_that_is_away_is_not_asked_for_every_piece() {
    let world = World::new().await;
    let server = world.server();
    let turn = server.ask(world.room().await, "hello").await;
    let model = world.model.asked().await;
    let mut reader = Reader::open(&server, turn).await;
    model.say("a");
    reader.has("a").await;
    server.flaky.some(Call::Checkpoint, 0, usize::MAX, Trouble::Away);
    let piece = "x".repeat(1024);
    for _ in 0..100 {
        model.say(&piece);
        world.clock.advance(Duration::from_millis(20)).await;
    }
    let whole = format!("a{}", piece.repeat(100));
    reader.has(&whole).await;
    let tries = server.flaky.calls(Call::Checkpoint);
    assert!((2..=30).contains(&tries), "{tries} tries in two seconds and 100 KiB");
    server.flaky.is_well();
    model.end();
    reader.completes(&whole).await;
}

#[tokio::test]
async fn a_character_that_no_store_takes_is_replaced() {
    let world = World::new().await;
    let server = world.server();
    let turn = server.ask(world.room().await, "hello").await;
    let model = world.model.asked().await;
    model.say("a\0");
    model.say("\0b");
    model.end();
    Reader::open(&server, turn).await.completes("a\u{fffd}\u{fffd}b").await;
}
