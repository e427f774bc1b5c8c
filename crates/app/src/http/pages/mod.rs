//! The web pages (contract §3): rooms and conversations for people, over the same use cases as everything
//! else. They work as plain forms; with scripts, replies grow while they are written.

pub mod accounts;
mod answer;
pub mod assets;
mod conversation;
mod form;
mod frame;
mod language;
mod markdown;
mod place;
pub mod rooms;
mod session;
pub mod stream;
pub mod talk;
pub mod turns;
mod words;

pub use answer::refuse;
pub use place::Place;
pub use session::shown as key_of_cookie;
