//! Stop stops: whoever asks, wherever the turn runs and however far it has come.

use super::reader::Reader;
use super::world::{Setup, World, refused, request};
use maru_domain::events::RoomEventKind;
use maru_domain::turns::TurnStatus::{Cancelled, Completed};
use maru_domain::turns::ports::StreamBuffer;
use maru_testkit::fakes::{Call, Gate, LossyBus, Plan, Trouble, soon, until};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn before_the_model_is_reached() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    world.model.plan(Plan::Hold);
    let turn = server.ask(room, "hello").await;
    let model = world.model.asked().await;
    let view = server.cancel(room, turn).await.unwrap();
    assert_eq!((view.turn.status, view.reply.as_str()), (Cancelled, ""));
    assert!(model.is_dropped(), "when the answer comes the connection is closed already");
    assert_eq!(world.stored(turn).await, view);
}

#[tokio::test]
async fn before_the_first_token() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    let sending = server.send(room, request("hello")).await;
    let turn = sending.sent.turn.id;
    let model = world.model.asked().await;
    let reader = Reader::open(&server, turn).await;
    let view = server.cancel(room, turn).await.unwrap();
    assert_eq!((view.turn.status, view.reply.as_str()), (Cancelled, ""));
    assert!(model.is_dropped());
    assert_eq!(super::world::ended(sending.settled().await.unwrap().1), view);
    reader.completes("").await;
}

#[tokio::test]
async fn in_the_middle_and_the_text_is_kept() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    let turn = server.ask(room, "hello").await;
    let model = world.model.asked().await;
    let mut reader = Reader::open(&server, turn).await;
    model.say("told, ");
    reader.has("told, ").await;
    model.say("and not told");
    world.clock.settle().await;
    let view = server.cancel(room, turn).await.unwrap();
    assert_eq!((view.turn.status, view.reply.as_str()), (Cancelled, "told, and not told"));
    assert!(model.is_dropped());
    let acknowledged = world.streams.read(turn, 0).await.unwrap();
    assert!(acknowledged.closed);
    model.say(" and never to be told");
    model.end();
    world.clock.advance(Duration::from_secs(10)).await;
    assert_eq!(world.streams.read(turn, 0).await.unwrap(), acknowledged, "nothing is told after the answer");
    assert_eq!(world.stored(turn).await, view, "and nothing is stored");
    let read = reader.completes("told, and not told").await;
    assert_eq!(read.resets, 0);
}

#[tokio::test]
async fn after_the_end_the_turn_stays_as_it_is() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    world.model.plan(Plan::fast(&["all of it"]));
    let turn = server.ask(room, "hello").await;
    let done = server.end_of(turn).await;
    assert_eq!(done.turn.status, Completed);
    for _ in 0..2 {
        assert_eq!(server.cancel(room, turn).await.unwrap(), done);
    }
    let again = server.ask(room, "hello").await;
    world.model.asked().await;
    world.model.asked().await;
    let cancelled = server.cancel(room, again).await.unwrap();
    assert_eq!(server.cancel(room, again).await.unwrap(), cancelled, "cancelling twice is cancelling once");
}

#[tokio::test]
async fn only_a_turn_of_the_room() {
    let world = World::new().await;
    let server = world.server();
    let [room, other] = [world.room().await, world.room().await];
    let turn = server.ask(room, "hello").await;
    let model = world.model.asked().await;
    assert_eq!(refused(server.cancel(other, turn).await), "turn_not_found");
    world.clock.settle().await;
    assert!(!model.is_dropped());
    assert!(!world.stored(turn).await.turn.cancel_requested);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn against_the_end_of_the_reply_there_is_one_outcome_for_all() {
    let world = Arc::new(World::new().await);
    let server = Arc::new(world.server());
    for round in 0..20 {
        let room = world.room().await;
        let sending = server.send(room, request("hello")).await;
        let turn = sending.sent.turn.id;
        let model = world.model.asked().await;
        let mut reader = Reader::open(&server, turn).await;
        model.say("text");
        reader.has("text").await;
        let cancels = (0..20).map(|nth| {
            let (server, model) = (Arc::clone(&server), model.clone());
            tokio::runtime::Handle::current().spawn(async move {
                if nth == round {
                    model.end();
                }
                for _ in 0..nth {
                    tokio::task::yield_now().await;
                }
                server.cancel(room, turn).await.unwrap()
            })
        });
        let cancels: Vec<_> = cancels.collect();
        let end = super::world::ended(soon("the turn settles", sending.settled()).await.unwrap().1);
        assert!(matches!(end.turn.status, Cancelled | Completed));
        for cancel in cancels {
            assert_eq!(soon("the cancel is answered", cancel).await.unwrap(), end, "all see the same end");
        }
        assert_eq!(reader.completes("text").await.done(), &end);
        let kinds = world.events(room).await.into_iter().map(|event| event.kind);
        assert_eq!(kinds.filter(|kind| *kind == RoomEventKind::TurnDone).count(), 1, "it has ended once");
    }
}

#[tokio::test]
async fn of_one_that_waits_in_a_queue_tells_its_readers_at_once() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    let first = server.ask(room, "one").await;
    let sending = server.send(room, request("two")).await;
    let turn = sending.sent.turn.id;
    world.model.asked().await;
    let reading = Reader::open(&server, turn).await.rest();
    // Without the clock.
    let (read, settled, ()) = tokio::join!(reading, sending.settled(), async {
        world.clock.settle().await;
        server.cancel(room, turn).await.unwrap();
    });
    assert_eq!(super::world::ended(settled.unwrap().1).turn.status, Cancelled);
    assert_eq!((read.text.as_str(), read.resets, read.done().turn.status), ("", 0, Cancelled));
    server.cancel(room, first).await.unwrap();
    server.quiet().await;
    assert_eq!(world.model.times_asked(), 1);
}

#[tokio::test]
async fn on_another_server_by_a_hint() {
    let world = World::new().await;
    let [owner, other] = ["one", "two"].map(|name| world.server_with(Setup::named(name)));
    owner.live();
    world.clock.settle().await;
    let room = world.room().await;
    let turn = owner.ask(room, "hello").await;
    let model = world.model.asked().await;
    let mut reader = Reader::open(&other, turn).await;
    model.say("told");
    reader.has("told").await;
    model.say(" and not told");
    world.clock.settle().await;
    // The owner ends it as soon as it hears of it; the other sees that when it looks next.
    let cancelled = async {
        let asked = other.cancel(room, turn);
        let goes_on = async {
            model.dropped().await;
            world.clock.advance(Duration::from_millis(250)).await;
        };
        tokio::join!(asked, goes_on).0.unwrap()
    };
    let view = soon("the cancel is answered", cancelled).await;
    assert_eq!((view.turn.status, view.reply.as_str()), (Cancelled, "told and not told"));
    assert_eq!(view.turn.fence, 1, "it was not ended over the owner's head");
    reader.completes("told and not told").await;
    owner.quiet().await;
}

#[tokio::test]
async fn on_a_server_that_is_dead_it_is_forced_after_a_second() {
    let world = World::new().await;
    let [owner, other] = ["one", "two"].map(|name| world.server_with(Setup::named(name)));
    let room = world.room().await;
    let turn = owner.ask(room, "hello").await;
    let model = world.model.asked().await;
    let mut reader = Reader::open(&other, turn).await;
    model.say("stored");
    reader.has("stored").await;
    model.say(" and lost");
    world.clock.advance(Duration::from_millis(30)).await;
    reader.has("stored and lost").await;
    owner.crash().await;
    let asked = other.cancel(room, turn);
    let goes_on = async {
        other.flaky.called(Call::RequestCancel, 1).await;
        world.clock.advance(Duration::from_millis(990)).await;
        assert_eq!(other.flaky.calls(Call::ForceCancel), 0, "the owner gets its second");
        world.clock.advance(Duration::from_millis(10)).await;
    };
    let view = tokio::join!(asked, goes_on).0.unwrap();
    assert_eq!((view.turn.status, view.reply.as_str(), view.turn.fence), (Cancelled, "stored", 2));
    assert!(reader.completes("stored").await.resets > 0, "who has seen more is told what is stored");
}

#[tokio::test]
async fn whose_lease_is_over_it_is_ended_at_once() {
    let world = World::new().await;
    let owner = world.server_with(Setup { lease: Duration::ZERO, ..Setup::named("one") });
    let other = world.server_with(Setup::named("two"));
    let room = world.room().await;
    let turn = owner.ask(room, "hello").await;
    let model = world.model.asked().await;
    let mut reader = Reader::open(&other, turn).await;
    model.say("stored");
    reader.has("stored").await;
    owner.crash().await;
    std::thread::sleep(Duration::from_millis(3));
    // Without the clock.
    let view = soon("the cancel is answered", other.cancel(room, turn)).await.unwrap();
    assert_eq!((view.turn.status, view.reply.as_str()), (Cancelled, "stored"));
    reader.completes("stored").await;
}

#[tokio::test]
async fn a_runner_whose_own_lease_is_over_is_stopped_before_the_answer() {
    let world = World::new().await;
    let server = world.server_with(Setup { lease: Duration::ZERO, ..Setup::named("one") });
    let room = world.room().await;
    let turn = server.ask(room, "hello").await;
    let model = world.model.asked().await;
    let mut reader = Reader::open(&server, turn).await;
    model.say("stored");
    reader.has("stored").await;
    std::thread::sleep(Duration::from_millis(3));
    let view = soon("the cancel is answered", server.cancel(room, turn)).await.unwrap();
    assert_eq!((view.turn.status, view.reply.as_str()), (Cancelled, "stored"));
    assert!(model.is_dropped(), "nobody reads the model any more");
    let acknowledged = world.streams.read(turn, 0).await.unwrap();
    model.say(" and more");
    world.clock.advance(Duration::from_secs(3)).await;
    assert_eq!(world.streams.read(turn, 0).await.unwrap(), acknowledged);
    reader.completes("stored").await;
    server.quiet().await;
}

#[tokio::test]
async fn the_runner_hears_of_it_at_its_heartbeat_when_the_hint_is_lost() {
    let world = World::new().await;
    let owner = world.server_with(Setup { bus: Some(Arc::new(LossyBus::new())), ..Setup::named("one") });
    owner.live();
    let room = world.room().await;
    let turn = owner.ask(room, "hello").await;
    let model = world.model.asked().await;
    model.say("some");
    Reader::open(&owner, turn).await.has("some").await;
    // What a server says that dies before it can force the end.
    world.store.ports.turns.request_cancel(turn, world.stored(turn).await.turn.created_at).await.unwrap();
    world.clock.advance(Duration::from_secs(2)).await;
    model.dropped().await;
    assert_eq!(owner.end_of(turn).await.turn.status, Cancelled);
    owner.quiet().await;
}

#[tokio::test]
async fn while_the_first_text_is_being_stored() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    let turn = server.ask(room, "hello").await;
    let model = world.model.asked().await;
    let gate = Gate::new();
    server.flaky.next(Call::Checkpoint, Trouble::Before(gate.clone()));
    model.say("first");
    gate.reached().await;
    let cancel = async {
        let answer = server.cancel(room, turn).await.unwrap();
        assert!(model.is_dropped());
        answer
    };
    let open = async {
        until("the cancel is stored", async || world.stored(turn).await.turn.cancel_requested).await;
        gate.open();
    };
    let (view, ()) = tokio::join!(cancel, open);
    assert_eq!((view.turn.status, view.reply.as_str()), (Cancelled, "first"));
    Reader::open(&server, turn).await.completes("first").await;
}

#[tokio::test]
async fn while_the_end_cannot_be_stored() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    let turn = server.ask(room, "hello").await;
    let model = world.model.asked().await;
    server.flaky.some(Call::Finish, 0, 3, Trouble::Away);
    model.say("all of it");
    model.end();
    server.flaky.called(Call::Finish, 1).await;
    let (view, ()) = tokio::join!(server.cancel(room, turn), async {
        server.flaky.called(Call::RequestCancel, 1).await;
        world
            .clock
            .advance_until(Duration::from_millis(100), "it has ended", async || {
                world.stored(turn).await.turn.status.is_terminal()
            })
            .await;
        world.clock.advance(Duration::from_secs(1)).await;
    });
    let view = view.unwrap();
    assert!(matches!(view.turn.status, Cancelled | Completed));
    assert_eq!(world.stored(turn).await, view);
    Reader::open(&server, turn).await.completes(&view.reply).await;
    server.quiet().await;
}

#[tokio::test]
async fn while_the_store_hangs() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    let sending = server.send(room, request("hello")).await;
    let turn = sending.sent.turn.id;
    let model = world.model.asked().await;
    let mut reader = Reader::open(&server, turn).await;
    model.say("stored");
    reader.has("stored").await;
    let gate = Gate::new();
    server.flaky.next(Call::Checkpoint, Trouble::Before(gate.clone()));
    model.say(" and on its way");
    world.clock.advance(Duration::from_secs(1)).await;
    gate.reached().await;
    let (view, ()) = tokio::join!(server.cancel(room, turn), async {
        server.flaky.called(Call::RequestCancel, 1).await;
        world.clock.advance(Duration::from_secs(1)).await;
    });
    let view = view.unwrap();
    assert_eq!((view.turn.status, view.reply.as_str(), view.turn.fence), (Cancelled, "stored", 2));
    assert_eq!(super::world::ended(sending.settled().await.unwrap().1), view);
    let acknowledged = world.streams.read(turn, 0).await.unwrap();
    model.say(" and never to be told");
    gate.open();
    model.dropped().await;
    server.quiet().await;
    assert_eq!(world.streams.read(turn, 0).await.unwrap(), acknowledged);
    assert_eq!(world.stored(turn).await, view);
    assert!(reader.completes("stored").await.resets > 0);
}
