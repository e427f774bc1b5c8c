//! The AInfo rooms over HTTP and over WebSockets (contract §2, and §0 as it concerns it), on both
//! databases.

pub(crate) mod client;
mod closing;
mod handshake;
mod hostile;
mod others;
mod replies;
mod rooms;
mod shown;
mod stalled;
mod strangers;
mod talk;
mod titles;
mod verbs;
mod who;
