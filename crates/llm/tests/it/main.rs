//! The models against a provider that misbehaves on demand.
#![expect(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests and what they share")]

mod demo;
mod fake;
mod faults;
mod guard;
mod hostile;
mod limits;
#[cfg(feature = "local")]
mod local;
mod registry;
mod request;
mod support;
