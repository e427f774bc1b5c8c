//! Reading a stream, from anywhere, after any cut.

use super::reader::Reader;
use super::world::{Setup, World};
use maru_domain::turns::{TurnEvent, TurnEventId};
use maru_testkit::fakes::{Plan, soon};
use std::sync::Arc;
use std::time::Duration;

/// Pieces of different lengths with letters of one to four bytes.
fn pieces() -> Vec<String> {
    let letters: Vec<char> = "aä한🦀\n".chars().collect();
    (0..60).map(|nth| letters.iter().cycle().skip(nth).take(1 + nth * 7 % 11).collect()).collect()
}

#[tokio::test]
async fn many_readers_that_are_cut_again_and_again_have_the_same_text() {
    let world = World::new().await;
    let servers = ["one", "two", "three"].map(|name| Arc::new(world.server_with(Setup::named(name))));
    let turn = servers[0].ask(world.room().await, "hello").await;
    let model = world.model.asked().await;
    let readers = (0..24).map(|nth: usize| {
        let servers = servers.clone();
        tokio::runtime::Handle::current().spawn(async move {
            let mut reader = Reader::open(&servers[nth % 3], turn).await;
            let mut events = 0;
            while reader.next().await {
                events += 1;
                if events % (1 + nth % 5) == 0 && reader.end.is_none() {
                    reader.again(&servers[(nth + events) % 3]).await;
                }
            }
            reader
        })
    });
    let readers: Vec<_> = readers.collect();
    for piece in pieces() {
        model.say(&piece);
        world.clock.advance(Duration::from_millis(25)).await;
    }
    model.end();
    let whole = pieces().concat();
    assert_eq!(servers[0].end_of(turn).await.reply, whole);
    for reader in readers {
        let reader = soon("the reader is done", reader).await.unwrap();
        assert_eq!(reader.text, whole);
        assert_eq!((reader.done().reply.as_str(), reader.resets), (whole.as_str(), 0));
    }
}

#[tokio::test]
async fn from_every_id_the_rest_is_the_same() {
    let world = World::new().await;
    let server = world.server();
    let turn = server.ask(world.room().await, "hello").await;
    let model = world.model.asked().await;
    let mut first = Reader::open(&server, turn).await;
    let mut texts = vec![(None, String::new())];
    for piece in pieces().into_iter().take(12) {
        model.say(&piece);
        world.clock.advance(Duration::from_millis(25)).await;
        assert!(first.next().await);
        texts.push((first.at, first.text.clone()));
    }
    model.end();
    let first = first.rest().await;
    assert_eq!(first.deltas.len(), 12);
    // After the end, while the buffer has it.
    for (at, had) in texts {
        let mut reader = Reader::at(&server, turn, at).await;
        reader.text = had;
        let read = reader.completes(&first.text).await;
        assert_eq!(read.resets, 0);
    }
}

#[tokio::test]
async fn a_reader_who_comes_before_the_turn_sees_it_from_the_beginning() {
    let world = World::new().await;
    let server = world.server();
    let other = world.server_with(Setup::named("two"));
    let room = world.room().await;
    let first = server.ask(room, "one").await;
    let turn = server.ask(room, "two").await;
    let model = world.model.asked().await;
    let mut reader = Reader::open(&server, turn).await;
    let mut elsewhere = Reader::open(&other, turn).await;
    let (mut reader, mut elsewhere, ()) = tokio::join!(
        async {
            // By itself: the clock has not moved when this arrives.
            reader.has("live").await;
            reader
        },
        async {
            elsewhere.has("live").await;
            elsewhere
        },
        async {
            world.clock.settle().await;
            model.end();
            server.wait(first).await;
            let model = world.model.asked().await;
            model.say("live");
            world.clock.advance(Duration::from_millis(250)).await;
        }
    );
    assert_eq!((reader.resets, elsewhere.resets), (0, 0));
    for reader in [&mut reader, &mut elsewhere] {
        assert!(reader.end.is_none());
    }
    let model = world.model.prompts().len();
    assert_eq!(model, 2);
    server.cancel(room, turn).await.unwrap();
    reader.completes("live").await;
    elsewhere.completes("live").await;
}

#[tokio::test]
async fn a_reader_who_waits_is_told_when_the_turn_begins_without_the_clock() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    let first = server.ask(room, "one").await;
    let turn = server.ask(room, "two").await;
    let mut reader = Reader::open(&server, turn).await;
    let reading = async {
        reader.has("at once").await;
        reader
    };
    let (reader, model) = tokio::join!(reading, async {
        world.clock.settle().await;
        world.model.asked().await.end();
        server.wait(first).await;
        let model = world.model.asked().await;
        model.say("at once");
        model
    });
    model.end();
    assert_eq!(reader.completes("at once").await.resets, 0);
}

#[tokio::test]
async fn two_readers_after_the_same_id_get_the_same_events() {
    let world = World::new().await;
    let server = world.server();
    world.model.plan(Plan::fast(&["one ", "two"]));
    let turn = server.ask(world.room().await, "hello").await;
    server.end_of(turn).await;
    let read = |_| async { Reader::open(&server, turn).await.rest().await };
    let [one, two] = [read(1).await, read(2).await];
    assert_eq!((one.deltas, one.at, one.end), (two.deltas, two.at, two.end));
}

/// An id that the stream has never had is answered with all there is, never with a hole.
async fn strange(id: impl Fn(TurnEventId) -> TurnEventId) {
    let world = World::new().await;
    let server = world.server();
    let turn = server.ask(world.room().await, "hello").await;
    let model = world.model.asked().await;
    let mut first = Reader::open(&server, turn).await;
    model.say("one ");
    first.has("one ").await;
    let at = id(first.at.unwrap());
    // While it runs.
    let mut reader = Reader::at(&server, turn, Some(at)).await;
    reader.has("one ").await;
    assert_eq!(reader.resets, 1);
    model.say("two");
    world.clock.advance(Duration::from_millis(25)).await;
    reader.has("one two").await;
    model.end();
    assert_eq!(reader.completes("one two").await.resets, 1);
    first.completes("one two").await;
    // After the end, while the buffer has it, and long after.
    let read = Reader::at(&server, turn, Some(at)).await.completes("one two").await;
    assert_eq!(read.resets, 1);
    world.clock.advance(Duration::from_mins(11)).await;
    let read = Reader::at(&server, turn, Some(at)).await.completes("one two").await;
    assert_eq!(read.resets, 1);
}

#[tokio::test]
async fn an_id_of_the_future_is_a_reset() {
    strange(|id| TurnEventId { n: id.n + 7, ..id }).await;
    strange(|id| TurnEventId { n: u64::MAX, ..id }).await;
}

#[tokio::test]
async fn an_id_of_another_fence_is_a_reset() {
    strange(|id| TurnEventId { fence: id.fence + 1, ..id }).await;
    strange(|id| TurnEventId { fence: 0, ..id }).await;
    strange(|id| TurnEventId { fence: i64::MAX, n: u64::MAX, ..id }).await;
}

#[tokio::test]
async fn an_id_of_another_turn_is_refused() {
    let world = World::new().await;
    let server = world.server();
    world.model.plan(Plan::fast(&["one"]));
    world.model.plan(Plan::fast(&["two"]));
    let room = world.room().await;
    let [one, two] = [server.ask(room, "one").await, server.ask(room, "two").await];
    server.end_of(two).await;
    let at = TurnEventId { turn: one, fence: 1, n: 1 };
    let fault = server.services.turns.follow(two, Some(at)).await.err().unwrap();
    assert_eq!(fault.code.name, "invalid_parameter");
    assert!(format!("{one}.1-x").parse::<TurnEventId>().is_err());
}

#[tokio::test]
async fn the_stream_of_a_running_turn_ends_with_one_end() {
    let world = World::new().await;
    let server = world.server();
    world.model.plan(Plan::fast(&["all"]));
    let turn = server.ask(world.room().await, "hello").await;
    let reader = Reader::open(&server, turn).await.completes("all").await;
    assert!(matches!(reader.end, Some(TurnEvent::Done(_))));
}
