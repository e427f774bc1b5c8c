//! The real server over HTTP. One binary, one module a promise.

mod kill;
mod power_cut;
