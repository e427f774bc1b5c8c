//! A failure that takes the turn back, as if it had never been sent (contract §1.5), and one that does not.

use super::reader::Reader;
use super::world::{Setup, World, done, ended, or_withdraw, refused, replayed, request, under_key};
use maru_domain::ids::RoomRef;
use maru_domain::turns::ports::{Finish, ModelError, ModelFault};
use maru_domain::turns::{Settled, TurnEvent, TurnStatus};
use maru_testkit::fakes::{Plan, Step};

#[tokio::test]
async fn without_it_a_failed_turn_keeps_its_text() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    let sending = server.send(room, request("hello")).await;
    let model = world.model.asked().await;
    let reader = Reader::open(&server, sending.sent.turn.id).await;
    model.say("so far");
    model.fail(ModelFault::RateLimited);
    let view = ended(sending.settled().await.unwrap().1);
    assert_eq!((view.turn.status, view.reply.as_str()), (TurnStatus::Failed, "so far"));
    let error = view.turn.error.clone().unwrap();
    assert_eq!(error.code, "model_rate_limited");
    assert!(!error.detail.contains("as the test wants it"), "the provider's own words go to the log only");
    assert!(model.is_dropped());
    assert_eq!(reader.completes("so far").await.done(), &view);
    assert_eq!(world.messages(room).await.1.len(), 2);
}

#[tokio::test]
async fn nothing_of_it_stays_and_the_key_is_free_again() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    world.model.plan(Plan::fast(&["said before"]));
    let before = server.ask(room, "before").await;
    server.end_of(before).await;
    world.model.asked().await;
    let hello = || under_key("key", or_withdraw("hello"));
    let sending = server.send(room, hello()).await;
    let turn = sending.sent.turn.id;
    let model = world.model.asked().await;
    let mut reader = Reader::open(&server, turn).await;
    model.say("so far");
    reader.has("so far").await;
    model.fail(ModelFault::Failing);
    let (_, settled) = sending.settled().await.unwrap();
    let Settled::Withdrawn(withdrawn) = settled else { panic!("it was taken back: {settled:?}") };
    assert_eq!((withdrawn.id, withdrawn.status), (turn, TurnStatus::Failed));
    assert_eq!(withdrawn.error.unwrap().code, "model_failing");
    assert_eq!(reader.rest().await.end, Some(TurnEvent::Gone));
    assert!(world.is_gone(turn).await);
    let (stored, messages) = world.messages(room).await;
    assert_eq!((stored.message_count, messages.len()), (2, 2), "what was said before stays");
    assert_eq!(refused(server.services.turns.follow(turn, None).await), "turn_not_found");
    let again = done(server.try_send(room, hello()).await.unwrap());
    assert_ne!(again.sent.turn.id, turn);
    let model = world.model.asked().await;
    assert_eq!(model.prompt.messages.len(), 3, "the model is not told of what was taken back");
    model.say("better now");
    model.end();
    assert_eq!(ended(again.settled().await.unwrap().1).reply, "better now");
    replayed(server.try_send(room, hello()).await.unwrap());
}

#[tokio::test]
async fn the_session_that_it_opened_goes_with_it() {
    let world = World::new().await;
    let server = world.server();
    let owner = world.user().await;
    let no = || Plan::Refuse(ModelError::new(ModelFault::Unauthorized, "no"));
    world.model.plan(no());
    let messages = &server.services.messages;
    let first = done(messages.send_to_session(owner, or_withdraw("hello")).await.unwrap());
    assert!(first.sent.opened);
    let room = first.sent.room.id;
    assert!(matches!(first.settled().await.unwrap().1, Settled::Withdrawn(_)));
    assert!(world.store.ports.rooms.find(RoomRef::Id(room)).await.unwrap().is_none());
    // One that holds something else stays.
    world.model.plan(Plan::fast(&["hello"]));
    let second = done(messages.send_to_session(owner, or_withdraw("hello")).await.unwrap());
    let room = second.sent.room.id;
    second.settled().await.unwrap();
    world.model.plan(no());
    let third = done(messages.send_to_session(owner, or_withdraw("again")).await.unwrap());
    assert_eq!((third.sent.room.id, third.sent.opened), (room, false));
    assert!(matches!(third.settled().await.unwrap().1, Settled::Withdrawn(_)));
    assert_eq!(world.messages(room).await.1.len(), 2);
}

#[tokio::test]
async fn a_cancel_and_a_crash_take_nothing_back() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    let cancelled = server.send(room, or_withdraw("hello")).await.sent.turn.id;
    world.model.asked().await;
    assert_eq!(server.cancel(room, cancelled).await.unwrap().turn.status, TurnStatus::Cancelled);
    let crashed = server.send(room, or_withdraw("hello")).await.sent.turn.id;
    world.model.asked().await.say("some");
    Reader::open(&server, crashed).await.has("some").await;
    server.crash().await;
    let other = world.server_with(Setup::named("two"));
    other.take_over().await;
    let view = other.end_of(crashed).await;
    assert_eq!((view.turn.status, view.reply.as_str()), (TurnStatus::Interrupted, "some"));
    assert_eq!(world.messages(room).await.1.len(), 4);
}

#[tokio::test]
async fn whoever_came_again_under_the_key_is_told_too() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    let hello = || under_key("key", or_withdraw("hello"));
    let first = server.send(room, hello()).await;
    let again = replayed(server.try_send(room, hello()).await.unwrap());
    world.model.asked().await.fail(ModelFault::Failing);
    for sending in [first, again] {
        assert!(matches!(sending.settled().await.unwrap().1, Settled::Withdrawn(_)));
    }
}

#[tokio::test]
async fn what_the_model_says_at_its_end_decides() {
    let world = World::new().await;
    let server = world.server();
    let room = world.room().await;
    let text = || Step::Say("text".to_owned());
    let end = |finish| Step::End(finish, None);
    let (completed, failed) = (TurnStatus::Completed, TurnStatus::Failed);
    let cases = [
        (vec![text(), end(Finish::Stop)], completed, None),
        (vec![text(), end(Finish::Length)], completed, None),
        (vec![text(), end(Finish::ContentFilter)], completed, None),
        (vec![end(Finish::ContentFilter)], failed, Some("model_refused")),
        (vec![end(Finish::Stop)], failed, Some("model_malformed")),
        (vec![Step::Say(String::new()), end(Finish::Stop)], failed, Some("model_malformed")),
        (vec![text(), Step::Cut], failed, Some("model_truncated")),
        (vec![Step::Cut], failed, Some("model_truncated")),
    ];
    for (steps, status, code) in cases {
        let said = steps.iter().any(|step| matches!(step, Step::Say(text) if !text.is_empty()));
        world.model.plan(Plan::Play(steps));
        let turn = server.ask(room, "hello").await;
        let view = server.end_of(turn).await;
        assert_eq!(view.turn.status, status);
        assert_eq!(view.turn.error.as_ref().map(|error| error.code.as_str()), code);
        assert_eq!(view.reply, if said { "text" } else { "" });
        Reader::open(&server, turn).await.completes(&view.reply).await;
    }
}
