//! What maru is: accounts, rooms, messages and turns, their rules and the ports they need.
//!
//! Nothing here knows a database, HTTP or a clock of its own; everything outside is a trait in a
//! feature's `ports.rs`. A newcomer starts at [`services::Services`].

pub mod access;
pub mod accounts;
pub mod clock;
pub mod error;
pub mod events;
pub mod ids;
pub mod messages;
pub mod once;
pub mod page;
pub mod pages;
pub mod plcs;
pub mod quotes;
pub mod rooms;
pub mod services;
pub mod text;
pub mod turns;
pub mod upkeep;

/// Marks one of the places where a test may end the process; nothing without the `failpoints` feature.
///
/// The twelve names are [`turns::FAIL_POINTS`].
#[macro_export]
macro_rules! fail_point {
    ($name:expr) => {
        ::fail::fail_point!($name)
    };
}
