//! What the provider has seen.

use serde_json::Value;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// So many calls are remembered.
const REMEMBERED: usize = 100_000;

/// How a call has ended, seen from the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEnd {
    /// The script was played to its end.
    Played,
    /// The client closed the connection before the end.
    ClosedByClient,
}

/// One call of a model.
#[derive(Clone, Debug)]
pub struct Call {
    /// Which model.
    pub model: String,
    /// The request's path.
    pub path: String,
    /// The request's body.
    pub body: Value,
    /// The request's headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// When the request had come.
    pub opened: Instant,
    /// When the first byte of the answer was written.
    pub first_byte: Option<Instant>,
    /// When and how it ended; `None` while it runs.
    pub end: Option<(Instant, CallEnd)>,
    /// Bytes that were written, as far as the kernel took them.
    pub sent: u64,
}

impl Call {
    /// The messages that were sent to the model, as role and content, in order.
    #[must_use]
    pub fn messages(&self) -> Vec<(String, String)> {
        let messages = self.body.get("messages").and_then(Value::as_array);
        let text = |message: &Value, name: &str| {
            message.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        messages
            .into_iter()
            .flatten()
            .map(|message| (text(message, "role"), text(message, "content")))
            .collect()
    }

    /// A header of the request, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// When the client closed the connection before the end of the script, if it did.
    #[must_use]
    pub fn closed_by_client(&self) -> Option<Instant> {
        self.end.and_then(|(when, end)| (end == CallEnd::ClosedByClient).then_some(when))
    }
}

/// A call that runs.
#[derive(Clone, Debug)]
pub(super) struct Running(Arc<Mutex<Call>>);

impl Running {
    fn call(&self) -> MutexGuard<'_, Call> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wrote(&self, bytes: usize) {
        let mut call = self.call();
        call.first_byte.get_or_insert_with(Instant::now);
        call.sent += bytes as u64;
    }

    pub(super) fn ended(&self, end: CallEnd) {
        self.call().end.get_or_insert((Instant::now(), end));
    }
}

/// The calls so far.
#[derive(Debug, Default)]
pub(super) struct CallLog {
    calls: Mutex<VecDeque<Running>>,
    count: AtomicUsize,
}

impl CallLog {
    fn calls(&self) -> MutexGuard<'_, VecDeque<Running>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, call: Call) -> Running {
        let running = Running(Arc::new(Mutex::new(call)));
        let mut calls = self.calls();
        if calls.len() >= REMEMBERED {
            calls.pop_front();
        }
        calls.push_back(running.clone());
        self.count.fetch_add(1, Ordering::SeqCst);
        running
    }

    pub(super) fn all(&self) -> Vec<Call> {
        self.calls().iter().map(|running| running.call().clone()).collect()
    }

    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    pub(super) fn forget(&self) {
        self.calls().clear();
    }
}
