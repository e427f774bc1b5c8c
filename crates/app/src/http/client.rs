//! Who is at the other end: the address, behind proxies that are trusted.

use super::State;
use actix_web::{HttpRequest, web};
use std::net::{IpAddr, SocketAddr};

/// The client's address. `X-Forwarded-For` counts only from a trusted proxy, and of it only the
/// last entry that is not a trusted proxy itself: everything before it the client can invent.
pub fn address(request: &HttpRequest) -> String {
    let Some(peer) = request.peer_addr().map(|peer| peer.ip().to_canonical()) else {
        return "unknown".to_owned();
    };
    let trusted = request.app_data::<web::Data<State>>().map(|state| state.trusted_proxies.as_slice());
    let trusted = trusted.unwrap_or_default();
    if !trusted.contains(&peer) {
        return peer.to_string();
    }
    let headers =
        request.headers().get_all("x-forwarded-for").map(|value| value.to_str().unwrap_or_default());
    let entries: Vec<&str> = headers.flat_map(|value| value.split(',')).collect();
    let mut hops =
        entries.into_iter().rev().map(hop).skip_while(|hop| hop.is_some_and(|hop| trusted.contains(&hop)));
    // An entry that cannot be read ends the search: what stands before it is nobody's word.
    hops.next().flatten().unwrap_or(peer).to_string()
}

/// Some proxies write the port, too.
fn hop(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let address = entry.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

/// Whether the client speaks HTTPS: maru itself does not, so only a proxy that is trusted can tell.
pub fn is_https(request: &HttpRequest) -> bool {
    let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
    let state = request.app_data::<web::Data<State>>();
    let trusted = peer.is_some_and(|peer| state.is_some_and(|state| state.trusted_proxies.contains(&peer)));
    let protocol = request.headers().get("x-forwarded-proto").and_then(|protocol| protocol.to_str().ok());
    trusted && protocol.is_some_and(|protocol| protocol.trim().eq_ignore_ascii_case("https"))
}
