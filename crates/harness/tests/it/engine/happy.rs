//! A turn without trouble.

use super::reader::Reader;
use super::world::{World, ended, refused, request};
use futures_util::FutureExt;
use maru_domain::events::RoomEventKind;
use maru_domain::messages::{MessageStatus, Role, SendRequest};
use maru_domain::turns::ports::{Finish, StreamBuffer};
use maru_domain::turns::{Settled, TurnStatus, Usage};
use maru_testkit::fakes::{Call, Gate, Plan, Step, Trouble};
use std::time::Duration;

const COALESCE: Duration = Duration::from_millis(25);

#[tokio::test]
async fn pieces_become_deltas_and_the_whole_text_is_stored() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    let sending = server.send(room, request("hello")).await;
    let turn = sending.sent.turn.id;
    assert_eq!(sending.sent.turn.status, TurnStatus::Pending);
    let model = world.model.asked().await;
    assert_eq!(model.prompt.system.as_deref(), Some("be brief"));
    assert_eq!(model.prompt.messages.last().map(|message| message.content.as_str()), Some("hello"));
    let mut reader = Reader::open(&server, turn).await;
    model.say("Grüß ");
    reader.has("Grüß ").await;
    model.say("Gott, ");
    world.clock.advance(COALESCE).await;
    reader.has("Grüß Gott, ").await;
    model.say("세계");
    model.step(Step::End(Finish::Stop, Some(Usage { input_tokens: 7, output_tokens: 3 })));
    let text = "Grüß Gott, 세계";
    let read = reader.completes(text).await;
    assert_eq!(read.deltas, ["Grüß ", "Gott, ", "세계"]);
    assert_eq!(read.resets, 0);
    let view = read.done();
    assert_eq!(view.turn.status, TurnStatus::Completed);
    assert_eq!(view.turn.usage, Some(Usage { input_tokens: 7, output_tokens: 3 }));
    let (_, settled) = sending.settled().await.unwrap();
    assert_eq!(&ended(settled), view);
    assert!(model.is_dropped());
    let (_, messages) = world.messages(room).await;
    let said: Vec<_> =
        messages.iter().map(|message| (message.seq, message.role, message.content.as_str())).collect();
    assert_eq!(said, [(1, Role::User, "hello"), (2, Role::Assistant, text)]);
    assert!(messages.iter().all(|message| message.status == MessageStatus::Completed));
    let kinds: Vec<_> = world.events(room).await.iter().map(|event| (event.seq, event.kind)).collect();
    let (created, updated) = (RoomEventKind::MessageCreated, RoomEventKind::MessageUpdated);
    let (started, over) = (RoomEventKind::TurnStarted, RoomEventKind::TurnDone);
    assert_eq!(kinds, [(1, created), (2, created), (3, started), (4, updated), (5, over)]);
    server.quiet().await;
}

#[tokio::test]
async fn pieces_within_25_ms_become_one_delta() {
    let world = World::new().await;
    let server = world.server();
    let turn = server.ask(world.room().await, "hello").await;
    let model = world.model.asked().await;
    let mut reader = Reader::open(&server, turn).await;
    model.say("0");
    reader.has("0").await;
    for piece in ["a", "b", "c"] {
        model.say(piece);
        world.clock.advance(Duration::from_millis(8)).await;
    }
    let buffered = world.streams.read(turn, 0).await.unwrap();
    assert_eq!(buffered.last, 1, "24 ms after the first piece nothing is told yet");
    world.clock.advance(Duration::from_millis(1)).await;
    reader.has("0abc").await;
    model.say("d");
    world.clock.advance(COALESCE).await;
    model.end();
    assert_eq!(reader.completes("0abcd").await.deltas, ["0", "abc", "d"]);
}

#[tokio::test]
async fn a_fast_model_costs_one_send_and_one_finish() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    let pieces: Vec<String> = (0..50).map(|n| format!("{n} ")).collect();
    world.model.plan(Plan::fast(&pieces.iter().map(String::as_str).collect::<Vec<_>>()));
    let sending = server.send(room, request("hello")).await;
    let (turn, version) = (sending.sent.turn.id, sending.sent.room.version);
    let (_, settled) = sending.settled().await.unwrap();
    let Settled::Ended { view, version: Some(after) } = settled else { panic!("it has ended here") };
    assert_eq!(view.reply, pieces.concat());
    assert_eq!(server.flaky.begun(), [Call::Prompt, Call::Finish], "one read and one write beside the send");
    assert_eq!(after.own_writes, 1);
    assert_eq!(after.room_version, version + 1);
    let read = Reader::open(&server, turn).await.completes(&pieces.concat()).await;
    assert_eq!(read.deltas.len(), 1);
}

#[tokio::test]
async fn own_writes_explain_the_version_of_a_room_that_nobody_else_writes() {
    let world = World::new().await;
    let server = world.server();
    let sending = server.send(world.room().await, request("hello")).await;
    let version = sending.sent.room.version;
    let model = world.model.asked().await;
    for piece in ["a", "b", "c"] {
        model.say(piece);
        world.clock.advance(Duration::from_millis(1100)).await;
    }
    model.end();
    let (_, settled) = sending.settled().await.unwrap();
    let Settled::Ended { version: Some(after), .. } = settled else { panic!("it has ended here") };
    assert_eq!(after.room_version - version, after.own_writes);
    assert_eq!(after.own_writes, 4, "three checkpoints and the end");
}

#[tokio::test]
async fn the_first_delta_comes_after_streaming_is_committed() {
    let world = World::new().await;
    let server = world.server();
    let turn = server.ask(world.room().await, "hello").await;
    let model = world.model.asked().await;
    let gate = Gate::new();
    server.flaky.next(Call::Checkpoint, Trouble::Before(gate.clone()));
    model.say("first");
    gate.reached().await;
    world.clock.advance(Duration::from_secs(1)).await;
    assert_eq!(world.streams.read(turn, 0).await.unwrap().last, 0, "not stored, so not told");
    gate.open();
    let mut reader = Reader::open(&server, turn).await;
    reader.has("first").await;
    assert_eq!(world.state(turn).await, (TurnStatus::Streaming, "first".to_owned()));
    model.end();
    reader.completes("first").await;
}

#[tokio::test]
async fn done_comes_after_the_final_text_is_committed() {
    let world = World::new().await;
    let server = world.server();
    let turn = server.ask(world.room().await, "hello").await;
    let model = world.model.asked().await;
    let before = Gate::new();
    server.flaky.next(Call::Finish, Trouble::Before(before.clone()));
    let mut reader = Reader::open(&server, turn).await;
    model.say("all ");
    reader.has("all ").await;
    model.say("of it");
    model.end();
    before.reached().await;
    let buffered = world.streams.read(turn, 0).await.unwrap();
    assert_eq!((buffered.last, buffered.closed), (1, false), "the end is not stored, so not told");
    before.open();
    let mut stored = false;
    while reader.next().await {
        stored = world.state(turn).await == (TurnStatus::Completed, "all of it".to_owned());
        assert!(stored || reader.end.is_none(), "who saw done reads the whole text at once");
    }
    assert!(stored);
    assert_eq!(reader.text, "all of it");
}

#[tokio::test]
async fn the_model_of_the_message_answers() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    world.small.plan(Plan::fast(&["small talk"]));
    let by = |model: &str| SendRequest { model: Some(model.to_owned()), ..request("hello") };
    let sending = server.send(room, by("small")).await;
    assert_eq!(server.end_of(sending.sent.turn.id).await.reply, "small talk");
    assert_eq!((world.small.times_asked(), world.model.times_asked()), (1, 0));
    assert_eq!(refused(server.try_send(room, by("unheard of")).await), "unknown_model");
    assert_eq!(world.messages(room).await.1.len(), 2, "what is refused is not stored");
}

#[tokio::test]
async fn the_model_is_told_what_was_said_before_and_not_what_was_cancelled() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    world.model.plan(Plan::fast(&["one and one"]));
    let first = server.ask(room, "first").await;
    server.end_of(first).await;
    let second = server.ask(room, "second").await;
    world.model.asked().await;
    world.model.asked().await.say("never mind");
    server.cancel(room, second).await.unwrap();
    world.model.plan(Plan::fast(&["three"]));
    let third = server.ask(room, "third").await;
    server.end_of(third).await;
    let said: Vec<_> =
        world.model.prompts().pop().unwrap().messages.into_iter().map(|said| said.content).collect();
    assert_eq!(said, ["first", "one and one", "third"]);
}

#[tokio::test]
async fn a_client_that_leaves_while_it_sends_stops_nothing() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    let authorized = server.authorized(room).await.unwrap();
    let mut sending = Box::pin(server.services.messages.send(&authorized, request("hello")));
    // The store has the message, and the client goes before it is answered.
    assert!(sending.as_mut().now_or_never().is_none());
    drop(sending);
    let model = world.model.asked().await;
    model.say("you left");
    model.end();
    let (_, messages) = world.messages(room).await;
    assert_eq!(server.end_of(messages[1].turn_id.unwrap()).await.reply, "you left");
}
