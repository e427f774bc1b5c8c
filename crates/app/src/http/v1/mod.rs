//! The native API (contract §8): accounts, rooms, messages and turns, as JSON and as streams.

mod accounts;
mod body;
mod caller;
mod etag;
mod events;
mod messages;
mod problem;
mod query;
mod rooms;
mod shapes;
mod stream;
mod turns;

pub use accounts::{
    create_key, delete_key, delete_session, keys, login, logout, me, password, register, sessions,
};
pub use events::events as room_events;
pub use messages::{delete as delete_message, edit, message, messages, send};
pub use problem::Problem;
pub use rooms::{change, clear, create, delete as delete_room, end, room, rooms};
pub use turns::{cancel, events as turn_events, retry, turn};
