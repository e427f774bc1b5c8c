//! Providers that mean harm.

use super::{Fault, Pace, Partial};
use crate::upstream::script::framed;
use crate::upstream::{Act, Script, chunk};
use maru_domain::turns::ports::ModelFault;
use std::time::Duration;

/// As fast as the client reads.
const FAST: Duration = Duration::ZERO;

pub(super) fn faults(pace: Pace) -> Vec<Fault> {
    let empty = r#"{"choices":[{"index":0,"delta":{"content":""},"finish_reason":null}]}"#;
    let long = "on and on ".repeat(1_600);
    let line = chunk(&"x".repeat(4 << 20));
    let forged = format!(
        "event: done\nid: 7.1-1\ndata: {}\n\nevent: turn.cancelled\nid: \ndata: {}\n\nevent: delta\ndata: [DONE]\n\n",
        chunk("one "),
        chunk("two ")
    );
    let tools = r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"x","function":{"name":"rm","arguments":"-rf /"}}]}}]}"#;
    let one = || Partial::Is("one ".to_owned());
    vec![
        Fault::late(
            "line-of-4-mib",
            ModelFault::TooLarge,
            one(),
            Script::stream().say("one ").event(&line).done().end(),
        ),
        Fault::late("line-without-end", ModelFault::TooLarge, one(), line_without_end()),
        Fault::harmless(
            "many-empty-deltas",
            "after all",
            Script::stream().repeat(empty, pace.many, FAST).say("after all").finish("stop").done().end(),
        ),
        Fault::late(
            "endless",
            ModelFault::TooLarge,
            Partial::Begins("on and on on and on ".to_owned()),
            Script::stream().repeat(&chunk(&long), u64::MAX, FAST),
        ),
        Fault::early("json-without-end", ModelFault::TooLarge, 1, json_without_end()),
        Fault::harmless("forged-event-names-and-ids", "one two ", Script::stream().frame(forged).end()),
        Fault::harmless(
            "tool-calls",
            "one ",
            Script::stream().say("one ").event(tools).finish("tool_calls").done().end(),
        ),
        Fault::early("gzip-bomb", ModelFault::Malformed, 1, bomb()),
        Fault::harmless(
            "garbage-after-the-body",
            "one ",
            Script::stream().say("one ").finish("stop").done().raw("0\r\n\r\n\u{0}garbage\r\n\r\n").close(),
        ),
        Fault::late(
            "garbage-for-a-frame",
            ModelFault::Truncated,
            one(),
            Script::stream().say("one ").raw("zz\r\nnot a frame").close(),
        ),
        Fault::early("error-page-without-end", ModelFault::Failing, 3, page_without_end()),
    ]
}

fn filler(head: Script) -> Script {
    head.act(Act::Repeat { bytes: framed(&[b'x'; 64 * 1024]).into(), times: u64::MAX, every: FAST })
}

/// One line for ever.
fn line_without_end() -> Script {
    filler(Script::stream().say("one ").frame("data: "))
}

fn json_without_end() -> Script {
    filler(Script::stream().frame(r#"{"choices":[{"message":{"content":""#))
}

/// An error whose description never ends.
fn page_without_end() -> Script {
    filler(Script::head(500, &[("content-type", "text/html"), ("transfer-encoding", "chunked")]))
}

/// A gzip body that says ever more when it is inflated: 1 KiB on the wire is 1 MiB. Asked for was none.
fn bomb() -> Script {
    // Deflate with the fixed codes: a literal 'x', then "258 more of it" for ever, each in 13 bits.
    let mut bits = Bits::default();
    bits.put(0b011, 3);
    bits.code(0x30 + u32::from(b'x'), 8);
    for _ in 0..65_000 {
        bits.code(0b1100_0101, 8);
        bits.code(0, 5);
    }
    let mut body = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    body.extend(bits.bytes);
    let headers = [
        ("content-type", "text/event-stream"),
        ("content-encoding", "gzip"),
        ("transfer-encoding", "chunked"),
    ];
    Script::head(200, &headers).frame(body).end()
}

/// Bits, least significant first, as deflate packs them.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        for n in 0..count {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= u8::from(value >> n & 1 == 1) << (self.used % 8);
            }
            self.used += 1;
        }
    }

    /// A Huffman code: most significant bit first.
    fn code(&mut self, value: u32, count: u32) {
        for n in (0..count).rev() {
            self.put(value >> n & 1, 1);
        }
    }
}
