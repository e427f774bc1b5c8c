//! The running service: settings, the wiring of adapters to ports, the web server and its end.
//!
//! Only [`wire`] names concrete adapters; only `http` knows HTTP.

pub mod doctor;
pub mod http;
pub mod logs;
pub mod serve;
pub mod settings;
pub mod system;
pub mod tasks;
pub mod wire;

pub use serve::{ServeError, serve};
pub use settings::{Overrides, Settings, load};
