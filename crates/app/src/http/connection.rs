//! The connection under a request, for the one case in which it must go: a reader that takes a little
//! now and then would hold its stream for ever, and actix cannot be told to give up.

use socket2::{SockRef, Socket};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

/// A second handle on a connection's socket.
#[derive(Clone)]
pub struct Connection(Arc<Socket>);

impl Connection {
    /// The connection of this socket, unless the system has no handle left.
    pub fn of(socket: &SockRef<'_>) -> Option<Self> {
        Some(Self(Arc::new(socket.try_clone().ok()?)))
    }

    /// Ends the connection at once, and throws away what was not taken.
    pub fn cut(&self) {
        let _ = self.0.set_linger(Some(Duration::ZERO));
        let _ = self.0.shutdown(Shutdown::Both);
    }
}
