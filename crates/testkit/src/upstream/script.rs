//! What the provider does in one call.

use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// One step of a script.
#[derive(Clone, Debug)]
pub enum Act {
    /// Writes these bytes as they are.
    Write(Arc<[u8]>),
    /// Writes these bytes so often, waiting between two of them.
    Repeat {
        /// The bytes.
        bytes: Arc<[u8]>,
        /// How often; `u64::MAX` is for ever.
        times: u64,
        /// The time from one to the next; zero: as fast as the client reads.
        every: Duration,
    },
    /// Writes these bytes one by one.
    Dribble {
        /// The bytes.
        bytes: Arc<[u8]>,
        /// The time from one byte to the next.
        every: Duration,
    },
    /// Says [`token`] 0, 1, 2 … in chunks of a stream.
    Tokens {
        /// How many.
        count: u64,
        /// The time from one to the next, kept on average; zero: as fast as the client reads.
        every: Duration,
    },
    /// Does nothing for so long.
    Wait(Duration),
    /// Does nothing until the client closes.
    Stall,
    /// Closes with FIN. A script that ends without [`Act::Next`] closes, too.
    Close,
    /// Closes with RST.
    Reset,
    /// The answer is whole: waits for the next request on the connection.
    Next,
}

/// The steps of one call. Built up from the left:
/// `Script::stream().say("Hello").wait(second).say(" you").finish("stop").done().end()`.
#[derive(Clone, Debug, Default)]
pub struct Script {
    acts: Vec<Act>,
}

/// One chunk of a stream that says `text`, as JSON.
#[must_use]
pub fn chunk(text: &str) -> String {
    chunk_of(&json!({ "content": text }), None)
}

fn chunk_of(delta: &serde_json::Value, finish: Option<&str>) -> String {
    json!({
        "id": "chatcmpl-upstream", "object": "chat.completion.chunk", "created": 1_795_000_000, "model": "upstream",
        "choices": [{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }], "usage": null,
    })
    .to_string()
}

/// The text of token number `n` of [`Script::tokens`].
#[must_use]
pub fn token(n: u64) -> String {
    format!("token{n} ")
}

/// Bytes in one frame of chunked transfer coding.
pub(super) fn framed(bytes: &[u8]) -> Vec<u8> {
    let mut frame = format!("{:x}\r\n", bytes.len()).into_bytes();
    frame.extend_from_slice(bytes);
    frame.extend_from_slice(b"\r\n");
    frame
}

impl Script {
    /// Nothing yet: not even a head.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }

    /// The head of an event stream, in chunked transfer coding.
    #[must_use]
    pub fn stream() -> Self {
        Self::head(200, &[("content-type", "text/event-stream"), ("transfer-encoding", "chunked")])
    }

    /// A whole good reply: `text` word by word, its end, its usage, `[DONE]`.
    #[must_use]
    pub fn reply(text: &str) -> Self {
        let words: Vec<_> = text.split_inclusive(' ').collect();
        let said = words.iter().fold(Self::stream().role(), |script, word| script.say(word));
        said.finish("stop").usage(words.len(), words.len()).done().end()
    }

    /// A whole good reply of `count` [`token`]s, so many a second (0: as fast as it goes).
    #[must_use]
    pub fn tokens(count: u64, per_second: u32) -> Self {
        let every = if per_second == 0 { Duration::ZERO } else { Duration::from_secs(1) / per_second };
        let usage = usize::try_from(count).unwrap_or(usize::MAX);
        Self::stream().role().act(Act::Tokens { count, every }).finish("stop").usage(1, usage).done().end()
    }

    /// The text of [`Script::tokens`].
    #[must_use]
    pub fn text_of_tokens(count: u64) -> String {
        (0..count).map(token).collect()
    }

    /// A head of an answer; the body follows by [`Script::raw`] or [`Script::frame`].
    #[must_use]
    pub fn head(status: u16, headers: &[(&str, &str)]) -> Self {
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        Self::nothing().raw(format!("HTTP/1.1 {status} Scripted\r\n{lines}\r\n"))
    }

    /// A whole answer with a body.
    #[must_use]
    pub fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let length = body.len().to_string();
        let headers: Vec<_> = headers.iter().copied().chain([("content-length", length.as_str())]).collect();
        Self::head(status, &headers).raw(body).act(Act::Next)
    }

    /// A whole JSON answer in OpenAI's error format.
    #[must_use]
    pub fn error(status: u16, headers: &[(&str, &str)]) -> Self {
        let headers: Vec<_> = headers.iter().copied().chain([("content-type", "application/json")]).collect();
        let body = json!({ "error": { "message": format!("scripted {status}"), "type": "scripted", "param": null, "code": null } });
        Self::answer(status, &headers, &body.to_string())
    }

    /// A whole JSON answer, as a server that does not stream gives it.
    #[must_use]
    pub fn completion(text: &str) -> Self {
        let body = json!({
            "id": "chatcmpl-upstream", "object": "chat.completion", "created": 1_795_000_000, "model": "upstream",
            "choices": [{ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7 },
        });
        Self::answer(200, &[("content-type", "application/json")], &body.to_string())
    }

    /// One more step.
    #[must_use]
    pub fn act(mut self, act: Act) -> Self {
        self.acts.push(act);
        self
    }

    /// Bytes as they are.
    #[must_use]
    pub fn raw(self, bytes: impl AsRef<[u8]>) -> Self {
        self.act(Act::Write(bytes.as_ref().into()))
    }

    /// Bytes in one frame of the stream.
    #[must_use]
    pub fn frame(self, bytes: impl AsRef<[u8]>) -> Self {
        let frame = framed(bytes.as_ref());
        self.raw(frame)
    }

    /// One event of the stream.
    #[must_use]
    pub fn event(self, data: &str) -> Self {
        self.frame(format!("data: {data}\n\n"))
    }

    /// The same event so often (`u64::MAX`: for ever), waiting `every` between two (zero: as fast as the
    /// client reads).
    #[must_use]
    pub fn repeat(self, data: &str, times: u64, every: Duration) -> Self {
        self.act(Act::Repeat { bytes: framed(format!("data: {data}\n\n").as_bytes()).into(), times, every })
    }

    /// The chunk with the role, with which OpenAI's streams begin.
    #[must_use]
    pub fn role(self) -> Self {
        self.event(&chunk_of(&json!({ "role": "assistant", "content": "", "refusal": null }), None))
    }

    /// A chunk of text.
    #[must_use]
    pub fn say(self, text: &str) -> Self {
        self.event(&chunk(text))
    }

    /// The chunk with the reason of the end.
    #[must_use]
    pub fn finish(self, reason: &str) -> Self {
        self.event(&chunk_of(&json!({}), Some(reason)))
    }

    /// The chunk with the usage.
    #[must_use]
    pub fn usage(self, input: usize, output: usize) -> Self {
        let usage = json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input.saturating_add(output) });
        self.event(&json!({ "object": "chat.completion.chunk", "choices": [], "usage": usage }).to_string())
    }

    /// `[DONE]`.
    #[must_use]
    pub fn done(self) -> Self {
        self.event("[DONE]")
    }

    /// The end of the chunked transfer coding; the connection stays.
    #[must_use]
    pub fn end(self) -> Self {
        self.raw("0\r\n\r\n").act(Act::Next)
    }

    /// A pause.
    #[must_use]
    pub fn wait(self, pause: Duration) -> Self {
        self.act(Act::Wait(pause))
    }

    /// Nothing more until the client closes.
    #[must_use]
    pub fn stall(self) -> Self {
        self.act(Act::Stall)
    }

    /// FIN.
    #[must_use]
    pub fn close(self) -> Self {
        self.act(Act::Close)
    }

    /// RST.
    #[must_use]
    pub fn reset(self) -> Self {
        self.act(Act::Reset)
    }

    /// The steps.
    #[must_use]
    pub fn acts(&self) -> &[Act] {
        &self.acts
    }
}
