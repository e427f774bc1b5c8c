//! Two servers on one database are one server: with a Redis between them, and, slower, without.

mod cancel;
mod keys;
mod memory;
mod rooms;
mod sessions;
mod streams;
mod takeover;
mod twins;
