//! Options of accepted sockets. A reader that stops reading would otherwise hold megabytes of kernel
//! memory for ever, and actix would not notice.

use crate::http::Connection;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use socket2::{SockRef, TcpKeepalive};
use std::any::Any;
use std::time::Duration;

/// Bounds what one stopped reader holds; ample for streams and pages.
const SEND_BUFFER: usize = 64 * 1024;
/// Data that is not taken for so long ends the connection.
#[cfg(target_os = "linux")]
const PATIENCE: Duration = Duration::from_secs(30);

/// Sets the options. One that the system refuses is done without.
pub fn set_options(connection: &dyn Any, extensions: &mut Extensions) {
    let Some(stream) = connection.downcast_ref::<TcpStream>() else { return };
    let socket = SockRef::from(stream);
    let _ = socket.set_send_buffer_size(SEND_BUFFER);
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_user_timeout(Some(PATIENCE));
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(Duration::from_secs(60)));
    if let Some(connection) = Connection::of(&socket) {
        extensions.insert(connection);
    }
}
