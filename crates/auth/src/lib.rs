//! Passwords, session tokens and API keys: everything that touches a secret, and nothing else.

mod argon2;
mod jwt;
mod keys;
mod purpose;
pub mod secret;

pub use argon2::{Argon2Hasher, CostError, HashCost};
pub use jwt::JwtSigner;
pub use keys::KeyRing;
