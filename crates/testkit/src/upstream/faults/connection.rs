//! Faults before there is an answer.

use super::{Fault, FaultEnd, Pace, Partial, Place};
use crate::upstream::{Act, Script};
use maru_domain::turns::ports::ModelFault;

pub(super) fn faults(pace: Pace) -> Vec<Fault> {
    vec![
        elsewhere("connect-refused", Place::Refused, ModelFault::Unreachable),
        elsewhere("connect-blackhole", Place::Blackhole, ModelFault::TimedOut),
        elsewhere("tls-garbage", Place::Tls, ModelFault::Unreachable),
        Fault::early("close-before-head", ModelFault::Failing, 3, Script::nothing().close()),
        Fault::early("reset-before-head", ModelFault::Failing, 3, Script::nothing().reset()),
        Fault::early("head-never", ModelFault::TimedOut, 1, Script::nothing().stall()),
        Fault::early(
            "head-late",
            ModelFault::TimedOut,
            1,
            Script::nothing().wait(pace.first_token * 2).raw("HTTP/1.1 200 OK\r\n\r\n"),
        ),
        Fault::early("head-byte-by-byte", ModelFault::TimedOut, 1, dribbled(pace)),
        Fault::early(
            "head-is-not-http",
            ModelFault::Malformed,
            1,
            Script::nothing().raw("SSH-2.0-OpenSSH_9.2\r\n\r\n").close(),
        ),
        Fault::early("head-huge", ModelFault::Malformed, 1, huge()),
    ]
}

/// A fault of which the scripted provider sees no call.
fn elsewhere(name: &'static str, place: Place, fault: ModelFault) -> Fault {
    let end = FaultEnd::Failed { fault, partial: Partial::Is(String::new()) };
    Fault { place, ..Fault::new(name, vec![Script::reply("nobody hears this")], 0, end) }
}

/// A head that takes twice as long as is waited for a first token.
fn dribbled(pace: Pace) -> Script {
    let head = format!("HTTP/1.1 200 OK\r\nx-slow: {}\r\n\r\n", "z".repeat(60));
    let every = pace.first_token * 2 / u32::try_from(head.len()).unwrap_or(1);
    Script::nothing().act(Act::Dribble { bytes: head.as_bytes().into(), every })
}

/// A megabyte of headers.
fn huge() -> Script {
    let headers: String = (0..64).map(|n| format!("x-{n}: {}\r\n", "z".repeat(16 * 1024))).collect();
    Script::nothing().raw(format!("HTTP/1.1 200 OK\r\n{headers}\r\n")).close()
}
