//! The contract of [`Limiter`], with the figures of contract §0.9 and [`REQUESTS`] requests a minute and key.

use super::hand_clock::HandClock;
use maru_domain::accounts::ports::Limiter;
use maru_domain::ids::KeyId;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use uuid::Uuid;

/// Names the limiter's tests for `async |clock: Arc<HandClock>| -> impl Limiter`.
#[macro_export]
macro_rules! limiter_contract {
    ($new:expr) => {
        $crate::contract_tests!(limiter, $new =>
            a_hundred_registrations_an_hour_and_address,
            a_refused_registration_takes_nothing,
            no_hour_holds_more_than_a_hundred,
            ten_failures_are_free,
            waits_double_to_a_quarter_of_an_hour,
            a_try_within_the_wait_does_not_lengthen_it,
            a_success_begins_anew,
            names_are_told_apart,
            failures_at_the_same_time_all_count,
            registrations_at_the_same_time_all_count,
            one_guess_for_one_wait,
            a_try_without_an_outcome_holds_the_name_for_a_moment,
            names_of_any_shape_are_counted,
            so_many_requests_a_minute_and_key,
            requests_at_the_same_time_all_count,
        );
    };
}

/// Requests that a key may make a minute, in these tests.
pub const REQUESTS: u32 = 5;
const MINUTE: Duration = Duration::from_mins(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);
const LONGEST: Duration = Duration::from_mins(15);

async fn fail(limiter: &impl Limiter, name: &str, times: usize) {
    for _ in 0..times {
        limiter.login_failed(name.to_owned()).await;
    }
}

async fn login(limiter: &impl Limiter, name: &str) -> Result<(), Duration> {
    limiter.login(name.to_owned()).await
}

async fn register(limiter: &impl Limiter, address: &str) -> Result<(), Duration> {
    limiter.registration(address.to_owned()).await
}

/// A hundred, then none until the oldest is an hour old; another address has its own hundred.
pub async fn a_hundred_registrations_an_hour_and_address<L: Limiter>(
    new: impl AsyncFnOnce(Arc<HandClock>) -> L,
) {
    let clock = HandClock::new();
    let limiter = new(Arc::clone(&clock)).await;
    for _ in 0..100 {
        assert_eq!(register(&limiter, "192.0.2.1").await, Ok(()));
    }
    assert_eq!(register(&limiter, "192.0.2.1").await, Err(HOUR));
    assert_eq!(register(&limiter, "192.0.2.2").await, Ok(()));
    clock.advance(HOUR - SECOND);
    assert_eq!(register(&limiter, "192.0.2.1").await, Err(SECOND));
    clock.advance(SECOND);
    assert_eq!(register(&limiter, "192.0.2.1").await, Ok(()));
}

/// Asking in vain does not move the end of the wait.
pub async fn a_refused_registration_takes_nothing<L: Limiter>(new: impl AsyncFnOnce(Arc<HandClock>) -> L) {
    let clock = HandClock::new();
    let limiter = new(Arc::clone(&clock)).await;
    for _ in 0..100 {
        assert_eq!(register(&limiter, "192.0.2.1").await, Ok(()));
    }
    for minute in 0..60 {
        assert_eq!(register(&limiter, "192.0.2.1").await, Err(HOUR - Duration::from_mins(minute)));
        clock.advance(Duration::from_mins(1));
    }
    assert_eq!(register(&limiter, "192.0.2.1").await, Ok(()));
}

/// Any hour, and not only a clock's.
pub async fn no_hour_holds_more_than_a_hundred<L: Limiter>(new: impl AsyncFnOnce(Arc<HandClock>) -> L) {
    let clock = HandClock::new();
    let limiter = new(Arc::clone(&clock)).await;
    let mut taken = Vec::new();
    for minute in 0_usize..180 {
        for _ in 0..7 {
            if register(&limiter, "192.0.2.1").await.is_ok() {
                taken.push(minute);
            }
        }
        clock.advance(Duration::from_mins(1));
    }
    for start in 0..120 {
        let within = taken.iter().filter(|minute| (start..start + 60).contains(*minute)).count();
        assert!(within <= 100, "{within} in the hour from minute {start}");
    }
    assert_eq!(taken.len(), 300);
}

/// Ten failures cost nothing, the eleventh try waits a second.
pub async fn ten_failures_are_free<L: Limiter>(new: impl AsyncFnOnce(Arc<HandClock>) -> L) {
    let clock = HandClock::new();
    let limiter = new(Arc::clone(&clock)).await;
    for _ in 0..10 {
        assert_eq!(login(&limiter, "ann").await, Ok(()));
        fail(&limiter, "ann", 1).await;
    }
    assert_eq!(login(&limiter, "ann").await, Err(SECOND));
    clock.advance(SECOND);
    assert_eq!(login(&limiter, "ann").await, Ok(()));
}

/// 1 s, 2 s, 4 s … 15 min, 15 min; never for good.
pub async fn waits_double_to_a_quarter_of_an_hour<L: Limiter>(new: impl AsyncFnOnce(Arc<HandClock>) -> L) {
    let clock = HandClock::new();
    let limiter = new(Arc::clone(&clock)).await;
    fail(&limiter, "ann", 10).await;
    let mut wait = SECOND;
    for failures in 10..60 {
        assert_eq!(login(&limiter, "ann").await, Err(wait), "after {failures} failures");
        clock.advance(wait);
        assert_eq!(login(&limiter, "ann").await, Ok(()), "after {failures} failures and the wait");
        fail(&limiter, "ann", 1).await;
        wait = (wait * 2).min(LONGEST);
    }
    assert_eq!(wait, LONGEST);
}

/// Impatience is answered and not punished.
pub async fn a_try_within_the_wait_does_not_lengthen_it<L: Limiter>(
    new: impl AsyncFnOnce(Arc<HandClock>) -> L,
) {
    let clock = HandClock::new();
    let limiter = new(Arc::clone(&clock)).await;
    fail(&limiter, "ann", 14).await;
    for waited in 0..16 {
        for _ in 0..3 {
            assert_eq!(login(&limiter, "ann").await, Err(SECOND * (16 - waited)));
        }
        clock.advance(SECOND);
    }
    assert_eq!(login(&limiter, "ann").await, Ok(()));
}

/// The right password forgives everything.
pub async fn a_success_begins_anew<L: Limiter>(new: impl AsyncFnOnce(Arc<HandClock>) -> L) {
    let clock = HandClock::new();
    let limiter = new(Arc::clone(&clock)).await;
    for failures in [9, 10, 25] {
        fail(&limiter, "ann", failures).await;
        clock.advance(LONGEST);
        assert_eq!(login(&limiter, "ann").await, Ok(()));
        limiter.login_succeeded("ann".to_owned()).await;
        fail(&limiter, "ann", 9).await;
        assert_eq!(login(&limiter, "ann").await, Ok(()), "after {failures} failures and a success");
        fail(&limiter, "ann", 1).await;
        assert_eq!(login(&limiter, "ann").await, Err(SECOND));
        limiter.login_succeeded("ann".to_owned()).await;
    }
}

/// One name's failures are nobody else's.
pub async fn names_are_told_apart<L: Limiter>(new: impl AsyncFnOnce(Arc<HandClock>) -> L) {
    let limiter = new(HandClock::new()).await;
    fail(&limiter, "ann", 30).await;
    for other in ["Ann", "ann ", "an", "annn", "", "안"] {
        assert_eq!(login(&limiter, other).await, Ok(()), "{other:?}");
    }
    assert_eq!(login(&limiter, "ann").await, Err(LONGEST));
}

/// Failures that come at once are not counted as one.
pub async fn failures_at_the_same_time_all_count<L: Limiter + 'static>(
    new: impl AsyncFnOnce(Arc<HandClock>) -> L,
) {
    let limiter = Arc::new(new(HandClock::new()).await);
    for (number, seconds) in [(9, 0), (10, 1), (14, 16), (17, 128)] {
        let name = format!("ann{number}");
        let mut tries = JoinSet::new();
        for _ in 0..number {
            let (limiter, name) = (Arc::clone(&limiter), name.clone());
            tries.spawn(async move { limiter.login_failed(name).await });
        }
        tries.join_all().await;
        let expected = if seconds == 0 { Ok(()) } else { Err(Duration::from_secs(seconds)) };
        assert_eq!(login(&*limiter, &name).await, expected, "after {number} failures");
    }
}

/// Registrations that come at once do not slip through.
pub async fn registrations_at_the_same_time_all_count<L: Limiter + 'static>(
    new: impl AsyncFnOnce(Arc<HandClock>) -> L,
) {
    let limiter = Arc::new(new(HandClock::new()).await);
    let mut tries = JoinSet::new();
    for _ in 0..300 {
        let limiter = Arc::clone(&limiter);
        tries.spawn(async move { register(&*limiter, "192.0.2.1").await.is_ok() });
    }
    let allowed = tries.join_all().await.into_iter().filter(|allowed| *allowed).count();
    assert_eq!(allowed, 100);
}

/// When the wait is over, many tries at once are one try.
pub async fn one_guess_for_one_wait<L: Limiter + 'static>(new: impl AsyncFnOnce(Arc<HandClock>) -> L) {
    let clock = HandClock::new();
    let limiter = Arc::new(new(Arc::clone(&clock)).await);
    fail(&*limiter, "ann", 20).await;
    clock.advance(LONGEST);
    let mut tries = JoinSet::new();
    for _ in 0..50 {
        let limiter = Arc::clone(&limiter);
        tries.spawn(async move { login(&*limiter, "ann").await.is_ok() });
    }
    let allowed = tries.join_all().await.into_iter().filter(|allowed| *allowed).count();
    assert_eq!(allowed, 1);
}

/// A try whose outcome never came (the store was away) does not cost the whole wait again.
pub async fn a_try_without_an_outcome_holds_the_name_for_a_moment<L: Limiter>(
    new: impl AsyncFnOnce(Arc<HandClock>) -> L,
) {
    let clock = HandClock::new();
    let limiter = new(Arc::clone(&clock)).await;
    fail(&limiter, "ann", 30).await;
    clock.advance(LONGEST);
    assert_eq!(login(&limiter, "ann").await, Ok(()));
    assert!(login(&limiter, "ann").await.is_err());
    clock.advance(SECOND * 10);
    assert_eq!(login(&limiter, "ann").await, Ok(()));
}

/// A name is whatever a client sends.
pub async fn names_of_any_shape_are_counted<L: Limiter>(new: impl AsyncFnOnce(Arc<HandClock>) -> L) {
    let limiter = new(HandClock::new()).await;
    let long = "가".repeat(300_000);
    for name in ["", "a\0b", "a:b*c\r\n", long.as_str()] {
        assert_eq!(login(&limiter, name).await, Ok(()));
        fail(&limiter, name, 10).await;
        assert_eq!(login(&limiter, name).await, Err(SECOND));
    }
    for address in ["", "::1", "not an address\r\n"] {
        assert_eq!(register(&limiter, address).await, Ok(()));
    }
}

/// Five, then none until the minute is over that began with the first; another key has its own.
pub async fn so_many_requests_a_minute_and_key<L: Limiter>(new: impl AsyncFnOnce(Arc<HandClock>) -> L) {
    let clock = HandClock::new();
    let limiter = new(Arc::clone(&clock)).await;
    assert!(limiter.counts_requests());
    let [one, other] = [1, 2].map(|n| KeyId(Uuid::from_u128(n)));
    for _ in 0..REQUESTS {
        assert_eq!(limiter.request(one).await, Ok(()));
        clock.advance(SECOND);
    }
    let left = MINUTE - SECOND * REQUESTS;
    // A request that is refused takes nothing, and does not make the wait longer.
    for _ in 0..3 {
        assert_eq!(limiter.request(one).await, Err(left));
    }
    assert_eq!(limiter.request(other).await, Ok(()));
    clock.advance(left - SECOND);
    assert_eq!(limiter.request(one).await, Err(SECOND));
    clock.advance(SECOND);
    for _ in 0..REQUESTS {
        assert_eq!(limiter.request(one).await, Ok(()));
    }
    assert_eq!(limiter.request(one).await, Err(MINUTE));
}

/// Nobody gets one more by asking twice at once.
pub async fn requests_at_the_same_time_all_count<L: Limiter + 'static>(
    new: impl AsyncFnOnce(Arc<HandClock>) -> L,
) {
    let limiter = Arc::new(new(HandClock::new()).await);
    let mut tasks = JoinSet::new();
    for _ in 0..40 {
        let limiter = Arc::clone(&limiter);
        tasks.spawn(async move { limiter.request(KeyId(Uuid::from_u128(7))).await.is_ok() });
    }
    let taken = tasks.join_all().await.into_iter().filter(|taken| *taken).count();
    assert_eq!(taken, 5);
}
