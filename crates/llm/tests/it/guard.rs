//! Retries: when, how long after, and how many in all.

use crate::fake::{Fake, Step};
use crate::support::{Heard, hear, prompt};
use maru_domain::turns::ports::ModelFault;
use maru_llm::{BreakerSettings, Guard, GuardSettings, RetrySettings};
use std::sync::Arc;
use std::time::Duration;

fn calls(failures: usize, step: Step) -> Vec<Vec<Step>> {
    let good = vec![Step::Say("a"), Step::Say("b"), Step::End];
    std::iter::repeat_n(vec![step], failures).chain([good]).collect()
}

async fn ask(fake: &Arc<Fake>) -> Heard {
    let model = Arc::clone(fake);
    hear(&Guard::new("fake", model, GuardSettings::default()), prompt("x")).await
}

fn fault(heard: &Heard) -> Option<ModelFault> {
    heard.error.as_ref().map(|error| error.fault)
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_asked_three_times_in_all() {
    for step in [
        ModelFault::Unreachable,
        ModelFault::TimedOut,
        ModelFault::RateLimited,
        ModelFault::Failing,
        ModelFault::Truncated,
    ] {
        let fake = Fake::new(calls(2, Step::Fail(step)));
        assert_eq!(ask(&fake).await.text, "ab", "{step:?}");
        let fake = Fake::new(calls(3, Step::Fail(step)));
        assert_eq!((fault(&ask(&fake).await), fake.count()), (Some(step), 3));
        let times = fake.times();
        assert!((500..=2_000).contains(&times[1].as_millis()), "{times:?}");
        assert!((500..=8_000).contains(&(times[2] - times[1]).as_millis()), "{times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_pass_is_asked_once() {
    for step in [
        ModelFault::Unauthorized,
        ModelFault::UnknownModel,
        ModelFault::Refused,
        ModelFault::Malformed,
        ModelFault::TooLarge,
    ] {
        let fake = Fake::new(calls(1, Step::Fail(step)));
        assert_eq!((fault(&ask(&fake).await), fake.count()), (Some(step), 1));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_again_after_the_first_token() {
    for last in [Step::Fail(ModelFault::Failing), Step::Fail(ModelFault::Truncated), Step::Hang] {
        let fake = Fake::new([vec![Step::Say("one"), last], vec![Step::Say("two"), Step::End]]);
        let heard = ask(&fake).await;
        assert_eq!((heard.text.as_str(), fake.count(), fake.running()), ("one", 1, 0), "{:?}", heard.error);
        assert!(heard.error.is_some());
    }
    let cut = Fake::new([vec![Step::Say("one")]]);
    let heard = ask(&cut).await;
    assert_eq!((heard.text.as_str(), fault(&heard), cut.count()), ("one", Some(ModelFault::Truncated), 1));
}

#[tokio::test(start_paused = true)]
async fn empty_text_is_not_a_token() {
    let fake = Fake::new([
        vec![Step::Say(""), Step::Fail(ModelFault::Failing)],
        vec![Step::Say(""), Step::Say("a"), Step::Say(""), Step::Say("b"), Step::End],
    ]);
    let heard = ask(&fake).await;
    assert_eq!((heard.text.as_str(), heard.pieces, fake.count()), ("ab", 3, 2));
}

#[tokio::test(start_paused = true)]
async fn the_provider_says_when() {
    for (asked, times) in
        [(0, vec![0, 0, 0]), (5, vec![0, 5, 10]), (60, vec![0, 60, 120]), (61, vec![0]), (3_600, vec![0])]
    {
        let asked = Duration::from_secs(asked);
        let fake = Fake::new([vec![Step::FailFor(ModelFault::RateLimited, asked)]]);
        let heard = ask(&fake).await;
        let waited: Vec<_> = fake.times().iter().map(Duration::as_secs).collect();
        assert_eq!(waited, times, "{asked:?}");
        assert_eq!(
            heard.error.map(|error| (error.fault, error.retry_after)),
            Some((ModelFault::RateLimited, Some(asked)))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn no_wait_reaches_beyond_the_total() {
    let fake = Fake::new([vec![Step::Wait(50), Step::Fail(ModelFault::Failing)]]);
    let retry = RetrySettings {
        least: Duration::from_secs(20),
        most: Duration::from_secs(20),
        ..RetrySettings::default()
    };
    let settings = GuardSettings { total: Duration::from_secs(100), retry, ..GuardSettings::default() };
    let began = tokio::time::Instant::now();
    let heard = hear(&Guard::new("fake", fake.clone(), settings), prompt("x")).await;
    // 50 s, 20 s of waiting, 30 s of the second try: then the total is over.
    assert_eq!(
        (began.elapsed().as_secs(), fake.count(), fault(&heard)),
        (100, 2, Some(ModelFault::TimedOut))
    );
}

#[tokio::test(start_paused = true)]
async fn five_hundred_turns_of_a_failing_provider() {
    let never_open = BreakerSettings { in_a_row: u32::MAX, percent: 101, ..BreakerSettings::default() };
    for (breaker, most) in [(never_open, 556), (BreakerSettings::default(), 5)] {
        let fake = Fake::new([vec![Step::FailFor(ModelFault::Failing, Duration::ZERO)]]);
        let guard = Guard::new("fake", fake.clone(), GuardSettings { breaker, ..GuardSettings::default() });
        for _ in 0..500 {
            assert!(hear(&guard, prompt("x")).await.error.is_some());
        }
        assert!(fake.count() <= most, "{} calls for 500 turns", fake.count());
    }
}
