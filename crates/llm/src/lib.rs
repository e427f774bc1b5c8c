//! The models: adapters of the domain's [`ChatModel`](maru_domain::turns::ports::ChatModel) port.
//!
//! [`OpenAi`] speaks to any server with OpenAI's protocol, [`local`] holds models that run in this
//! process, [`Demo`] answers without either, [`Guard`] puts time limits, retries and a breaker around
//! each, and [`Registry`] finds the one that a room names. What a failing provider looks like from
//! outside is in `docs/UPSTREAM-FAULTS.md`.

mod breaker;
mod demo;
mod guard;
#[cfg(feature = "local")]
pub mod local;
mod openai;
mod registry;
mod retry;

pub use breaker::BreakerSettings;
pub use demo::Demo;
pub use guard::{Guard, GuardSettings};
pub use openai::{Limits, OpenAi, OpenAiSettings, TraceHeaders};
pub use registry::{LlmError, LlmSettings, ProviderKind, ProviderSettings, Registry};
pub use retry::RetrySettings;
