//! Tasks that belong to the server. They run on the runtime that outlives every web worker, and
//! the end of the server waits for them.

use futures_util::future::BoxFuture;
use maru_domain::turns::ports::Spawner;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Runs and awaits the server's tasks.
#[derive(Clone)]
pub struct Tasks {
    runtime: Handle,
    tracker: TaskTracker,
    stopping: CancellationToken,
}

impl Tasks {
    /// Tasks of this runtime.
    #[must_use]
    pub fn new(runtime: Handle) -> Self {
        Self { runtime, tracker: TaskTracker::new(), stopping: CancellationToken::new() }
    }

    /// Cancelled when the server is about to stop: for tasks that have no end of their own.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Tells the endless tasks to end and waits for all, at most `patience`.
    pub async fn finish(&self, patience: Duration) {
        self.stopping.cancel();
        self.tracker.close();
        if tokio::time::timeout(patience, self.tracker.wait()).await.is_err() {
            tracing::warn!(left = self.tracker.len(), "some tasks did not end in time");
        }
    }
}

impl Spawner for Tasks {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.tracker.spawn_on(crate::telemetry::following(task), &self.runtime);
    }
}
