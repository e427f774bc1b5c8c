//! Tasks that a test can wait for, or end as a crash would.

use super::soon;
use futures_util::future::BoxFuture;
use maru_domain::turns::ports::Spawner;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// Runs tasks on the runtime that it was made on.
pub struct TaskSpawner {
    runtime: Handle,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl TaskSpawner {
    /// No tasks yet.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[must_use]
    pub fn new() -> Self {
        Self { runtime: Handle::current(), tasks: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many have not ended.
    #[must_use]
    pub fn alive(&self) -> usize {
        self.lock().iter().filter(|task| !task.is_finished()).count()
    }

    /// Waits for all, also for those that they start; answers how many have panicked.
    ///
    /// # Panics
    /// When one does not end within ten seconds.
    pub async fn join(&self) -> usize {
        soon("all tasks end", async {
            let mut panicked = 0;
            loop {
                let tasks = std::mem::take(&mut *self.lock());
                if tasks.is_empty() {
                    return panicked;
                }
                for task in tasks {
                    panicked += usize::from(task.await.is_err_and(|error| error.is_panic()));
                }
            }
        })
        .await
    }

    /// Ends all where they stand, as a crash would, and returns when nothing of them is left.
    pub async fn crash(&self) {
        for task in &*self.lock() {
            task.abort();
        }
        self.join().await;
    }
}

impl Default for TaskSpawner {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TaskSpawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskSpawner").field("alive", &self.alive()).finish()
    }
}

impl Spawner for TaskSpawner {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.lock().push(self.runtime.spawn(task));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_crash_leaves_nothing() {
        let tasks = TaskSpawner::new();
        tasks.spawn(Box::pin(std::future::pending()));
        tasks.spawn(Box::pin(async {}));
        tasks.crash().await;
        assert_eq!(tasks.alive(), 0);
    }

    #[tokio::test]
    async fn panics_are_counted() {
        let tasks = TaskSpawner::new();
        tasks.spawn(Box::pin(async { panic!("meant to") }));
        tasks.spawn(Box::pin(async {}));
        assert_eq!(tasks.join().await, 1);
    }
}
