//! Streams that stop, stall, or end in another way than OpenAI's.

use super::{Fault, Pace, Partial};
use crate::upstream::{Act, Script, chunk};
use maru_domain::turns::ports::ModelFault;
use std::time::Duration;

/// What most of these have said before they fail.
const SAID: &str = "one two ";

fn two() -> Script {
    Script::stream().role().say("one ").say("two ")
}

fn said() -> Partial {
    Partial::Is(SAID.to_owned())
}

pub(super) fn faults(pace: Pace) -> Vec<Fault> {
    let mut faults = bodies();
    faults.extend(slow(pace));
    faults.extend(cut());
    faults.extend(ends());
    faults.extend(errors());
    faults.extend(framings());
    faults
}

/// Bodies of another kind than asked for.
fn bodies() -> Vec<Fault> {
    let page = "<!DOCTYPE html><html><body>502 Bad Gateway</body></html>";
    let json = [("content-type", "application/json")];
    let events = format!("data: {}\n\ndata: [DONE]\n\n", chunk("mislabelled"));
    vec![
        Fault::early(
            "html",
            ModelFault::Malformed,
            1,
            Script::answer(200, &[("content-type", "text/html; charset=utf-8")], page),
        ),
        Fault::early(
            "html-as-events",
            ModelFault::Malformed,
            1,
            Script::answer(200, &[("content-type", "text/event-stream")], page),
        ),
        Fault::early("empty-body", ModelFault::Truncated, 3, Script::answer(200, &[], "")),
        Fault::early("empty-stream", ModelFault::Truncated, 3, Script::stream().end()),
        Fault::harmless("json-instead-of-events", "all at once", Script::completion("all at once")),
        Fault::harmless("events-as-json", "mislabelled", Script::answer(200, &json, &events)),
        Fault::early(
            "json-of-something-else",
            ModelFault::Malformed,
            1,
            Script::answer(200, &json, r#"{"hello":"world"}"#),
        ),
        Fault::early(
            "json-cut-off",
            ModelFault::Malformed,
            1,
            Script::answer(200, &json, r#"{"choices":[{"message":{"con"#),
        ),
        Fault::early(
            "json-error-with-200",
            ModelFault::Failing,
            3,
            Script::answer(200, &json, r#"{"error":{"message":"broken","code":500}}"#),
        ),
    ]
}

/// Streams that keep one waiting.
fn slow(pace: Pace) -> Vec<Fault> {
    let most = |limit: Duration| limit.mul_f32(0.6);
    vec![
        Fault::early("first-token-never", ModelFault::TimedOut, 1, Script::stream().role().stall()),
        Fault::early("first-token-never-but-comments", ModelFault::TimedOut, 1, commenting(pace)),
        Fault::harmless(
            "first-token-late",
            "at last",
            Script::stream().role().wait(most(pace.first_token)).say("at last").finish("stop").done().end(),
        ),
        Fault::late(
            "second-chunk-never",
            ModelFault::TimedOut,
            Partial::Is("one ".to_owned()),
            Script::stream().role().say("one ").stall(),
        ),
        Fault::harmless(
            "pause-between-chunks",
            "one two ",
            Script::stream()
                .say("one ")
                .wait(most(pace.idle))
                .say("two ")
                .wait(most(pace.idle))
                .finish("stop")
                .done()
                .end(),
        ),
        Fault::late(
            "longer-than-the-total",
            ModelFault::TimedOut,
            Partial::Begins("on on on ".to_owned()),
            Script::stream().repeat(&chunk("on "), u64::MAX, pace.idle / 4),
        ),
        Fault::harmless("thinks-aloud-first", "so it is", thinking(pace)),
    ]
}

/// Comments for ever: the connection lives, the model does not.
fn commenting(pace: Pace) -> Script {
    let bytes = crate::upstream::script::framed(b": OPENROUTER PROCESSING\n\n").into();
    Script::stream().act(Act::Repeat { bytes, times: u64::MAX, every: pace.idle / 4 })
}

/// Reasoning for longer than a first token may take, with signs of life all the while.
fn thinking(pace: Pace) -> Script {
    let thought = r#"{"choices":[{"index":0,"delta":{"content":null,"reasoning_content":"hm"}}]}"#;
    let thoughts = Script::stream().role().repeat(thought, 8, pace.first_token.mul_f32(0.18));
    thoughts.say("so it is").finish("stop").done().end()
}

/// Streams that break off.
fn cut() -> Vec<Fault> {
    let moment = Duration::from_millis(20);
    vec![
        Fault::late("fin-after-two", ModelFault::Truncated, said(), two().close()),
        Fault::late("end-after-two", ModelFault::Truncated, said(), two().end()),
        Fault::late("rst-after-two", ModelFault::Truncated, said(), two().wait(moment).reset()),
        Fault::late(
            "fin-in-an-event",
            ModelFault::Truncated,
            said(),
            two().frame(r#"data: {"choices":[{"delta":{"content":"thr"#).close(),
        ),
        Fault::early("fin-before-first-token", ModelFault::Truncated, 3, Script::stream().role().close()),
        Fault::early(
            "rst-before-first-token",
            ModelFault::Truncated,
            3,
            Script::stream().role().wait(moment).reset(),
        ),
    ]
}

/// Streams that say that they have ended, one way or another.
fn ends() -> Vec<Fault> {
    let moment = Duration::from_millis(20);
    vec![
        Fault::harmless("done-without-finish", SAID, two().done().end()),
        Fault::harmless("finish-without-done", SAID, two().finish("stop").end()),
        Fault::harmless("finish-then-silence", SAID, two().finish("stop").stall()),
        Fault::harmless("finish-then-fin", SAID, two().finish("stop").close()),
        Fault::harmless("finish-then-rst", SAID, two().finish("stop").wait(moment).reset()),
        Fault::harmless("data-after-done", SAID, two().finish("stop").done().say("three").end()),
        Fault::harmless("text-after-finish", SAID, two().finish("stop").say("three").done().end()),
        Fault::harmless("two-dones", SAID, two().finish("stop").done().done().end()),
        Fault::harmless("finish-length", SAID, two().finish("length").done().end()),
        Fault::harmless("finish-content-filter", SAID, two().finish("content_filter").done().end()),
        Fault::harmless("finish-unknown", SAID, two().finish("because").done().end()),
        Fault::harmless("usage-only-chunk", SAID, two().finish("stop").usage(5, 2).done().end()),
        Fault::late("finish-error", ModelFault::Failing, said(), two().finish("error").done().end()),
    ]
}

/// Errors where text should be.
fn errors() -> Vec<Fault> {
    let error = r#"{"error":{"message":"the engine is on fire","type":"server_error","code":null}}"#;
    let limited = r#"{"error":{"message":"slow down","code":429}}"#;
    let bare = r#"{"object":"error","message":"out of memory","type":"InternalServerError","code":500}"#;
    vec![
        Fault::late("error-in-mid-stream", ModelFault::Failing, said(), two().event(error).close()),
        Fault::late(
            "error-and-goes-on",
            ModelFault::Failing,
            said(),
            two().event(error).say("three").finish("stop").done().end(),
        ),
        Fault::late(
            "named-error-event",
            ModelFault::Failing,
            said(),
            two().frame(format!("event: error\ndata: {error}\n\n")).close(),
        ),
        Fault::late("bare-error-in-mid-stream", ModelFault::Failing, said(), two().event(bare).close()),
        Fault::late("limited-in-mid-stream", ModelFault::RateLimited, said(), two().event(limited).close()),
        Fault::early("error-first", ModelFault::Failing, 3, Script::stream().event(error).end()),
        Fault::late(
            "invalid-json",
            ModelFault::Malformed,
            said(),
            two().event(r#"{"choices": [}"#).done().end(),
        ),
        Fault::late(
            "invalid-utf8",
            ModelFault::Malformed,
            said(),
            two().frame(b"data: {\"choices\":[{\"delta\":{\"content\":\"\xC3\x28\"}}]}\n\n").done().end(),
        ),
    ]
}

/// Streams that are right and look wrong.
fn framings() -> Vec<Fault> {
    let (one, two) = (chunk("one "), chunk("two "));
    let whole = |text: String| Script::stream().frame(text).end();
    let korean = "안녕하세요 🙂";
    let split = format!("data: {}\n\ndata: [DONE]\n\n", chunk(korean));
    let split = split.bytes().fold(Script::stream(), |script, byte| script.frame([byte]));
    // A JSON text on many lines: the parser puts a line feed between them.
    let many = one.replacen(',', ",\ndata: ", 3);
    vec![
        Fault::harmless("utf8-split-over-packets", korean, split.end()),
        Fault::harmless(
            "line-ends-crlf",
            SAID,
            whole(format!("data: {one}\r\n\r\ndata: {two}\r\n\r\ndata: [DONE]\r\n\r\n")),
        ),
        Fault::harmless(
            "line-ends-cr",
            SAID,
            whole(format!("data: {one}\r\rdata: {two}\r\rdata: [DONE]\r\r")),
        ),
        Fault::harmless(
            "byte-order-mark",
            SAID,
            whole(format!("\u{FEFF}data: {one}\n\ndata: {two}\n\ndata: [DONE]\n\n")),
        ),
        Fault::harmless(
            "comments",
            SAID,
            whole(format!(": hi\n\ndata: {one}\n: {{}}\n\n:\n:\n\ndata: {two}\n\n: bye\ndata: [DONE]\n\n")),
        ),
        Fault::harmless(
            "data-on-many-lines",
            SAID,
            whole(format!("data: {many}\n\ndata: {two}\n\ndata: [DONE]\n\n")),
        ),
        Fault::harmless(
            "no-space-after-colon",
            SAID,
            whole(format!("data:{one}\n\ndata:{two}\n\ndata:[DONE]\n\n")),
        ),
        Fault::harmless(
            "blank-lines-first",
            SAID,
            whole(format!("\r\n\n\n data\ndata: {one}\n\ndata: {two}\n\ndata: [DONE]\n\n")),
        ),
        Fault::harmless(
            "unknown-fields",
            SAID,
            whole(format!("x: y\nretry: soon\ndata: {one}\n\ndata: {two}\n\ndata: [DONE]\n\n")),
        ),
    ]
}
