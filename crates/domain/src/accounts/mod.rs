//! Accounts: users, the sessions their tokens name, and API keys.

mod keys;
mod login;
mod model;
mod passwords;
pub mod ports;
mod recognising;
mod registering;
mod service;
mod sessions;

pub use login::SignedIn;
pub use model::*;
pub use passwords::PasswordRule;
pub use registering::{Origin, Registration};
pub use service::{Accounts, AccountsPorts};
