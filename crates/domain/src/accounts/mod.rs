//! Accounts: users, the sessions their tokens name, and API keys.

mod model;
pub mod ports;
mod service;

pub use model::*;
pub use service::{Accounts, AccountsPorts, Origin, PasswordRule, Registration, SignedIn};
