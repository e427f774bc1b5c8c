//! The token API of maru and of Django REST Framework, on the same content.

mod clients;

use crate::files::Workplace;
use crate::load::{self, Load};
use crate::report::{Figure, Target};
use crate::rounds::Effort;
use crate::servers::{Drf, Maru, Server};
use crate::sides::{CLIENTS, Reading, Side, compare};
pub use clients::Poster as Talker;
use clients::{Fill, Poster, SESSION};
use maru_domain::error::BoxError;
use std::time::Duration;

/// What the promise is.
const TARGET: Target = Target::Ratio(50.0);

/// Gives each user of a server a chat of 50 turns; the chats' ids, in the order of the users.
pub fn filled(server: &impl Server) -> Result<Vec<String>, BoxError> {
    let fill = server.tokens().iter().map(|token| Fill::new(Poster::new(token), SESSION)).collect();
    let (_, filled) = load::run(server.address(), fill, None)?;
    filled.iter().map(Fill::session).collect()
}

/// Reading a chat of 50 turns.
pub fn get(place: &Workplace, effort: &Effort) -> Result<Vec<Figure>, BoxError> {
    let wrk = load::wrk().filter(|_| !effort.own_load);
    let (maru, drf) = (Maru::start(place, CLIENTS)?, Drf::start(place, CLIENTS)?);
    let (ours, theirs) = (
        Reading::new(place, &maru, chats(&maru)?, wrk.clone())?,
        Reading::new(place, &drf, chats(&drf)?, wrk.clone())?,
    );
    let client = if wrk.is_some() { "wrk, one thread" } else { "the bench's own, one thread" };
    let sides = (Side::new(&maru, |time| ours.read(time)), Side::new(&drf, |time| theirs.read(time)));
    compare("token-chats-get", TARGET, effort, sides, client)
}

/// What to read: each user's chat, with the user's token.
fn chats(server: &impl Server) -> Result<Vec<(String, String)>, BoxError> {
    let sessions = filled(server)?.into_iter().zip(server.tokens());
    Ok(sessions.map(|(id, token)| (format!("/api/chats/?session_id={id}"), token.clone())).collect())
}

/// Sending messages, and ending the session after every 50 turns.
pub fn post(place: &Workplace, effort: &Effort) -> Result<Vec<Figure>, BoxError> {
    let (maru, drf) = (Maru::start(place, CLIENTS)?, Drf::start(place, CLIENTS)?);
    let (mut ours, mut theirs) = (staggered(&maru)?, staggered(&drf)?);
    let sides = (
        Side::new(&maru, |time| write(&maru, &mut ours, time)),
        Side::new(&drf, |time| write(&drf, &mut theirs, time)),
    );
    compare("token-chats-post", TARGET, effort, sides, "the bench's own, one thread")
}

/// One client for each of these tokens, who talks in sessions.
pub fn talkers(tokens: &[String]) -> Vec<Poster> {
    tokens.iter().map(|token| Poster::new(token)).collect()
}

/// Clients in the middle of sessions of every length, so that at any time all lengths are there.
fn staggered(server: &impl Server) -> Result<Vec<Poster>, BoxError> {
    let tokens = server.tokens().iter().enumerate();
    let fill = tokens.map(|(number, token)| Fill::new(Poster::new(token), number * SESSION / CLIENTS));
    let (_, filled) = load::run(server.address(), fill.collect(), None)?;
    Ok(filled.into_iter().map(Fill::into_poster).collect())
}

fn write(server: &impl Server, posters: &mut Vec<Poster>, time: Duration) -> Result<Load, BoxError> {
    let (load, back) = load::run(server.address(), std::mem::take(posters), Some(time))?;
    *posters = back;
    Ok(load)
}
