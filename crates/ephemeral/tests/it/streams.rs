//! What is kept of streams that have ended, and for how long: only the memory of one process can be
//! filled and aged by a test.

use super::*;
use maru_domain::ids::TurnId;
use maru_domain::turns::ports::StreamBuffer;
use std::time::Duration;
use uuid::Uuid;

const KIB: usize = 1024;

fn turn(number: u128) -> TurnId {
    TurnId(Uuid::from_u128(number))
}

/// Runs turn `number` and leaves `kib` of text.
async fn run(buffer: &MemoryStreams, number: u128, kib: usize) {
    buffer.open(turn(number), 1).await;
    for n in 1..=kib as u64 {
        buffer.append(turn(number), 1, n, Arc::from("x".repeat(KIB))).await;
    }
}

async fn is_known(buffer: &MemoryStreams, number: u128) -> bool {
    buffer.read(turn(number), 0).await.is_some()
}

#[tokio::test]
async fn an_ended_stream_is_kept_for_ten_minutes() {
    let clock = HandClock::new();
    let buffer = MemoryStreams::new(Arc::clone(&clock) as Arc<dyn Clock>, StreamLimits::default());
    run(&buffer, 1, 1).await;
    run(&buffer, 2, 1).await;
    clock.advance(Duration::from_hours(5));
    assert!(is_known(&buffer, 1).await, "a running stream is kept however long it runs");
    buffer.close(turn(1), 1).await;
    clock.advance(Duration::from_secs(599));
    assert!(is_known(&buffer, 1).await);
    clock.advance(Duration::from_secs(1));
    assert!(!is_known(&buffer, 1).await);
    buffer.changed(turn(1), 1).await;
    assert!(is_known(&buffer, 2).await);
    // The sweep, too, leaves the running one alone.
    run(&buffer, 3, 1).await;
    assert!(!is_known(&buffer, 1).await);
    assert!(is_known(&buffer, 2).await);
}

#[tokio::test]
async fn ended_streams_share_so_many_bytes_and_the_oldest_goes_first() {
    let limits = StreamLimits { closed_bytes: 100 * KIB, ..StreamLimits::default() };
    let buffer = MemoryStreams::new(HandClock::new(), limits);
    for number in 1..=5 {
        run(&buffer, number, 30).await;
    }
    for number in [3, 1, 2, 5] {
        buffer.close(turn(number), 1).await;
    }
    // Three of 30 KiB and what they cost beside it are kept; 3 was the first to end, 4 still runs.
    for (number, known) in [(1, true), (2, true), (3, false), (4, true), (5, true)] {
        assert_eq!(is_known(&buffer, number).await, known, "{number}");
    }
    // One that is larger than everything that may be kept goes at once, and takes the others along.
    run(&buffer, 6, 200).await;
    assert!(is_known(&buffer, 6).await);
    buffer.close(turn(6), 1).await;
    for (number, known) in [(1, false), (2, false), (4, true), (5, false), (6, false)] {
        assert_eq!(is_known(&buffer, number).await, known, "{number}");
    }
}

#[tokio::test]
async fn empty_streams_have_a_weight() {
    let limits = StreamLimits { closed_bytes: 100 * KIB, ..StreamLimits::default() };
    let buffer = MemoryStreams::new(HandClock::new(), limits);
    for number in 0..10_000 {
        buffer.open(turn(number), 1).await;
        buffer.close(turn(number), 1).await;
    }
    assert!(!is_known(&buffer, 0).await);
    assert!(is_known(&buffer, 9_999).await);
}

#[tokio::test]
async fn a_stream_that_is_taken_up_again_counts_as_running() {
    let clock = HandClock::new();
    let limits = StreamLimits { closed_bytes: 100 * KIB, ..StreamLimits::default() };
    let buffer = MemoryStreams::new(Arc::clone(&clock) as Arc<dyn Clock>, limits);
    // Were the old endings still counted, a few rounds would fill the room for ended streams.
    for fence in 1..50 {
        buffer.open(turn(1), fence).await;
        for n in 1..=60 {
            buffer.append(turn(1), fence, n, Arc::from("x".repeat(KIB))).await;
        }
        buffer.close(turn(1), fence).await;
        assert!(is_known(&buffer, 1).await, "fence {fence}");
    }
    buffer.open(turn(1), 50).await;
    clock.advance(Duration::from_hours(1));
    run(&buffer, 2, 200).await;
    buffer.close(turn(2), 1).await;
    assert!(is_known(&buffer, 1).await);
}
