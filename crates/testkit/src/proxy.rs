//! A TCP proxy that fails on demand, for the link between maru and its servers: it can cut, refuse,
//! swallow, slow down, and reset a connection at the very moment at which a given word passes.
//!
//! Like the scripted provider it has a thread and a runtime of its own.

mod link;
#[cfg(test)]
mod tests;

use link::Link;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

/// How connections are treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weather {
    /// Everything passes.
    #[default]
    Fair,
    /// Every piece arrives so much later, in either direction.
    Slow(Duration),
    /// Connections stay open and can be opened; nothing passes, until the weather changes.
    Blackhole,
    /// Nobody listens; what was open is reset.
    Refuse,
}

/// When a connection is reset, in terms of what the client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetAt {
    /// The server never gets the word.
    BeforeTheServer,
    /// The server gets the word and has answered; the client never hears of it.
    BeforeTheClient,
}

/// Resets connections in which `word` passes: the first one, and each `every`-th after it.
#[derive(Clone, Copy, Debug)]
pub struct Trap {
    /// What the client must send.
    pub word: &'static [u8],
    /// On which side of the server's work.
    pub at: ResetAt,
    /// 1: each time.
    pub every: usize,
}

/// What the connections share.
#[derive(Debug)]
struct Shared {
    target: Mutex<SocketAddr>,
    weather: watch::Sender<Weather>,
    /// Counts cuts: a link that was there before one ends.
    cuts: watch::Sender<usize>,
    trap: Mutex<Option<(Trap, usize)>>,
    sprung: watch::Sender<usize>,
}

/// A running proxy. Dropped, it closes every connection and is gone.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Bound and never listening: it keeps the port ours while nobody listens on it.
    _port: Socket,
}

impl Proxy {
    /// Stands before `target`.
    ///
    /// # Panics
    /// When there is no free port or no thread: then no test can run.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test without its proxy cannot go on")]
    pub fn before(target: SocketAddr) -> Self {
        let port = bound(0).expect("a free port on the loopback interface");
        let address =
            port.local_addr().ok().and_then(|address| address.as_socket()).expect("a bound socket has one");
        let shared = Arc::new(Shared {
            target: Mutex::new(target),
            weather: watch::Sender::new(Weather::Fair),
            cuts: watch::Sender::new(0),
            trap: Mutex::new(None),
            sprung: watch::Sender::new(0),
        });
        let (stop, stopped) = oneshot::channel();
        let (of_thread, listening) = (Arc::clone(&shared), std::sync::mpsc::channel());
        let thread = std::thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(move || serve(address.port(), &of_thread, stopped, &listening.0))
            .expect("a thread");
        listening.1.recv().expect("the proxy listens");
        Self { shared, address, stop: Some(stop), thread: Some(thread), _port: port }
    }

    /// Where clients connect to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes how connections are treated, those that are open too.
    pub fn weather(&self, weather: Weather) {
        self.shared.weather.send_replace(weather);
    }

    /// Resets what is open; new connections are treated as before.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// New connections go to another server.
    pub fn aim(&self, target: SocketAddr) {
        *self.shared.target.lock().unwrap_or_else(PoisonError::into_inner) = target;
    }

    /// Sets a trap, or takes it away. Answers how often the one before was sprung.
    pub fn trap(&self, trap: Option<Trap>) -> usize {
        *self.shared.trap.lock().unwrap_or_else(PoisonError::into_inner) = trap.map(|trap| (trap, 0));
        self.shared.sprung.send_replace(0)
    }

    /// Waits until the trap was sprung so often.
    pub async fn sprung(&self, times: usize) {
        // The sender is ours.
        let _ = self.shared.sprung.subscribe().wait_for(|sprung| *sprung >= times).await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Shared {
    /// Whether the trap snaps at what passes now.
    fn snaps(&self, passing: &[u8]) -> Option<ResetAt> {
        let mut set = self.trap.lock().unwrap_or_else(PoisonError::into_inner);
        let (trap, passed) = set.as_mut()?;
        if !passing.windows(trap.word.len()).any(|window| window == trap.word) {
            return None;
        }
        *passed += 1;
        if (*passed - 1) % trap.every.max(1) != 0 {
            return None;
        }
        Some(trap.at)
    }

    fn target(&self) -> SocketAddr {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bound(port: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    // Two sockets on one port: the one that keeps it, and the one that listens.
    socket.set_reuse_port(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    Ok(socket)
}

fn listen(port: u16) -> io::Result<tokio::net::TcpListener> {
    let socket = bound(port)?;
    socket.listen(1024)?;
    socket.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(TcpListener::from(socket))
}

fn serve(
    port: u16,
    shared: &Arc<Shared>,
    stopped: oneshot::Receiver<()>,
    listening: &std::sync::mpsc::Sender<()>,
) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return;
    };
    runtime.block_on(async {
        tokio::select! {
            _ = stopped => {}
            _ = accept(port, shared, listening) => {}
        }
    });
}

async fn accept(port: u16, shared: &Arc<Shared>, listening: &std::sync::mpsc::Sender<()>) -> io::Result<()> {
    let mut weather = shared.weather.subscribe();
    // Dropped with everything in it when the proxy is stopped.
    let mut links = JoinSet::new();
    loop {
        let listener = listen(port)?;
        listening.send(()).ok();
        while *weather.borrow_and_update() != Weather::Refuse {
            tokio::select! {
                accepted = listener.accept() => {
                    let link = Link::new(Arc::clone(shared));
                    // Subscribed here, so that a cut that follows the connection is not missed.
                    if let Ok((client, _)) = accepted {
                        links.spawn(link.run(client));
                    }
                }
                _ = weather.changed() => {}
                Some(_) = links.join_next() => {}
            }
        }
        drop(listener);
        while *weather.borrow_and_update() == Weather::Refuse {
            tokio::select! {
                _ = weather.changed() => {}
                Some(_) = links.join_next() => {}
            }
        }
    }
}
