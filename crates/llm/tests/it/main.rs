//! The models against a provider that misbehaves on demand.

mod demo;
mod fake;
mod faults;
mod guard;
mod hostile;
mod limits;
mod registry;
mod request;
mod support;
