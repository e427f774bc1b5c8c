//! Every way in which a provider can fail that maru has a documented end for
//! (`docs/UPSTREAM-FAULTS.md`), as scripts.

mod connection;
mod hostile;
mod status;
mod stream;

use super::{Script, Upstream};
use maru_domain::turns::ports::ModelFault;
use socket2::{Domain, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// The time limits under which the faults are played: scripts wait for parts or multiples of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The limit of a connection.
    pub connect: Duration,
    /// The limit up to the first token.
    pub first_token: Duration,
    /// The limit between two tokens.
    pub idle: Duration,
    /// The limit of a reply with all its retries.
    pub total: Duration,
    /// The least wait before a retry.
    pub backoff_least: Duration,
    /// The longest wait before a retry that the provider has not asked for.
    pub backoff_most: Duration,
    /// The longest wait that the provider may ask for.
    pub longest_asked: Duration,
    /// How long the usage is waited for after the end of a reply.
    pub after_finish: Duration,
    /// How many of something is many.
    pub many: u64,
}

impl Pace {
    /// The limits of maru's defaults: a run of all faults takes ten minutes.
    #[must_use]
    pub const fn real() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_token: Duration::from_secs(60),
            idle: Duration::from_secs(30),
            total: Duration::from_secs(600),
            backoff_least: Duration::from_millis(500),
            backoff_most: Duration::from_secs(8),
            longest_asked: Duration::from_secs(60),
            after_finish: Duration::from_secs(2),
            many: 1_000_000,
        }
    }

    /// The same in a few seconds, for tests.
    #[must_use]
    pub const fn short() -> Self {
        Self {
            connect: Duration::from_secs(1),
            first_token: Duration::from_secs(3),
            idle: Duration::from_millis(1_500),
            total: Duration::from_secs(10),
            backoff_least: Duration::from_millis(10),
            backoff_most: Duration::from_millis(50),
            longest_asked: Duration::from_millis(2_000),
            after_finish: Duration::from_millis(300),
            many: 2_000,
        }
    }
}

/// How much of a reply is there when it fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Partial {
    /// Exactly this.
    Is(String),
    /// This and more of its kind.
    Begins(String),
}

/// The documented end of a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultEnd {
    /// The reply is whole: what looked like a fault is none.
    Completed {
        /// The reply.
        text: String,
    },
    /// The turn fails.
    Failed {
        /// With this code.
        fault: ModelFault,
        /// And this text.
        partial: Partial,
    },
}

/// Where a fault is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the scripted provider.
    Upstream,
    /// At a port where nobody listens.
    Refused,
    /// At a port that answers no connection.
    Blackhole,
    /// At the scripted provider, by TLS, which it does not speak.
    Tls,
}

/// A fault, under the name of a model that has it.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The name of the model.
    pub name: &'static str,
    /// Where it is met.
    pub place: Place,
    /// What the provider does, call by call; the last one stays.
    pub scripts: Vec<Script>,
    /// How it ends.
    pub end: FaultEnd,
    /// How many calls the provider sees, with retries.
    pub calls: usize,
}

/// The address of a fault; what is behind it lasts as long as this.
#[derive(Debug)]
pub struct Address {
    /// For a provider's `base_url`.
    pub base_url: String,
    /// Keeps the blackhole's line of waiting connections full.
    _held: Option<(Socket, Vec<TcpStream>)>,
}

impl Fault {
    fn new(name: &'static str, scripts: Vec<Script>, calls: usize, end: FaultEnd) -> Self {
        Self { name, place: Place::Upstream, scripts, end, calls }
    }

    /// A fault that is none: the reply comes whole with the first call.
    fn harmless(name: &'static str, text: &str, script: Script) -> Self {
        Self::new(name, vec![script], 1, FaultEnd::Completed { text: text.to_owned() })
    }

    /// A fault before the first token; `calls` says how often it is met.
    fn early(name: &'static str, fault: ModelFault, calls: usize, script: Script) -> Self {
        Self::new(name, vec![script], calls, FaultEnd::Failed { fault, partial: Partial::Is(String::new()) })
    }

    /// A fault in the middle of a reply; never tried again.
    fn late(name: &'static str, fault: ModelFault, partial: Partial, script: Script) -> Self {
        Self::new(name, vec![script], 1, FaultEnd::Failed { fault, partial })
    }

    /// Makes the provider fail so, and tells where.
    ///
    /// # Errors
    /// When the sockets for the place cannot be had.
    pub fn install(&self, upstream: &Upstream) -> io::Result<Address> {
        upstream.script_each(self.name, self.scripts.clone());
        let (base_url, held) = match self.place {
            Place::Upstream => (upstream.base_url(), None),
            Place::Tls => (upstream.base_url().replacen("http:", "https:", 1), None),
            Place::Refused => {
                // Bound and given back: the kernel hands out other ports before this one again.
                let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
                (format!("http://127.0.0.1:{port}/v1"), None)
            }
            Place::Blackhole => {
                let (address, socket, waiting) = blackhole()?;
                (format!("http://{address}/v1"), Some((socket, waiting)))
            }
        };
        Ok(Address { base_url, _held: held })
    }
}

/// A port that takes no connection and refuses none: its line of waiting connections is full, and
/// Linux does not answer who comes later.
fn blackhole() -> io::Result<(SocketAddr, Socket, Vec<TcpStream>)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(0)?;
    let address = socket.local_addr()?.as_socket();
    let address = address.ok_or_else(|| io::Error::other("a socket without an address"))?;
    let mut waiting = Vec::new();
    // A line of length 0 has one place, or two; the first connection that must wait shows that it is full.
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        waiting.push(stream);
    }
    Ok((address, socket, waiting))
}

/// Every fault.
#[must_use]
pub fn faults(pace: Pace) -> Vec<Fault> {
    let groups =
        [connection::faults(pace), status::faults(pace), stream::faults(pace), hostile::faults(pace)];
    groups.into_iter().flatten().collect()
}
