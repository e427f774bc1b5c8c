//! The turn engine on the real store: what a turn promises, whoever fails in the middle of it.
//!
//! Time is the test's, except for leases, which are the database's: they last an hour where they
//! should hold, and nothing where they should be over.

mod cancel;
mod checkpoints;
mod crash;
mod drain;
mod follow;
mod follow_ends;
mod happy;
mod heartbeat;
mod logins;
mod once;
mod queue;
mod reader;
mod rooms;
mod trouble;
mod wait;
mod withdraw;
mod world;
