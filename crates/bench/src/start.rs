//! How soon a server with a history is ready, and how much memory it holds.

pub mod history;

use crate::arguments::OPEN_AND_COUNT;
use crate::files::Workplace;
use crate::load::{self, Client};
use crate::report::{Figure, Target};
use crate::rounds::{Effort, Rounds};
use crate::servers::{Maru, Server as _, free_address, resident_mib};
use diesel::prelude::*;
use maru_domain::error::BoxError;
use maru_store::schema::messages;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// How much history there is.
const MESSAGES: usize = 100_000;
/// What the promises are: milliseconds and MiB.
const READY: Target = Target::AtMost(1000.0);
const RESIDENT: Target = Target::AtMost(40.0);
/// How long an idle server is left alone before it is weighed.
const IDLE: Duration = Duration::from_secs(5);
/// Requests before it is weighed again, over so many connections, each a user of its own.
const REQUESTS: usize = 1000;
const CONNECTIONS: usize = 10;

/// Starts and weighs the server.
pub fn measure(place: &Workplace, effort: &Effort) -> Result<Vec<Figure>, BoxError> {
    let directory = place.directory("start")?;
    let database = directory.join("maru.db");
    history::write(&database, MESSAGES)?;
    let mut rounds = Rounds::default();
    for number in 0..=effort.rounds {
        let address = free_address()?;
        let begun = Instant::now();
        let maru = Maru::on(place, &directory, address)?;
        wait_until_ready(address)?;
        let ready = begun.elapsed();
        drop(maru);
        let begun = Instant::now();
        let counted = Command::new(std::env::current_exe()?).arg(OPEN_AND_COUNT).arg(&database).status()?;
        let bare = begun.elapsed();
        if !counted.success() {
            return Err("the yardstick could not count the messages".into());
        }
        // The first round finds nothing in the system's caches, unlike the others.
        if number > 0 {
            rounds.push(ready.as_secs_f64() * 1000.0, bare.as_secs_f64() * 1000.0);
        }
    }
    let (idle, used) = weigh(place, &directory)?;
    let figure = |name: &str, unit, rounds, target, note: &str| Figure {
        name: name.to_owned(),
        unit,
        rounds,
        target,
        note: note.to_owned(),
    };
    let told = "process start to the first 200 of /readyz with 100,000 messages; yardstick: a process that opens the file and counts them";
    let requests =
        "resident, after ten registrations and a thousand requests of all kinds over ten connections";
    Ok(vec![
        figure("start", "ms", rounds, READY, told),
        figure("start: idle", "MiB", Rounds::once(idle), RESIDENT, "resident, 5 s after the start"),
        figure("start: 1,000 requests", "MiB", Rounds::once(used), Target::None, requests),
    ])
}

/// Asks until the answer is 200.
fn wait_until_ready(address: SocketAddr) -> Result<(), BoxError> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        let said = TcpStream::connect(address).and_then(|mut stream| {
            stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: bench\r\n\r\n")?;
            let mut head = [0; 12];
            stream.read_exact(&mut head)?;
            Ok(head)
        });
        if said.is_ok_and(|head| &head == b"HTTP/1.1 200") {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err("maru was not ready within a minute".into())
}

/// Resident memory when idle, and after requests of all kinds.
fn weigh(place: &Workplace, directory: &Path) -> Result<(f64, f64), BoxError> {
    let address = free_address()?;
    let mut maru = Maru::on(place, directory, address)?;
    wait_until_ready(address)?;
    std::thread::sleep(IDLE);
    let idle = resident_mib(maru.pid())?;
    maru.register(CONNECTIONS)?;
    let clients = maru.tokens().iter().map(|token| Mixed::new(token)).collect();
    load::run(address, clients, None)?;
    Ok((idle, resident_mib(maru.pid())?))
}

/// Says something, reads everything, and asks small questions, in turn.
struct Mixed {
    requests: [Vec<u8>; 4],
    sent: usize,
}

impl Mixed {
    fn new(token: &str) -> Self {
        let request = |verb, path, body| load::request(verb, path, token, body);
        Self {
            requests: [
                request("POST", "/api/chats/", Some(r#"{"content":"Hello! What can you do?"}"#)),
                request("GET", "/api/chats/", None),
                request("GET", "/api/test_token/", None),
                request("GET", "/readyz", None),
            ],
            sent: 0,
        }
    }
}

impl Client for Mixed {
    fn next(&mut self) -> Option<&[u8]> {
        if self.sent == REQUESTS / CONNECTIONS {
            return None;
        }
        self.sent += 1;
        self.requests.get(self.sent % self.requests.len()).map(Vec::as_slice)
    }
}

/// The yardstick: what a process that opens the file and looks at every message cannot do without.
pub fn open_and_count(path: &Path) -> Result<(), BoxError> {
    let mut conn = SqliteConnection::establish(&path.to_string_lossy())?;
    let count: i64 = messages::table.count().get_result(&mut conn)?;
    if count > 0 { Ok(()) } else { Err("there are no messages".into()) }
}
