//! The model that is always there: offline, deterministic, and honest about being a demo.

mod words;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use maru_domain::turns::ports::{ChatModel, Finish, ModelError, Piece, Pieces};
use maru_domain::turns::{Prompt, Usage};
use std::time::Duration;

/// Answers from a few rules, word by word. The text depends on the prompt alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Demo {
    delay: Duration,
}

impl Demo {
    /// Waits `delay` before each word, to show streaming; without a delay every word is there at once.
    #[must_use]
    pub const fn new(delay: Duration) -> Self {
        Self { delay }
    }
}

#[async_trait]
impl ChatModel for Demo {
    async fn reply(&self, prompt: Prompt) -> Result<Pieces, ModelError> {
        // In a guided conversation it says what the step says: it has no better words.
        let text = prompt.template.clone().unwrap_or_else(|| words::answer(&prompt));
        let read = prompt.system.iter().chain(prompt.messages.iter().map(|said| &said.content));
        let usage =
            Usage { input_tokens: count(read.map(String::as_str)), output_tokens: count([text.as_str()]) };
        let words: Vec<Piece> =
            text.split_inclusive(char::is_whitespace).map(|word| Piece::Text(word.to_owned())).collect();
        let pieces = stream::iter(
            words.into_iter().chain([Piece::End { finish: Finish::Stop, usage: Some(usage) }]).map(Ok),
        );
        if self.delay.is_zero() {
            return Ok(pieces.boxed());
        }
        let delay = self.delay;
        let slowly = pieces.then(move |piece| async move {
            tokio::time::sleep(delay).await;
            piece
        });
        Ok(slowly.boxed())
    }
}

fn count<'a>(texts: impl IntoIterator<Item = &'a str>) -> i64 {
    let words: usize = texts.into_iter().map(|text| text.split_whitespace().count()).sum();
    i64::try_from(words).unwrap_or(i64::MAX)
}
