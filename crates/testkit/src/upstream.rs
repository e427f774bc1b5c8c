//! A model provider that does what a test tells it, lies about HTTP included.
//!
//! It speaks OpenAI's chat completions protocol over plain TCP, in a thread and runtime of its own: a
//! test may stop its clock, block its thread or run under another runtime. A model's name chooses
//! what it does: [`Upstream::script`] tells it, and without a script it repeats the last message
//! (`reply to: …`). [`PROMPT_ECHO`] answers with all that it was sent, as JSON.

mod call;
mod conversation;
mod faults;
mod request;
mod script;
#[cfg(test)]
mod tests;

pub use call::{Call, CallEnd};
pub use faults::{Address, Fault, FaultEnd, Pace, Partial, Place, faults};
pub use script::{Act, Script, chunk, token};

use call::CallLog;
use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The model whose reply is the list of messages that it was sent, as JSON.
pub const PROMPT_ECHO: &str = "prompt-echo";

/// What the connections share.
#[derive(Debug, Default)]
struct Shared {
    scripts: Mutex<HashMap<String, Scripts>>,
    calls: CallLog,
    open: AtomicUsize,
    accepted: AtomicUsize,
}

/// What a model does in its next calls.
#[derive(Debug)]
struct Scripts {
    scripts: Vec<Script>,
    next: usize,
}

impl Shared {
    fn scripts(&self) -> MutexGuard<'_, HashMap<String, Scripts>> {
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The script of a model's next call; the last one stays.
    fn next_script(&self, model: &str) -> Option<Script> {
        let mut scripts = self.scripts();
        let of_model = scripts.get_mut(model)?;
        let script = of_model.scripts.get(of_model.next).or(of_model.scripts.last()).cloned();
        of_model.next += 1;
        script
    }

    fn models(&self) -> Vec<String> {
        let mut models: Vec<_> = self.scripts().keys().cloned().collect();
        models.sort();
        models
    }
}

/// A running provider. Dropped, it closes every connection and is gone.
#[derive(Debug)]
pub struct Upstream {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Upstream {
    /// Starts one on a free port of the loopback interface.
    ///
    /// # Panics
    /// When there is no free port or no thread: then no test can run.
    #[expect(clippy::expect_used, clippy::unused_async, reason = "a test without its provider cannot go on")]
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port on the loopback interface");
        let address = listener.local_addr().expect("a bound socket has an address");
        listener.set_nonblocking(true).expect("a socket can be non-blocking");
        let shared = Arc::<Shared>::default();
        let (stop, stopped) = oneshot::channel();
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("upstream".to_owned())
            .spawn(move || conversation::serve(listener, &of_thread, stopped))
            .expect("a thread");
        Self { shared, address, stop: Some(stop), thread: Some(thread) }
    }

    /// Where it is, as a provider's `base_url`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Its address and port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What `model` does in every call from now on.
    pub fn script(&self, model: impl Into<String>, script: Script) {
        self.script_each(model, vec![script]);
    }

    /// What `model` does in its next calls, one script each; the last one stays. None: as unscripted.
    pub fn script_each(&self, model: impl Into<String>, scripts: Vec<Script>) {
        self.shared.scripts().insert(model.into(), Scripts { scripts, next: 0 });
    }

    /// The latest calls, oldest first (at most 100 000), as far as they have come.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.shared.calls.all()
    }

    /// The calls of one model.
    #[must_use]
    pub fn calls_of(&self, model: &str) -> Vec<Call> {
        let mut calls = self.calls();
        calls.retain(|call| call.model == model);
        calls
    }

    /// How many calls there were; also those that are forgotten.
    #[must_use]
    pub fn call_count(&self) -> usize {
        self.shared.calls.count()
    }

    /// Forgets the calls so far; those that run are finished but not listed.
    pub fn forget_calls(&self) {
        self.shared.calls.forget();
    }

    /// How many connections are open now.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// How many connections there have been.
    #[must_use]
    pub fn accepted_connections(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Waits until at most `open` connections are open; false when that has not happened in `within`.
    /// Measured by the real clock, whatever clock the test has.
    pub async fn at_most_open(&self, open: usize, within: Duration) -> bool {
        self.wait(within, || self.open_connections() <= open).await
    }

    /// Waits until there were `count` calls of `model`; false when that has not happened in `within`.
    pub async fn at_least_calls(&self, model: &str, count: usize, within: Duration) -> bool {
        self.wait(within, || self.calls_of(model).len() >= count).await
    }

    async fn wait(&self, within: Duration, done: impl Fn() -> bool) -> bool {
        let began = Instant::now();
        loop {
            if done() {
                return true;
            }
            if began.elapsed() >= within {
                return false;
            }
            // In a thread: a test with a paused clock would jump over a sleep of tokio's.
            let pause = || std::thread::sleep(Duration::from_millis(2));
            if tokio::task::spawn_blocking(pause).await.is_err() {
                return done();
            }
        }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
