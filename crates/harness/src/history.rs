//! Histories: what clients asked, what they were told, when; and the checker that compares the two (reliability.md §6.2).
//!
//! A history is a list of [`Op`]s, one JSON object a line. Clients write it while faults happen; [`check`] reads it afterwards and
//! names every anomaly. What a client was not told (a reset, a timeout, a 5xx) is `info`: it may have happened or not.

mod anomaly;
mod check;
mod index;
mod logs;
mod pairs;
#[cfg(test)]
mod tests;
pub mod writers;

pub use anomaly::{Anomaly, AnomalyKind, summary};
pub use check::check;
pub use logs::{Event, Log, check_logs};

use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// What a client did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Sent `body` under `key`.
    #[default]
    Send,
    /// Read the whole room: `seen`, oldest first.
    Read,
    /// Was told `seen` by the subscription `stream`, in this order, after what it was told before.
    Event,
    /// Replaced the text of the message sent under `key` by `body`.
    Edit,
    /// Deleted the message sent under `key`.
    Delete,
}

/// How an operation ended, as its client knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Acknowledged.
    Ok,
    /// Refused (4xx): it has not happened and never will.
    Fail,
    /// Nobody told the client.
    #[default]
    Info,
}

/// One message as a reader saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The user's text. It identifies the message: a client never sends one text under two keys in one room.
    pub body: String,
    /// The message's id on this transport, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its number in the room, where the transport shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The reply's text, where the transport shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
    /// Whether the reply's state is terminal, where the transport shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<bool>,
}

/// One operation of one client. Times are microseconds since the history began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Op {
    /// When it began.
    pub t0: u64,
    /// When its client knew how it ended.
    pub t1: u64,
    /// Who.
    pub client: String,
    /// Where.
    pub room: String,
    /// What.
    pub op: Kind,
    /// How it ended.
    pub status: Status,
    /// The idempotency key; retries of one message carry the same one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The text sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The id the message was acknowledged with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The number it was acknowledged with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The finished reply it was acknowledged with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
    /// What a read or a subscription showed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<Seen>,
    /// `token_chats`, `v1`, `sse`…: ids and numbers are compared within one transport only.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub transport: String,
    /// The subscription; it keeps its name when it resumes and gets another when it starts anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// Nothing was running any more: replies must be terminal, and a subscription must have been told everything.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quiet: bool,
}

/// A span in which acknowledgements do not count, because the disk had lost its power already.
#[derive(Clone, Copy, Debug)]
struct Outage {
    from: u64,
    to: u64,
}

/// The history being written, shared by all clients of a test.
#[derive(Debug)]
pub struct History {
    began: Instant,
    ops: Mutex<Vec<Op>>,
    outages: Mutex<Vec<Outage>>,
}

impl Default for History {
    fn default() -> Self {
        Self { began: Instant::now(), ops: Mutex::default(), outages: Mutex::default() }
    }
}

impl History {
    /// A history that begins now.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The time on the history's clock.
    pub fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Adds an operation that has ended.
    pub fn record(&self, op: Op) {
        self.ops.lock().unwrap_or_else(PoisonError::into_inner).push(op);
    }

    /// Between `from` (read before the power was cut) and `to` (read before the server started again) what clients were told does
    /// not count: sends become `info`, reads are left out.
    pub fn outage(&self, from: u64, to: u64) {
        self.outages.lock().unwrap_or_else(PoisonError::into_inner).push(Outage { from, to });
    }

    /// Everything recorded so far, with the outages applied.
    pub fn ops(&self) -> Vec<Op> {
        let outages = self.outages.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut ops = self.ops.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let dark =
            |op: &Op| op.status == Status::Ok && outages.iter().any(|o| o.from <= op.t1 && op.t1 < o.to);
        ops.retain(|op| !(dark(op) && matches!(op.op, Kind::Read | Kind::Event)));
        for op in &mut ops {
            if dark(op) {
                op.status = Status::Info;
            }
        }
        ops
    }

    /// Writes the history as JSON lines, for a look after a failure.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> std::io::Result<()> {
        std::fs::write(path, to_lines(&self.ops())?)
    }
}

/// A history as JSON lines.
///
/// # Errors
/// Never for histories of ours.
pub fn to_lines(ops: &[Op]) -> serde_json::Result<String> {
    ops.iter().map(|op| serde_json::to_string(op).map(|line| line + "\n")).collect()
}

/// Reads JSON lines.
///
/// # Errors
/// At the first line that is not an operation.
pub fn from_lines(lines: &str) -> serde_json::Result<Vec<Op>> {
    lines.lines().filter(|line| !line.trim().is_empty()).map(serde_json::from_str).collect()
}
