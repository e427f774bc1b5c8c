//! What the engine works with, in the hands of a test: time, ids, tasks, models, trouble with the
//! store and a bus that loses everything.

#![expect(clippy::panic, reason = "test support: a wait that never ends stops the test with a message")]

mod bus;
mod clock;
mod gate;
mod ids;
mod model;
mod spawner;
mod store;
mod trouble;

pub use bus::LossyBus;
pub use clock::ManualClock;
pub use gate::Gate;
pub use ids::SeededIds;
pub use model::{Asked, Plan, ScriptedModel, ScriptedModels, Step};
pub use spawner::TaskSpawner;
pub use store::FlakyStore;
pub use trouble::{Call, Trouble};

use std::time::Duration;

/// What `future` answers. Not a measurement: ten seconds tell "late" from "never" on any machine.
///
/// # Panics
/// When nothing comes in that time.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(10), future).await {
        Ok(answer) => answer,
        Err(_) => panic!("nothing came within ten seconds: {what}"),
    }
}

/// Returns once `true_now` says true, which it is asked again and again.
///
/// # Panics
/// When that takes more than ten seconds.
pub async fn until(what: &str, mut true_now: impl AsyncFnMut() -> bool) {
    soon(what, async {
        while !true_now().await {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    })
    .await;
}
