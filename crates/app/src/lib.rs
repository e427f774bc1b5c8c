//! The running service: settings, the wiring of adapters to ports, the web server and its end.
//!
//! [`wire`] chooses the concrete adapters; [`database`], [`doctor`] and [`serve`](mod@serve) ask the store what only
//! an operator wants to know, and [`health`] a server that runs. Only `http` knows HTTP.

pub mod database;
pub mod doctor;
pub mod health;
pub mod http;
pub mod logs;
pub mod serve;
pub mod settings;
pub mod system;
pub mod tasks;
pub mod telemetry;
pub mod wire;

/// Models that run in this process: what the commands need of them.
#[cfg(feature = "local")]
pub mod models {
    pub use crate::wire::catalogue;
    pub use maru_llm::local::{CATALOGUE, Catalogue, Entry, Progress, PullError, Pulled};
}

pub use serve::{ServeError, serve};
pub use settings::{Overrides, Settings, load};
