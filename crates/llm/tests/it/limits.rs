//! Time limits, places and the breaker, by a stopped clock.

use crate::fake::{Fake, Step};
use crate::support::{Heard, drain, hear, prompt};
use futures_util::future::join_all;
use maru_domain::turns::ports::{ChatModel, ModelFault};
use maru_llm::{Guard, GuardSettings};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

async fn timed(steps: Vec<Step>) -> (u64, Heard) {
    let fake = Fake::new([steps]);
    let began = Instant::now();
    let heard = hear(&Guard::new("fake", fake.clone(), GuardSettings::default()), prompt("x")).await;
    assert_eq!((fake.count(), fake.running()), (1, 0), "one call, and its stream is dropped");
    (began.elapsed().as_secs(), heard)
}

fn fault(heard: &Heard) -> Option<ModelFault> {
    heard.error.as_ref().map(|error| error.fault)
}

#[tokio::test(start_paused = true)]
async fn a_first_token_has_a_minute() {
    let (seconds, heard) = timed(vec![Step::Wait(59), Step::Say("a"), Step::End]).await;
    assert_eq!((seconds, heard.text.as_str(), fault(&heard)), (59, "a", None));
    for steps in
        [vec![Step::Wait(61), Step::Say("a"), Step::End], vec![Step::Hang], vec![Step::Say(""), Step::Hang]]
    {
        let (seconds, heard) = timed(steps).await;
        assert_eq!((seconds, heard.text.as_str(), fault(&heard)), (60, "", Some(ModelFault::TimedOut)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_thinks_aloud_has_as_long_as_it_shows_life() {
    let thought = [Step::Say(""), Step::Wait(29)];
    let thoughts = thought.iter().cycle().take(20).cloned();
    let (seconds, heard) = timed(thoughts.clone().chain([Step::Say("so"), Step::End]).collect()).await;
    assert_eq!((seconds, heard.text.as_str(), fault(&heard)), (290, "so", None));
    let (seconds, heard) = timed(thoughts.chain([Step::Hang]).collect()).await;
    assert_eq!((seconds, fault(&heard)), (261 + 30, Some(ModelFault::TimedOut)));
}

#[tokio::test(start_paused = true)]
async fn a_next_token_has_half_a_minute() {
    let (seconds, heard) =
        timed(vec![Step::Say("a"), Step::Wait(29), Step::Say("b"), Step::Wait(29), Step::End]).await;
    assert_eq!((seconds, heard.text.as_str(), fault(&heard)), (58, "ab", None));
    for last in [Step::Hang, Step::Wait(31)] {
        let (seconds, heard) = timed(vec![Step::Say("a"), last, Step::End]).await;
        assert_eq!((seconds, heard.text.as_str(), fault(&heard)), (30, "a", Some(ModelFault::TimedOut)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_has_ten_minutes() {
    let on = [Step::Say("on "), Step::Wait(19)];
    let (seconds, heard) = timed(on.iter().cycle().take(100).cloned().collect()).await;
    assert_eq!((seconds, heard.text.len(), fault(&heard)), (600, 96, Some(ModelFault::TimedOut)));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_not_a_slow_model() {
    let fake = Fake::new([vec![Step::Say("a"), Step::Say("b"), Step::End]]);
    let guard = Guard::new("fake", fake, GuardSettings::default());
    let pieces = guard.reply(prompt("x")).await.expect("a first token");
    sleep(Duration::from_secs(300)).await;
    let heard = drain(pieces).await;
    assert_eq!((heard.text.as_str(), fault(&heard)), ("ab", None));
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_place_in_time_is_told_so() {
    let fake = Fake::new([vec![Step::Say("a"), Step::Wait(20), Step::End]]);
    let settings = GuardSettings { at_once: 2, ..GuardSettings::default() };
    let guard = Guard::new("fake", fake.clone(), settings);
    let heard = join_all((0..6).map(|_| hear(&guard, prompt("x")))).await;
    // Two at once, 20 s each: the first two, the next two after 20 s, the last two wait for 30 s in vain.
    let busy = heard.iter().filter(|heard| fault(heard) == Some(ModelFault::Busy)).count();
    assert_eq!((busy, heard.iter().filter(|heard| heard.end.is_some()).count(), fake.count()), (2, 4, 4));
    assert!(hear(&guard, prompt("x")).await.end.is_some(), "busy is over");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_reply_gives_its_place_back() {
    let fake = Fake::new([vec![Step::Say("a"), Step::Hang]]);
    let guard = Guard::new("fake", fake.clone(), GuardSettings { at_once: 1, ..GuardSettings::default() });
    for _ in 0..20 {
        let pieces = guard.reply(prompt("x")).await.expect("a place");
        assert_eq!(fake.running(), 1);
        drop(pieces);
        assert_eq!(fake.running(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_answers_at_once_and_hurts_nobody_else() {
    let hung = Fake::new([vec![Step::Hang]]);
    let (bad, good) = (
        Guard::new("bad", hung.clone(), GuardSettings::default()),
        Guard::new("good", Fake::new([vec![Step::Say("a"), Step::End]]), GuardSettings::default()),
    );
    for _ in 0..5 {
        assert_eq!(fault(&hear(&bad, prompt("x")).await), Some(ModelFault::TimedOut));
    }
    let began = Instant::now();
    for _ in 0..100 {
        assert_eq!(fault(&hear(&bad, prompt("x")).await), Some(ModelFault::CircuitOpen));
        assert!(hear(&good, prompt("x")).await.end.is_some());
    }
    assert_eq!((began.elapsed(), hung.count()), (Duration::ZERO, 5));
    sleep(Duration::from_secs(31)).await;
    let probes = join_all((0..10).map(|_| hear(&bad, prompt("x")))).await;
    assert_eq!(
        probes.iter().filter(|heard| fault(heard) == Some(ModelFault::TimedOut)).count(),
        1,
        "one probe"
    );
    assert_eq!(hung.count(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_opens_during_a_turn_ends_it_with_what_happened() {
    let fake = Fake::new([vec![Step::FailFor(ModelFault::Failing, Duration::from_secs(7))]]);
    let guard = Guard::new("fake", fake.clone(), GuardSettings::default());
    assert_eq!(fault(&hear(&guard, prompt("x")).await), Some(ModelFault::Failing));
    assert_eq!(fault(&hear(&guard, prompt("x")).await), Some(ModelFault::Failing));
    // Three calls and two: the fifth failure opens it, and nobody waits for a call that is not made.
    assert_eq!((fake.count(), fake.times().last().copied()), (5, Some(Duration::from_secs(21))));
    assert_eq!(fault(&hear(&guard, prompt("x")).await), Some(ModelFault::CircuitOpen));
}

#[tokio::test(start_paused = true)]
async fn refusals_and_long_replies_open_no_breaker() {
    for fault in
        [ModelFault::Refused, ModelFault::Unauthorized, ModelFault::UnknownModel, ModelFault::TooLarge]
    {
        let fake: Arc<Fake> = Fake::new([vec![Step::Fail(fault)]]);
        let guard = Guard::new("fake", fake.clone(), GuardSettings::default());
        for _ in 0..50 {
            hear(&guard, prompt("x")).await;
        }
        assert_eq!(fake.count(), 50, "{fault:?}");
    }
    let endless =
        Fake::new([[Step::Say("on "), Step::Wait(20)].iter().cycle().take(100).cloned().collect::<Vec<_>>()]);
    let guard = Guard::new("fake", endless.clone(), GuardSettings::default());
    for _ in 0..10 {
        assert_eq!(fault(&hear(&guard, prompt("x")).await), Some(ModelFault::TimedOut));
    }
    assert_eq!(endless.count(), 10);
}
