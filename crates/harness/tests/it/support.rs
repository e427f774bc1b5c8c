//! What the tests of the running server share: servers on both databases, exact answers, raw bytes, the command line.

mod command;
mod http;
mod judge;
mod raw;
mod site;

pub use command::{Ran, maru, maru_with};
pub use http::{Ask, Http, Reply};
pub use judge::judge;
pub use raw::{Raw, exchange, probe};
pub use site::{Backend, NOT_HANGING, PASSWORD, PROVIDER_KEY, SHARED_SECRET, Site, beside_postgres, shared};

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The program under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_maru-under-test");

/// Each function once on SQLite and once on PostgreSQL with Redis. It gets the server that all tests of this process share, so it
/// may set nothing and needs users of its own.
macro_rules! on_both {
    ($($name:ident)+) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let site = $crate::support::shared($crate::support::Backend::Sqlite).await;
                super::$name(&site).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let site = $crate::support::shared($crate::support::Backend::Postgres).await;
                super::$name(&site).await;
            })+
        }
    };
}

/// Each function once for SQLite and once for PostgreSQL with Redis; it starts servers as it needs them.
macro_rules! for_both {
    ($($name:ident)+) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::support::Backend::Sqlite).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::support::Backend::Postgres).await;
            })+
        }
    };
}

pub(crate) use {for_both, on_both};

/// A name that nobody else in this process has.
pub fn name(what: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{what}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Asks again and again until the answer is yes.
///
/// # Panics
/// When it is not within half a minute.
pub async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < Duration::from_secs(30), "not within half a minute: {what}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// Pseudo-random numbers that are the same in every run (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap_or_default()
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}
