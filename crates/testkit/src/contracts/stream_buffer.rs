//! The contract of [`StreamBuffer`].

use super::hand_clock::HandClock;
use super::{soon, still_waits};
use maru_domain::ids::TurnId;
use maru_domain::turns::ports::{Buffered, StreamBuffer};
use std::sync::{Arc, Barrier};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use uuid::Uuid;

/// Names the stream buffer's tests for `async |clock: Arc<HandClock>| -> impl StreamBuffer`.
#[macro_export]
macro_rules! stream_buffer_contract {
    ($new:expr) => {
        $crate::contract_tests!(stream_buffer, $new =>
            nothing_is_known_of_an_unknown_turn,
            deltas_are_read_after_a_place,
            turns_are_told_apart,
            another_fence_writes_nothing,
            a_new_fence_begins_anew,
            an_old_fence_does_not_begin_again,
            a_closed_stream_is_whole_and_final,
            a_repeated_delta_is_kept_once,
            a_hole_is_not_hidden,
            a_reader_waits_for_news_only,
            a_new_run_wakes_readers_of_the_old_one,
            a_place_beyond_the_end_is_looked_at_again,
            no_reader_misses_anything,
            news_between_the_look_and_the_wait_wakes,
            readers_who_leave_harm_nobody,
        );
    };
}

fn turn(number: u128) -> TurnId {
    TurnId(Uuid::from_u128(number))
}

async fn say<B: StreamBuffer + ?Sized>(buffer: &B, fence: i64, from: u64, texts: &[&str]) {
    for (n, text) in (from..).zip(texts) {
        buffer.append(turn(1), fence, n, Arc::from(*text)).await;
    }
}

async fn held<B: StreamBuffer + ?Sized>(buffer: &B, after: u64) -> Buffered {
    match buffer.read(turn(1), after).await {
        Some(buffered) => buffered,
        None => panic!("the turn is not known"),
    }
}

fn texts(buffered: &Buffered) -> Vec<(u64, &str)> {
    buffered.deltas.iter().map(|(n, text)| (*n, text.as_ref())).collect()
}

/// Nothing can be read, written or waited for.
pub async fn nothing_is_known_of_an_unknown_turn<B: StreamBuffer>(
    new: impl AsyncFnOnce(Arc<HandClock>) -> B,
) {
    let buffer = new(HandClock::new()).await;
    assert_eq!(buffer.read(turn(1), 0).await, None);
    soon("changed, for an unknown turn", buffer.changed(turn(1), 0)).await;
    say(&buffer, 1, 1, &["a"]).await;
    buffer.close(turn(1), 1).await;
    assert_eq!(buffer.read(turn(1), 0).await, None);
}

/// From any place to the end, with their numbers.
pub async fn deltas_are_read_after_a_place<B: StreamBuffer>(new: impl AsyncFnOnce(Arc<HandClock>) -> B) {
    let buffer = new(HandClock::new()).await;
    buffer.open(turn(1), 4).await;
    let empty = Buffered { fence: 4, first: 1, last: 0, deltas: vec![], closed: false };
    assert_eq!(held(&buffer, 0).await, empty);
    say(&buffer, 4, 1, &["가", "", "c\n"]).await;
    let all = held(&buffer, 0).await;
    assert_eq!((all.fence, all.first, all.last, all.closed), (4, 1, 3, false));
    assert_eq!(texts(&all), [(1, "가"), (2, ""), (3, "c\n")]);
    assert_eq!(texts(&held(&buffer, 1).await), [(2, ""), (3, "c\n")]);
    for after in [3, 4, u64::MAX - 1, u64::MAX] {
        let nothing = held(&buffer, after).await;
        assert_eq!((nothing.last, texts(&nothing)), (3, vec![]), "after {after}");
    }
}

/// One turn's deltas are nobody else's.
pub async fn turns_are_told_apart<B: StreamBuffer>(new: impl AsyncFnOnce(Arc<HandClock>) -> B) {
    let buffer = new(HandClock::new()).await;
    buffer.open(turn(1), 1).await;
    buffer.open(turn(2), 1).await;
    say(&buffer, 1, 1, &["one"]).await;
    buffer.close(turn(2), 1).await;
    let one = held(&buffer, 0).await;
    assert_eq!((texts(&one), one.closed), (vec![(1, "one")], false));
    let two = buffer.read(turn(2), 0).await.map(|two| (two.last, two.closed));
    assert_eq!(two, Some((0, true)));
}

/// Whoever lost the turn adds nothing and ends nothing.
pub async fn another_fence_writes_nothing<B: StreamBuffer>(new: impl AsyncFnOnce(Arc<HandClock>) -> B) {
    let buffer = new(HandClock::new()).await;
    buffer.open(turn(1), 3).await;
    for fence in [2, 4, 0, -1] {
        say(&buffer, fence, 1, &["not mine"]).await;
        buffer.close(turn(1), fence).await;
    }
    let mine = held(&buffer, 0).await;
    assert_eq!((mine.fence, mine.last, mine.closed), (3, 0, false));
}

/// A turn that is taken up again has a new stream, also when the old one had ended.
pub async fn a_new_fence_begins_anew<B: StreamBuffer>(new: impl AsyncFnOnce(Arc<HandClock>) -> B) {
    let buffer = new(HandClock::new()).await;
    for (fence, text) in [(1, "first"), (2, "second"), (7, "third")] {
        buffer.open(turn(1), fence).await;
        let empty = held(&buffer, 0).await;
        assert_eq!((empty.fence, empty.last, empty.closed), (fence, 0, false));
        say(&buffer, fence, 1, &[text]).await;
        assert_eq!(texts(&held(&buffer, 0).await), [(1, text)]);
        if fence == 2 {
            buffer.close(turn(1), fence).await;
        }
    }
}

/// A worker that comes late cannot wipe out its successor's stream.
pub async fn an_old_fence_does_not_begin_again<B: StreamBuffer>(new: impl AsyncFnOnce(Arc<HandClock>) -> B) {
    let buffer = new(HandClock::new()).await;
    buffer.open(turn(1), 2).await;
    say(&buffer, 2, 1, &["kept"]).await;
    buffer.open(turn(1), 1).await;
    assert_eq!(texts(&held(&buffer, 0).await), [(1, "kept")]);
    buffer.close(turn(1), 2).await;
    buffer.open(turn(1), 1).await;
    let closed = held(&buffer, 0).await;
    assert_eq!((closed.fence, texts(&closed), closed.closed), (2, vec![(1, "kept")], true));
}

/// After the end nothing is added, everything is there, and nobody waits.
pub async fn a_closed_stream_is_whole_and_final<B: StreamBuffer>(new: impl AsyncFnOnce(Arc<HandClock>) -> B) {
    let buffer = new(HandClock::new()).await;
    buffer.open(turn(1), 1).await;
    say(&buffer, 1, 1, &["a", "b"]).await;
    buffer.close(turn(1), 1).await;
    say(&buffer, 1, 3, &["too late"]).await;
    buffer.close(turn(1), 1).await;
    let whole = held(&buffer, 0).await;
    assert_eq!((whole.first, whole.last, whole.closed), (1, 2, true));
    assert_eq!(texts(&whole), [(1, "a"), (2, "b")]);
    soon("changed, after the end", buffer.changed(turn(1), 2)).await;
}

/// A writer that is not sure may write again.
pub async fn a_repeated_delta_is_kept_once<B: StreamBuffer>(new: impl AsyncFnOnce(Arc<HandClock>) -> B) {
    let buffer = new(HandClock::new()).await;
    buffer.open(turn(1), 1).await;
    say(&buffer, 1, 1, &["a", "b"]).await;
    say(&buffer, 1, 2, &["b"]).await;
    say(&buffer, 1, 1, &["a"]).await;
    assert_eq!(texts(&held(&buffer, 0).await), [(1, "a"), (2, "b")]);
}

/// If a delta never came, `first` says so: nobody is shown what is before and after as one text.
pub async fn a_hole_is_not_hidden<B: StreamBuffer>(new: impl AsyncFnOnce(Arc<HandClock>) -> B) {
    let buffer = new(HandClock::new()).await;
    buffer.open(turn(1), 1).await;
    say(&buffer, 1, 1, &["a"]).await;
    say(&buffer, 1, 3, &["c", "d"]).await;
    let rest = held(&buffer, 0).await;
    assert_eq!((rest.first, rest.last), (3, 4));
    assert_eq!(texts(&rest), [(3, "c"), (4, "d")]);
    assert_eq!(texts(&held(&buffer, 3).await), [(4, "d")]);
}

/// `changed` waits while there is nothing, and not a moment longer.
pub async fn a_reader_waits_for_news_only<B: StreamBuffer>(new: impl AsyncFnOnce(Arc<HandClock>) -> B) {
    let buffer = new(HandClock::new()).await;
    buffer.open(turn(1), 1).await;
    assert!(still_waits(buffer.changed(turn(1), 0)).await);
    let delta = async { tokio::join!(buffer.changed(turn(1), 0), say(&buffer, 1, 1, &["a"])) };
    soon("changed, at a delta", delta).await;
    soon("changed, when the delta was there before", buffer.changed(turn(1), 0)).await;
    assert!(still_waits(buffer.changed(turn(1), 1)).await);
    let end = async { tokio::join!(buffer.changed(turn(1), 1), buffer.close(turn(1), 1)) };
    soon("changed, at the end", end).await;
}

/// They look again and find another fence.
pub async fn a_new_run_wakes_readers_of_the_old_one<B: StreamBuffer>(
    new: impl AsyncFnOnce(Arc<HandClock>) -> B,
) {
    let buffer = new(HandClock::new()).await;
    buffer.open(turn(1), 1).await;
    say(&buffer, 1, 1, &["a"]).await;
    let reopened = async { tokio::join!(buffer.changed(turn(1), 1), buffer.open(turn(1), 2)) };
    soon("changed, at a new run", reopened).await;
}

/// A reader that comes back with a place of an earlier, longer run must not sleep.
pub async fn a_place_beyond_the_end_is_looked_at_again<B: StreamBuffer>(
    new: impl AsyncFnOnce(Arc<HandClock>) -> B,
) {
    let buffer = new(HandClock::new()).await;
    buffer.open(turn(1), 1).await;
    say(&buffer, 1, 1, &["a"]).await;
    for after in [2, 500, u64::MAX] {
        soon("changed, beyond the end", buffer.changed(turn(1), after)).await;
    }
}

/// Readers that start anywhere and read while it is written get the same text, and all of them end.
pub async fn no_reader_misses_anything<B: StreamBuffer + 'static>(
    new: impl AsyncFnOnce(Arc<HandClock>) -> B,
) {
    const DELTAS: u64 = 2_000;
    let buffer = Arc::new(new(HandClock::new()).await);
    buffer.open(turn(1), 1).await;
    let mut readers = JoinSet::new();
    for start in 0..16 {
        let buffer = Arc::clone(&buffer);
        readers.spawn(async move {
            let mut at = start * 10;
            // Those that are ahead of the writer wait until it has reached their place.
            while held(&*buffer, 0).await.last < at {
                tokio::task::yield_now().await;
            }
            loop {
                let buffered = held(&*buffer, at).await;
                for (n, text) in &buffered.deltas {
                    assert_eq!((*n, text.as_ref()), (at + 1, n.to_string().as_str()));
                    at = *n;
                }
                if buffered.closed {
                    return at;
                }
                buffer.changed(turn(1), at).await;
            }
        });
    }
    let writer = Arc::clone(&buffer);
    readers.spawn(async move {
        for n in 1..=DELTAS {
            writer.append(turn(1), 1, n, Arc::from(n.to_string())).await;
            if n % 7 == 0 {
                tokio::task::yield_now().await;
            }
        }
        writer.close(turn(1), 1).await;
        DELTAS
    });
    let ends = soon("all readers end", readers.join_all()).await;
    assert!(ends.iter().all(|end| *end == DELTAS), "{ends:?}");
}

/// One delta and no other that would make good for it, as near as can be to the moment in which the
/// reader goes to sleep.
pub async fn news_between_the_look_and_the_wait_wakes<B: StreamBuffer + 'static>(
    new: impl AsyncFnOnce(Arc<HandClock>) -> B,
) {
    let buffer = Arc::new(new(HandClock::new()).await);
    for round in 0..1_000 {
        buffer.open(turn(1), round).await;
        let start = Arc::new(Barrier::new(2));
        let mut both = JoinSet::new();
        // Threads of their own: two tasks may share one, and then nothing happens between.
        for reads in [true, false] {
            let (buffer, start, runtime) = (Arc::clone(&buffer), Arc::clone(&start), Handle::current());
            both.spawn_blocking(move || {
                start.wait();
                if reads {
                    runtime.block_on(soon("changed, at the only delta", buffer.changed(turn(1), 0)));
                } else {
                    (0..round).for_each(|_| std::hint::spin_loop());
                    runtime.block_on(buffer.append(turn(1), round, 1, Arc::from("a")));
                }
            });
        }
        both.join_all().await;
    }
}

/// A reader that is dropped while it waits is forgotten.
pub async fn readers_who_leave_harm_nobody<B: StreamBuffer>(new: impl AsyncFnOnce(Arc<HandClock>) -> B) {
    let buffer = new(HandClock::new()).await;
    buffer.open(turn(1), 1).await;
    for _ in 0..1_000 {
        let mut waiting = buffer.changed(turn(1), 0);
        assert!(futures_util::poll!(&mut waiting).is_pending());
    }
    let delta = async { tokio::join!(buffer.changed(turn(1), 0), say(&buffer, 1, 1, &["a"])) };
    soon("changed, at a delta", delta).await;
    assert_eq!(texts(&held(&buffer, 0).await), [(1, "a")]);
}
