//! Signs of life: leases that are renewed, orphans that are found, hints that are heard.

use super::reader::Reader;
use super::world::{LONG, Setup, World};
use maru_domain::events::ports::Notice;
use maru_domain::ids::InstanceId;
use maru_domain::turns::TurnStatus::Completed;
use maru_domain::turns::ports::Lease;
use maru_testkit::fakes::{Call, Gate, LossyBus, Plan, Trouble, until};
use std::sync::Arc;
use std::time::Duration;

const BEAT: Duration = Duration::from_secs(2);

fn somebody() -> Lease {
    Lease { owner: InstanceId("somebody".to_owned()), lasts: LONG }
}

#[tokio::test]
async fn leases_are_renewed_for_as_long_as_the_turn_runs() {
    let world = World::new().await;
    // The lease that the turn begins with is over at once; only a renewal makes it last.
    let server = world.server_with(Setup { lease: Duration::ZERO, ..Setup::named("one") });
    let turn = server.ask(world.room().await, "hello").await;
    let model = world.model.asked().await;
    server.flaky.set_lease(LONG);
    server.live();
    world.clock.advance(BEAT).await;
    assert_eq!(server.flaky.calls(Call::Renew), 1);
    std::thread::sleep(Duration::from_millis(3));
    assert_eq!(world.store.ports.turns.claim(somebody(), None, 10).await.unwrap(), [], "nobody can take it");
    world.clock.advance(5 * BEAT).await;
    assert_eq!(server.flaky.calls(Call::Renew), 6);
    model.say("still here");
    model.end();
    let view = server.end_of(turn).await;
    assert_eq!((view.turn.status, view.turn.fence), (Completed, 1));
    world.clock.advance(5 * BEAT).await;
    assert_eq!(server.flaky.calls(Call::Renew), 6, "nothing runs, nothing is renewed");
    server.quiet().await;
}

#[tokio::test]
async fn a_server_whose_renewal_fails_does_not_take_its_own_turns_up() {
    let world = World::new().await;
    let server = world.server_with(Setup { lease: Duration::ZERO, ..Setup::named("one") });
    let turn = server.ask(world.room().await, "hello").await;
    let model = world.model.asked().await;
    server.flaky.set_lease(LONG);
    server.flaky.next(Call::Renew, Trouble::Away);
    std::thread::sleep(Duration::from_millis(3));
    server.live();
    world.clock.advance(BEAT).await;
    world.clock.advance(BEAT).await;
    model.say("one run");
    Reader::open(&server, turn).await.has("one run").await;
    model.end();
    let view = server.end_of(turn).await;
    assert_eq!((view.turn.status, view.turn.attempt, view.turn.fence), (Completed, 1, 1));
    server.quiet().await;
}

#[tokio::test]
async fn a_busy_bus_does_not_stop_the_heart() {
    let world = World::new().await;
    let server = world.server();
    server.live();
    let room = world.room().await;
    let turn = server.ask(room, "hello").await;
    let model = world.model.asked().await;
    for seq in 0..30 {
        world.bus.publish(Notice::Room { room, seq }).await;
        world.clock.advance(Duration::from_millis(500)).await;
    }
    assert_eq!(server.flaky.calls(Call::Renew), 7, "one each two seconds of fifteen");
    model.end();
    server.wait(turn).await;
    server.quiet().await;
}

#[tokio::test]
async fn orphans_are_found() {
    let world = World::new().await;
    let dead = world.server();
    let turn = dead.ask(world.room().await, "hello").await;
    world.model.asked().await;
    dead.crash().await;
    let other = world.server_with(Setup::named("two"));
    other.live();
    world.clock.advance(BEAT).await;
    assert_eq!(world.model.times_asked(), 1, "its lease holds");
    world.store.ports.turns.void_leases(InstanceId("two".to_owned())).await.unwrap();
    world.model.plan(Plan::fast(&["found"]));
    world.clock.advance(BEAT).await;
    assert_eq!(other.end_of(turn).await.reply, "found");
    other.quiet().await;
}

#[tokio::test]
async fn a_beat_that_fails_is_not_the_last() {
    let world = World::new().await;
    let dead = world.server();
    let turn = dead.ask(world.room().await, "hello").await;
    world.model.asked().await;
    dead.crash().await;
    let other = world.server_with(Setup::named("two"));
    world.store.ports.turns.void_leases(InstanceId("two".to_owned())).await.unwrap();
    other.flaky.some(Call::Claim, 0, 3, Trouble::Away);
    other.live();
    world.model.plan(Plan::fast(&["at last"]));
    world.clock.advance(3 * BEAT).await;
    assert_eq!(world.model.times_asked(), 1);
    world.clock.advance(BEAT).await;
    assert_eq!(other.end_of(turn).await.reply, "at last");
    other.quiet().await;
}

#[tokio::test]
async fn an_orphan_is_found_behind_long_queues() {
    let world = World::new().await;
    let server = world.server();
    for _ in 0..4 {
        let room = world.room().await;
        for _ in 0..18 {
            server.ask(room, "hello").await;
        }
    }
    let dead = world.server_with(Setup::named("dead"));
    world.clock.settle().await;
    let turn = dead.ask(world.room().await, "orphan").await;
    until("all are asked", async || world.model.times_asked() == 5).await;
    dead.crash().await;
    world.store.ports.turns.void_leases(InstanceId("one".to_owned())).await.unwrap();
    world.model.plan(Plan::fast(&["found"]));
    server.services.engine.beat().await;
    until("the orphan is found", async || world.stored(turn).await.turn.status == Completed).await;
}

#[tokio::test]
async fn a_hint_is_heard_while_the_store_hangs() {
    let world = World::new().await;
    let server = world.server();
    server.live();
    let room = world.room().await;
    let turn = server.ask(room, "hello").await;
    let model = world.model.asked().await;
    let gate = Gate::new();
    server.flaky.next(Call::Renew, Trouble::Before(gate.clone()));
    world.clock.advance(BEAT).await;
    gate.reached().await;
    world.bus.publish(Notice::Cancel(turn)).await;
    model.dropped().await;
    gate.open();
    server.wait(turn).await;
    server.quiet().await;
}

#[tokio::test]
async fn a_hint_that_is_for_nobody_harms_nobody() {
    let world = World::new().await;
    let server = world.server();
    server.live();
    let [room, other] = [world.room().await, world.room().await];
    let turn = server.ask(room, "hello").await;
    let model = world.model.asked().await;
    let elsewhere = server.ask(other, "hello").await;
    world.model.asked().await;
    world.bus.publish(Notice::Cancel(elsewhere)).await;
    server.wait(elsewhere).await;
    world.bus.publish(Notice::Cancel(elsewhere)).await;
    model.say("untouched");
    model.end();
    assert_eq!(server.end_of(turn).await.reply, "untouched");
    server.quiet().await;
}

#[tokio::test]
async fn the_end_of_a_turn_is_hinted() {
    let world = World::new().await;
    let bus = Arc::new(LossyBus::new());
    let server = world.server_with(Setup { bus: Some(Arc::clone(&bus) as _), ..Setup::named("one") });
    let room = world.room().await;
    world.model.plan(Plan::fast(&["done"]));
    let turn = server.ask(room, "hello").await;
    server.end_of(turn).await;
    server.quiet().await;
    let seq = world.messages(room).await.0.last_seq;
    assert_eq!(bus.said().last(), Some(&Notice::Room { room, seq }));
}
