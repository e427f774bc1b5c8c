//! Turns: one user message and its reply, from the send to one of four final states.

mod aside;
mod away;
mod engine;
mod follower;
mod model;
mod options;
pub mod ports;
mod prompt;
mod registry;
mod run;
mod service;
mod stopping;
mod transcript;
mod waiting;

pub use aside::Aside;
pub use engine::{Engine, EnginePorts, EngineSettings};
pub use model::*;
pub use options::{Sampling, TurnOptions};
pub use prompt::{Budget, Prompt, PromptMessage, PromptSource, QuoteThread};
pub use registry::{Settled, SettledVersion, Watch};
pub use service::Turns;

/// The twelve places where a test may end the process, in the order in which a turn passes them.
/// Two of them, `after_insert` and `before_commit`, lie in the store, inside the send's transaction.
pub const FAIL_POINTS: [&str; 12] = [
    "turn.authorized",
    "turn.before_transaction",
    "turn.after_insert",
    "turn.before_commit",
    "turn.after_commit",
    "turn.lease_taken",
    "turn.upstream_connected",
    "turn.first_token",
    "turn.checkpoint",
    "turn.before_final_commit",
    "turn.after_final_commit",
    "turn.after_done",
];
