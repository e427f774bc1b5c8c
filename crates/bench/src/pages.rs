//! Pages of history through the native API: what they cost, and that they stay flat.

mod large;

use crate::files::Workplace;
use crate::load::{self, Client, Load};
use crate::report::{Figure, Target};
use crate::rounds::{Effort, Rounds};
use crate::servers::{Bare, Maru, Server};
use crate::sides::{CLIENTS, Getter, Reading, Side, compare};
use crate::token_chats;
use large::Large;
use maru_domain::error::BoxError;

/// A page of 50 messages that has not changed.
pub fn measure(place: &Workplace, effort: &Effort) -> Result<Vec<Figure>, BoxError> {
    let wrk = load::wrk().filter(|_| !effort.own_load);
    let maru = Maru::start(place, CLIENTS)?;
    let pages = filled(&maru)?;
    let (path, token) = pages.first().ok_or("no rooms")?;
    let bytes = load::once(maru.address(), load::request("GET", path, token, None))?;
    let bare = Bare::start(place, &bytes)?;
    let ours = Reading::new(place, &maru, pages.clone(), wrk.clone())?;
    let theirs = Reading::new(place, &bare, pages, wrk.clone())?;
    let client = if wrk.is_some() { "wrk, one thread" } else { "the bench's own, one thread" };
    let sides = (Side::new(&maru, |time| ours.read(time)), Side::new(&bare, |time| theirs.read(time)));
    compare("page", Target::Ratio(0.5), effort, sides, client)
}

/// Fills a room for each user; the path and the token of each one's page of 50 messages.
pub fn filled(maru: &Maru) -> Result<Vec<(String, String)>, BoxError> {
    let rooms = token_chats::filled(maru)?.into_iter().zip(maru.tokens());
    let page =
        |(room, token): (String, &String)| (format!("/v1/rooms/{room}/messages?limit=50"), token.clone());
    Ok(rooms.map(page).collect())
}

/// How many read and send at once.
const READERS: usize = 8;
const SENDERS: usize = 2;

/// The newest page while others write to the room, and their sends, by the length of the room.
pub fn flat(place: &Workplace, effort: &Effort) -> Result<Vec<Figure>, BoxError> {
    let (short, long) = (Large::start(place, 1_000)?, Large::start(place, 1_000_000)?);
    let (mut pages, mut sends) = (Rounds::default(), Rounds::default());
    talk(&long, effort)?;
    talk(&short, effort)?;
    for number in 1..=effort.rounds {
        let (ours, theirs) = (talk(&long, effort)?, talk(&short, effort)?);
        eprintln!(
            "  round {number}: page {:.1} against {:.1} ms, send {:.1} against {:.1} ms",
            ours.0.p99, theirs.0.p99, ours.1.p99, theirs.1.p99
        );
        pages.push(ours.0.p99, theirs.0.p99);
        sends.push(ours.1.p99, theirs.1.p99);
    }
    let note = "p99 at a million messages in the room against a thousand: the newest 50, read by 8 while 2 others write";
    let figure = |name: &str, rounds, note: &str| Figure {
        name: name.to_owned(),
        unit: "ms",
        rounds,
        target: Target::RatioAtMost(1.5),
        note: note.to_owned(),
    };
    Ok(vec![figure("flat: page", pages, note), figure("flat: send", sends, "")])
}

/// Both loads side by side; what the reads and the sends have measured.
fn talk(room: &Large, effort: &Effort) -> Result<(Load, Load), BoxError> {
    let readers: Vec<_> = (0..READERS).map(|_| Getter(room.read())).collect();
    let senders: Vec<_> = (0..SENDERS).map(|_| Sender(room.send())).collect();
    let (address, time) = (room.address(), Some(effort.round));
    std::thread::scope(|scope| {
        let sending = scope.spawn(move || load::run(address, senders, time).map(|(load, _)| load));
        let read = load::run(address, readers, time)?.0;
        let sent = sending.join().map_err(|_| "the senders have panicked")??;
        Ok((read, sent))
    })
}

/// Says one thing again and again.
struct Sender(Vec<u8>);

impl Client for Sender {
    fn next(&mut self) -> Option<&[u8]> {
        Some(&self.0)
    }
}
