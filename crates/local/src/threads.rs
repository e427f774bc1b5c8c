//! The threads that models compute on.

use std::sync::Arc;

/// Threads of their own, so that a long reply takes no thread from the server.
#[derive(Clone)]
pub struct Threads(Arc<rayon::ThreadPool>);

impl Threads {
    /// So many threads; 0 means one per core, at most eight.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new(wanted: usize) -> Result<Self, crate::LocalError> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let count = if wanted == 0 { cores.min(8) } else { wanted };
        rayon::ThreadPoolBuilder::new()
            .num_threads(count)
            .thread_name(|n| format!("maru-model-{n}"))
            .build()
            .map(|pool| Self(Arc::new(pool)))
            .map_err(|error| crate::LocalError::Refused(format!("no threads for models: {error}")))
    }

    pub(crate) fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.0.install(work)
    }
}
