//! The contract of [`Bus`].

use super::soon;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use maru_domain::events::ports::{Bus, Notice};
use maru_domain::ids::{RoomId, TurnId};
use std::time::Duration;
use uuid::Uuid;

/// Names the bus's tests for `async || -> impl Bus`.
#[macro_export]
macro_rules! bus_contract {
    ($new:expr) => {
        $crate::contract_tests!(bus, $new =>
            every_listener_hears_every_notice_in_order,
            nothing_is_heard_from_before,
            a_listener_that_left_harms_nobody,
            a_slow_listener_goes_on,
            publishing_to_nobody_is_fine,
        );
    };
}

type Heard = BoxStream<'static, Notice>;

/// Said until the listener is there: a subscription over a network takes a moment. Each has a number of its own, so
/// that a listener who hears it has heard everything that was told before.
fn probe(number: u128) -> Notice {
    cancel(PROBES + number)
}

const PROBES: u128 = 1 << 100;

fn is_probe(notice: &Notice) -> bool {
    matches!(notice, Notice::Cancel(turn) if turn.0.as_u128() >= PROBES) || *notice == Notice::Missed
}

fn room(seq: i64) -> Notice {
    Notice::Room { room: RoomId(Uuid::from_u128(7)), seq }
}

fn cancel(turn: u128) -> Notice {
    Notice::Cancel(TurnId(Uuid::from_u128(turn)))
}

async fn listener(bus: &impl Bus) -> Heard {
    let mut heard = bus.listen();
    let attached = async {
        for number in fastrand::u128(0..1 << 64).. {
            bus.publish(probe(number)).await;
            let is_heard = async { while heard.next().await != Some(probe(number)) {} };
            if tokio::time::timeout(Duration::from_millis(20), is_heard).await.is_ok() {
                return;
            }
        }
    };
    soon("a listener is attached", attached).await;
    heard
}

async fn next(heard: &mut Heard) -> Option<Notice> {
    let told = async {
        loop {
            match heard.next().await {
                Some(notice) if is_probe(&notice) => {}
                other => return other,
            }
        }
    };
    soon("a notice", told).await
}

/// Every listener hears all of it, in the order in which it was said.
pub async fn every_listener_hears_every_notice_in_order<B: Bus>(new: impl AsyncFnOnce() -> B) {
    let bus = new().await;
    let (mut one, mut other) = (listener(&bus).await, listener(&bus).await);
    let said = [room(1), cancel(5), room(2), cancel(6), room(i64::MAX)];
    for notice in &said {
        bus.publish(notice.clone()).await;
    }
    for heard in [&mut one, &mut other] {
        for notice in &said {
            assert_eq!(next(heard).await.as_ref(), Some(notice));
        }
    }
}

/// A listener hears what is said after it came.
pub async fn nothing_is_heard_from_before<B: Bus>(new: impl AsyncFnOnce() -> B) {
    let bus = new().await;
    let mut first = listener(&bus).await;
    bus.publish(room(1)).await;
    assert_eq!(next(&mut first).await, Some(room(1)));
    let mut late = listener(&bus).await;
    bus.publish(room(2)).await;
    assert_eq!(next(&mut late).await, Some(room(2)));
    assert_eq!(next(&mut first).await, Some(room(2)));
}

/// Those who stay hear everything when another leaves.
pub async fn a_listener_that_left_harms_nobody<B: Bus>(new: impl AsyncFnOnce() -> B) {
    let bus = new().await;
    let (mut stays, leaves) = (listener(&bus).await, listener(&bus).await);
    bus.publish(room(1)).await;
    drop(leaves);
    bus.publish(room(2)).await;
    assert_eq!(next(&mut stays).await, Some(room(1)));
    assert_eq!(next(&mut stays).await, Some(room(2)));
}

/// A listener that fell behind may miss some, holds up nobody, and hears what comes next.
pub async fn a_slow_listener_goes_on<B: Bus>(new: impl AsyncFnOnce() -> B) {
    let bus = new().await;
    let (mut slow, mut quick) = (listener(&bus).await, listener(&bus).await);
    for seq in 1..=5_000 {
        bus.publish(room(seq)).await;
        if seq % 100 == 0 {
            while next(&mut quick).await != Some(room(seq)) {}
        }
    }
    let mut latest = 0;
    while latest < 5_000 {
        let Some(Notice::Room { seq, .. }) = next(&mut slow).await else {
            panic!("the stream of a slow listener has ended");
        };
        assert!(seq > latest, "{seq} came after {latest}");
        latest = seq;
    }
    bus.publish(cancel(1)).await;
    assert_eq!(next(&mut slow).await, Some(cancel(1)));
}

/// A notice that nobody waits for is no error and is not kept.
pub async fn publishing_to_nobody_is_fine<B: Bus>(new: impl AsyncFnOnce() -> B) {
    let bus = new().await;
    for seq in 0..5_000 {
        bus.publish(room(seq)).await;
    }
    let mut heard = listener(&bus).await;
    bus.publish(room(5_000)).await;
    assert_eq!(next(&mut heard).await, Some(room(5_000)));
}
