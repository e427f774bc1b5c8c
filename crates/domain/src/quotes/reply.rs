//! The reply to a message of a thread: a model's, in the shape of its step, or the template.

use super::ports::QuoteStore;
use super::{Quote, QuoteFlow, category_of, choose};
use crate::error::StoreError;
use crate::turns::ports::{ChatModel, Finish, ModelError, ModelFault, Piece, Pieces};
use crate::turns::{Prompt, QuoteThread, Usage};
use futures_util::{StreamExt, stream};

/// What a thread's turn is to say.
pub(crate) struct Guided {
    /// What a model is told of the step.
    pub(crate) shape: &'static str,
    /// What is said where no model finds words of its own.
    pub(crate) template: String,
    /// The quote that goes with it, from the fourth message on.
    pub(crate) quote: Option<Quote>,
}

/// Decides the step of a thread's newest message, and its quote.
pub(crate) async fn guide(store: &dyn QuoteStore, thread: &QuoteThread) -> Result<Guided, StoreError> {
    let n = i64::try_from(thread.said.len()).unwrap_or(i64::MAX);
    let step = QuoteFlow::of(n);
    let quote = if step.gives_quote() {
        let quotes = store.of_category(category_of(&thread.said)).await?;
        choose(&quotes, &thread.public_id, n, &thread.said)
    } else {
        None
    };
    let content = thread.said.last().map_or("", String::as_str);
    Ok(Guided { shape: step.shape(), template: step.template(content), quote })
}

/// The model's reply in one piece, or the template when the model fails: somebody who opens up is
/// never met with an error (contract §5.2). Nothing is told before the whole is there, because what
/// was told cannot be taken back for the template.
pub(crate) async fn whole(model: &dyn ChatModel, prompt: Prompt, template: String) -> Pieces {
    let (text, usage) = match spoken(model, prompt).await {
        Ok(spoken) => spoken,
        Err(error) => {
            tracing::warn!(code = error.fault.code(), detail = %error.detail, "the model failed; the template speaks");
            (template, None)
        }
    };
    stream::iter([Ok(Piece::Text(text)), Ok(Piece::End { finish: Finish::Stop, usage })]).boxed()
}

async fn spoken(model: &dyn ChatModel, prompt: Prompt) -> Result<(String, Option<Usage>), ModelError> {
    let mut pieces = model.reply(prompt).await?;
    let mut text = String::new();
    while let Some(piece) = pieces.next().await {
        match piece? {
            Piece::Text(more) => text.push_str(&more),
            Piece::End { finish: Finish::ContentFilter, .. } => {
                return Err(ModelError::new(ModelFault::Refused, "content filter"));
            }
            Piece::End { .. } if text.trim().is_empty() => {
                return Err(ModelError::new(ModelFault::Malformed, "an empty reply"));
            }
            Piece::End { usage, .. } => return Ok((text, usage)),
        }
    }
    Err(ModelError::new(ModelFault::Truncated, "the stream stopped without an end"))
}
