//! One key, one message, one question to the model, one answer.

use super::reader::Reader;
use super::world::{Setup, World, done, ended, replayed, request, under_key};
use maru_domain::once::Once;
use maru_domain::turns::TurnStatus;
use maru_testkit::fakes::{Plan, soon};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn a_retry_attaches_to_the_turn_that_runs() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    let hello = || under_key("key", request("hello"));
    let first = server.send(room, hello()).await;
    let model = world.model.asked().await;
    let again = replayed(server.try_send(room, hello()).await.unwrap());
    assert_eq!(again.sent.turn.id, first.sent.turn.id);
    assert_eq!(again.sent.message, first.sent.message);
    model.say("once");
    model.end();
    let first = ended(first.settled().await.unwrap().1);
    assert_eq!((first.turn.status, first.reply.as_str()), (TurnStatus::Completed, "once"));
    assert_eq!(ended(again.settled().await.unwrap().1), first);
    // Long after the end, and without the clock.
    let late = replayed(server.try_send(room, hello()).await.unwrap());
    assert_eq!(ended(soon("the end is known", late.settled()).await.unwrap().1), first);
    assert_eq!(world.model.times_asked(), 1);
    assert_eq!(world.messages(room).await.1.len(), 2);
}

#[tokio::test]
async fn a_retry_on_another_server_waits_for_the_same_end() {
    let world = World::new().await;
    let [one, two] = ["one", "two"].map(|name| world.server_with(Setup::named(name)));
    let room = world.room().await;
    let hello = || under_key("key", request("hello"));
    let first = one.send(room, hello()).await;
    let again = replayed(two.try_send(room, hello()).await.unwrap());
    let model = world.model.asked().await;
    let mut reader = Reader::open(&two, again.sent.turn.id).await;
    model.say("on");
    reader.has("on").await;
    model.say("ce");
    model.end();
    let first = ended(first.settled().await.unwrap().1);
    let waits = async { ended(again.settled().await.unwrap().1) };
    let (again, ()) = tokio::join!(waits, async {
        for _ in 0..4 {
            world.clock.advance(Duration::from_millis(250)).await;
        }
    });
    assert_eq!(again, first);
    reader.completes("once").await;
    assert_eq!(world.model.times_asked(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_ten_at_once_on_two_servers_one_is_stored() {
    let world = World::new().await;
    let servers = ["one", "two"].map(|name| Arc::new(world.server_with(Setup::named(name))));
    let room = world.room().await;
    world.model.plan(Plan::fast(&["once"]));
    let sends = (0..10).map(|nth| {
        let server = Arc::clone(&servers[nth % 2]);
        tokio::runtime::Handle::current().spawn(async move {
            let hello = under_key("key", request("hello"));
            match server.try_send(room, hello).await.unwrap() {
                Once::Done(sending) => (1, sending.sent.turn.id),
                Once::Replayed(sending) => (0, sending.sent.turn.id),
                Once::KeyReused => panic!("it is the same message"),
            }
        })
    });
    let mut answers = Vec::new();
    for send in sends.collect::<Vec<_>>() {
        answers.push(send.await.unwrap());
    }
    assert_eq!(answers.iter().map(|(done, _)| done).sum::<i32>(), 1);
    assert!(answers.iter().all(|(_, turn)| *turn == answers[0].1));
    assert_eq!(world.over(answers[0].1).await.reply, "once");
    assert_eq!(world.model.times_asked(), 1);
}

#[tokio::test]
async fn another_body_under_the_key_is_refused() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    done(server.try_send(room, under_key("key", request("hello"))).await.unwrap());
    let other = server.try_send(room, under_key("key", request("something else"))).await.unwrap();
    assert!(matches!(other, Once::KeyReused));
    assert_eq!(world.messages(room).await.1.len(), 2);
}

#[tokio::test]
async fn a_retry_after_a_crash_finds_the_turn_taken_up_again() {
    let world = World::new().await;
    let first = world.server();
    let room = world.room().await;
    let hello = || under_key("key", request("hello"));
    let turn = first.send(room, hello()).await.sent.turn.id;
    world.model.asked().await;
    first.crash().await;
    let second = world.server_with(Setup::named("two"));
    second.take_over().await;
    let again = replayed(second.try_send(room, hello()).await.unwrap());
    assert_eq!(again.sent.turn.id, turn);
    let model = world.model.asked().await;
    model.say("after all");
    model.end();
    assert_eq!(ended(again.settled().await.unwrap().1).reply, "after all");
}
