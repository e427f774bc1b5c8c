//! The order of turns in a room, and what may not stop it.

use super::reader::Reader;
use super::world::{Setup, World, or_withdraw, refused, request};
use maru_domain::messages::SendRequest;
use maru_domain::rooms::TurnPolicy;
use maru_domain::turns::Settled;
use maru_domain::turns::TurnStatus::{Cancelled, Completed, Failed, Pending};
use maru_domain::turns::ports::{ModelError, ModelFault};
use maru_testkit::fakes::{Asked, Plan, Step, until};

#[tokio::test]
async fn turns_of_a_room_run_one_after_the_other() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    let mut turns = Vec::new();
    for content in ["one", "two", "three"] {
        turns.push(server.ask(room, content).await);
    }
    let mut expected = Vec::new();
    for (nth, turn) in turns.iter().enumerate() {
        let model = world.model.asked().await;
        assert_eq!(model.prompt.turn, *turn);
        expected.push(["one", "two", "three"][nth].to_owned());
        let told: Vec<_> = model.prompt.messages.iter().map(|message| message.content.clone()).collect();
        assert_eq!(told, expected, "it is told what was answered before");
        world.clock.settle().await;
        assert_eq!(world.model.times_asked(), nth + 1, "the others wait");
        for later in &turns[nth + 1..] {
            assert_eq!(world.state(*later).await.0, Pending);
        }
        model.say("answer");
        model.end();
        assert_eq!(server.end_of(*turn).await.turn.status, Completed);
        expected.push("answer".to_owned());
    }
    let seqs: Vec<_> =
        world.messages(room).await.1.iter().map(|message| (message.seq, message.turn_id)).collect();
    let of_turns = turns.iter().flat_map(|turn| [*turn, *turn]);
    assert_eq!(seqs, (1..).zip(of_turns.map(Some)).collect::<Vec<_>>());
}

#[tokio::test]
async fn rooms_do_not_wait_for_each_other() {
    let world = World::new().await;
    let server = world.server();
    let [one, two] = [world.room().await, world.room().await];
    let first = server.ask(one, "hello").await;
    let held = world.model.asked().await;
    world.model.plan(Plan::fast(&["at once"]));
    let second = server.ask(two, "hello").await;
    assert_eq!(server.end_of(second).await.reply, "at once");
    held.say("late");
    held.end();
    assert_eq!(server.end_of(first).await.reply, "late");
}

#[tokio::test]
async fn a_room_that_rejects_takes_one_at_a_time() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room_with(TurnPolicy::Reject).await;
    let first = server.ask(room, "one").await;
    let model = world.model.asked().await;
    assert_eq!(refused(server.try_send(room, request("two")).await), "turn_in_progress");
    assert_eq!(world.messages(room).await.1.len(), 2, "nothing of the refused message is stored");
    model.end();
    server.wait(first).await;
    world.model.plan(Plan::fast(&["now"]));
    let second = server.ask(room, "two").await;
    assert_eq!(server.end_of(second).await.reply, "now");
}

#[tokio::test]
async fn a_queue_has_an_end() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    let first = server.ask(room, "the one that runs").await;
    let model = world.model.asked().await;
    for nth in 0..20 {
        server.ask(room, &format!("waits {nth}")).await;
    }
    assert_eq!(refused(server.try_send(room, request("one too many")).await), "queue_full");
    model.say("done");
    model.end();
    server.wait(first).await;
    server.ask(room, "now there is a place").await;
    assert_eq!(refused(server.try_send(room, request("one too many")).await), "queue_full");
}

#[tokio::test]
async fn a_room_that_interrupts_goes_on_with_the_latest() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room_with(TurnPolicy::Interrupt).await;
    let first = server.send(room, request("one")).await;
    let model = world.model.asked().await;
    let mut reader = Reader::open(&server, first.sent.turn.id).await;
    model.say("as I was say");
    reader.has("as I was say").await;
    let second = server.send(room, request("two")).await;
    let third = server.send(room, request("three")).await;
    model.dropped().await;
    let last = loop {
        let asked = world.model.asked().await;
        if asked.prompt.turn == third.sent.turn.id {
            break asked;
        }
    };
    last.say("three it is");
    last.end();
    let mut states = Vec::new();
    for sending in [first, second, third] {
        let view = super::world::ended(sending.settled().await.unwrap().1);
        states.push((view.turn.status, view.reply));
    }
    assert_eq!(states[0], (Cancelled, "as I was say".to_owned()));
    assert_eq!(states[1], (Cancelled, String::new()));
    assert_eq!(states[2], (Completed, "three it is".to_owned()));
    reader.completes("as I was say").await;
}

#[tokio::test]
async fn an_interrupt_reaches_the_server_that_runs_the_turn() {
    let world = World::new().await;
    let [one, two] = ["one", "two"].map(|name| world.server_with(Setup::named(name)));
    one.live();
    world.clock.settle().await;
    let room = world.room_with(TurnPolicy::Interrupt).await;
    let first = one.ask(room, "one").await;
    let model = world.model.asked().await;
    let second = two.ask(room, "two").await;
    // By a hint and not by the clock, which stands still.
    model.dropped().await;
    let last = world.model.asked().await;
    assert_eq!(last.prompt.turn, second);
    last.say("two");
    last.end();
    assert_eq!(one.end_of(first).await.turn.status, Cancelled);
    assert_eq!(one.end_of(second).await.turn.status, Completed);
}

/// What happens to the first turn of a room, and the state it must end in.
async fn goes_on_after(
    content: SendRequest,
    plan: Option<Plan>,
    happens: impl AsyncFnOnce(&Asked),
) -> Settled {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    if let Some(plan) = plan {
        world.model.plan(plan);
    }
    let first = server.send(room, content).await;
    let second = server.send(room, request("goes on")).await;
    let model = world.model.asked().await;
    happens(&model).await;
    let (_, first) = first.settled().await.unwrap();
    let next = world.model.asked().await;
    assert_eq!(next.prompt.turn, second.sent.turn.id);
    next.say("went on");
    next.end();
    assert_eq!(super::world::ended(second.settled().await.unwrap().1).turn.status, Completed);
    server.quiet().await;
    first
}

fn failed(settled: Settled, code: &str) {
    let turn = super::world::ended(settled).turn;
    assert_eq!(turn.status, Failed);
    assert_eq!(turn.error.unwrap().code, code);
}

#[tokio::test]
async fn the_queue_goes_on_after_a_failure() {
    let fails = async |model: &Asked| model.fail(ModelFault::Failing);
    failed(goes_on_after(request("one"), None, fails).await, "model_failing");
    let cut = async |model: &Asked| model.step(Step::Cut);
    failed(goes_on_after(request("one"), None, cut).await, "model_truncated");
    let refused = Plan::Refuse(ModelError::new(ModelFault::Unreachable, "no"));
    failed(goes_on_after(request("one"), Some(refused), async |_| {}).await, "model_unreachable");
    let empty = async |model: &Asked| model.end();
    failed(goes_on_after(request("one"), None, empty).await, "model_malformed");
}

#[tokio::test]
async fn the_queue_goes_on_after_a_turn_that_was_taken_back() {
    let fails = async |model: &Asked| model.fail(ModelFault::Failing);
    let settled = goes_on_after(or_withdraw("one"), None, fails).await;
    assert!(matches!(settled, Settled::Withdrawn(_)));
}

#[tokio::test]
async fn the_queue_goes_on_after_a_panic() {
    failed(goes_on_after(request("one"), Some(Plan::Panic), async |_| {}).await, "internal");
    let panics = async |model: &Asked| {
        model.say("said before the panic");
        model.step(Step::Panic);
    };
    failed(goes_on_after(request("one"), None, panics).await, "internal");
    let panics = async |model: &Asked| model.step(Step::Panic);
    let settled = goes_on_after(or_withdraw("one"), None, panics).await;
    assert!(matches!(settled, Settled::Withdrawn(_)));
}

#[tokio::test]
async fn the_queue_goes_on_after_a_cancel() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    let mut turns = Vec::new();
    for content in ["one", "two", "three"] {
        turns.push(server.ask(room, content).await);
    }
    world.model.asked().await;
    // One that waits, then the one that runs.
    for turn in [turns[1], turns[0]] {
        assert_eq!(server.cancel(room, turn).await.unwrap().turn.status, Cancelled);
    }
    let model = world.model.asked().await;
    assert_eq!(model.prompt.turn, turns[2], "a turn that was cancelled is never sent");
    model.end();
    server.wait(turns[2]).await;
}

#[tokio::test]
async fn the_queue_goes_on_on_another_server_when_its_own_is_dead() {
    let world = World::new().await;
    let dead = world.server();
    let room = world.room().await;
    let turns = [dead.ask(room, "one").await, dead.ask(room, "two").await];
    let model = world.model.asked().await;
    model.say("some");
    Reader::open(&dead, turns[0]).await.has("some").await;
    dead.crash().await;
    let other = world.server_with(Setup::named("two"));
    other.take_over().await;
    let next = world.model.asked().await;
    assert_eq!(next.prompt.turn, turns[1]);
    next.say("two");
    next.end();
    assert_eq!(other.end_of(turns[1]).await.reply, "two");
    until("its tasks are over", async || other.tasks.alive() == 0).await;
}
