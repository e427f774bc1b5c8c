//! What the person who starts the server sees first: where it listens, and a line to try it with.

use crate::settings::{Anonymous, Settings};
use std::io::Write;
use std::net::SocketAddr;

/// Prints the banner to standard output. Scripts rely on the line that begins with `listening on`.
pub fn print(settings: &Settings, address: SocketAddr, store: &str, redis: Option<&str>) {
    let mut out = std::io::stdout();
    // Nobody may be reading; `println!` would panic.
    let _ = writeln!(out, "{}", text(settings, address, store, redis)).and_then(|()| out.flush());
}

fn text(settings: &Settings, address: SocketAddr, store: &str, redis: Option<&str>) -> String {
    let url = format!("http://{}", reachable(address));
    let redis = redis.map(|redis| format!("\n  redis   {redis}")).unwrap_or_default();
    let model = &settings.llm.model;
    let demo =
        if model == "demo" { " (a stand-in that needs no model; choose another with --model)" } else { "" };
    let open = match settings.auth.anonymous {
        Anonymous::Loopback if !address.ip().is_loopback() => {
            "\n  note: others can reach this address, so nobody may come in without a token; \
             auth.anonymous = \"allow\" would let everybody use the contracts that have none"
        }
        Anonymous::Allow if !address.ip().is_loopback() => {
            "\n  note: auth.anonymous = \"allow\" lets everybody who reaches this address use the contracts without a token"
        }
        _ => "",
    };
    format!(
        "maru {version}\n\
         listening on {url}\n  \
         store   {store}{redis}\n  \
         model   {model}{demo}\n  \
         pages   {url}/\n  \
         docs    {url}/docs\n  \
         health  {url}/readyz{open}\n\n\
         Try it:\n\n\
         curl -s {url}/api/chats/ -H 'Content-Type: application/json' \\\n  \
         -H \"Authorization: Token $(curl -s {url}/api/register/ -H 'Content-Type: application/json' \\\n    \
         -d '{{\"username\":\"guest-'$(date +%s)'\",\"password\":\"a-long-password\"}}' | sed 's/.*\"token\":\"\\([^\"]*\\)\".*/\\1/')\" \\\n  \
         -d '{{\"content\":\"Hello! What can you do?\"}}'\n",
        version = env!("CARGO_PKG_VERSION"),
    )
}

/// An address that a client on this machine can use.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let loopback = if address.is_ipv4() { "127.0.0.1" } else { "::1" };
        if let Ok(ip) = loopback.parse() {
            return SocketAddr::new(ip, address.port());
        }
    }
    address
}
