//! Who is at the other end: the address, behind proxies that are trusted.

use super::State;
use actix_web::{HttpRequest, web};
use std::net::IpAddr;

/// The client's address. `X-Forwarded-For` counts only from a trusted proxy, and of it only the
/// last entry that is not a trusted proxy itself: everything before it the client can invent.
pub fn address(request: &HttpRequest) -> String {
    let peer = request.peer_addr().map(|peer| peer.ip());
    let trusted = request.app_data::<web::Data<State>>().map(|state| state.trusted_proxies.as_slice());
    let trusted = trusted.unwrap_or_default();
    let Some(peer) = peer else { return "unknown".to_owned() };
    if !trusted.contains(&peer) {
        return peer.to_string();
    }
    let forwarded = request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
    let hops: Vec<IpAddr> =
        forwarded.flat_map(|value| value.split(',')).filter_map(|hop| hop.trim().parse().ok()).collect();
    hops.into_iter().rev().find(|hop| !trusted.contains(hop)).unwrap_or(peer).to_string()
}
