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
pub mod wire;

pub use serve::{ServeError, serve};
pub use settings::{Overrides, Settings, load};
