//! Drives the real server over HTTP: a client for each contract, histories and their checker.

pub mod history;
pub mod server;
pub mod token_chats;
