//! Contract suites: what every adapter of a port must do, written once.
//!
//! Each file is one port: a test body per rule, generic over the adapter, and a macro that names the
//! tests for a constructor. An adapter's crate calls the macro inside a module of its tests.

#![expect(clippy::panic, reason = "test support: a broken rule ends the test with a message")]

pub mod bus;
pub mod durable;
pub mod events;
pub mod hand_clock;
pub mod identity_cache;
pub mod keys;
pub mod limiter;
pub mod messages;
pub mod once;
pub mod page_cache;
pub mod plcs;
pub mod quotes;
pub mod rooms;
pub mod sessions;
pub mod stream_buffer;
pub mod turns;
pub mod upkeep;
pub mod users;

use std::time::Duration;

/// Names the tests of a suite for a constructor; the macro of each port calls it.
#[macro_export]
macro_rules! contract_tests {
    ($suite:ident, $new:expr => $($test:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            $crate::contracts::$suite::$test($new).await;
        }
    )+};
}

/// What `future` answers. Not a measurement: ten seconds tell "late" from "never" on any machine.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(10), future).await {
        Ok(answer) => answer,
        Err(_) => panic!("{what}: nothing came"),
    }
}

/// True when `future` is still waiting after a moment.
async fn still_waits(future: impl Future) -> bool {
    tokio::time::timeout(Duration::from_millis(50), future).await.is_err()
}
