//! A question beside every room: the model answers as it does in a turn, behind the same guard, and
//! nothing of it is stored.

use super::ports::{Finish, ModelError, ModelFault, Piece, Pieces};
use super::{
    Prompt, PromptMessage, PromptSource, Turn, TurnError, TurnEvent, TurnEventId, TurnOptions, TurnStatus,
    TurnView, Turns,
};
use crate::error::{Fault, codes};
use crate::ids::{MessageId, RoomId, TurnId};
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use std::sync::Arc;
use std::time::Duration;

/// A question that nothing is stored of.
#[derive(Clone, Debug, Default)]
pub struct Aside {
    /// Who is asked; the server's own model when nobody is named.
    pub model: Option<String>,
    /// What the model is told first, may be empty.
    pub system_prompt: String,
    /// What was said, oldest first; the last is to be answered.
    pub said: Vec<PromptMessage>,
    /// What else is asked.
    pub options: TurnOptions,
}

impl Turns {
    /// Asks a model and answers a turn that is nowhere stored, with its events. Whoever drops them
    /// stops the model: nobody could come back for the rest.
    ///
    /// # Errors
    /// `UNKNOWN_MODEL` or `DRAINING`.
    pub fn aside(&self, aside: Aside) -> Result<(Turn, BoxStream<'static, TurnEvent>), Fault> {
        if self.engine.is_draining() {
            return Err(Fault::new(&codes::DRAINING).retry_after(Duration::from_secs(1)));
        }
        let ports = &self.engine.ports;
        let model = ports.models.resolve(aside.model.as_deref());
        let model = model.ok_or_else(|| Fault::new(&codes::UNKNOWN_MODEL))?;
        let turn = Turn {
            id: TurnId(self.ids.next()),
            room_id: RoomId(self.ids.next()),
            status: TurnStatus::Pending,
            message_id: MessageId(self.ids.next()),
            reply_id: MessageId(self.ids.next()),
            position: 1,
            model: ports.models.full_name(aside.model.as_deref()),
            usage: None,
            error: None,
            finish: None,
            attempt: 1,
            fence: 1,
            cancel_requested: false,
            withdraw_on_failure: false,
            options: aside.options.clone(),
            created_at: ports.clock.now(),
            finished_at: None,
        };
        let prompt = self.prompt_of(aside, &turn);
        let speaking = Speaking {
            turn: turn.clone(),
            clock: Arc::clone(&ports.clock),
            asking: Some(async move { model.reply(prompt).await }.boxed()),
            pieces: None,
            text: String::new(),
            deltas: 0,
            end: None,
            over: false,
        };
        let events = stream::unfold(speaking, |mut speaking| async move {
            let event = speaking.next().await?;
            Some((event, speaking))
        });
        Ok((turn, events.boxed()))
    }

    fn prompt_of(&self, aside: Aside, turn: &Turn) -> Prompt {
        let source = PromptSource {
            room_id: turn.room_id,
            system_prompt: aside.system_prompt,
            model: aside.model,
            messages: aside.said,
            thread: None,
            options: aside.options,
        };
        source.within(turn.id, self.engine.settings.budget)
    }
}

/// A reply that nobody but its one reader hears.
struct Speaking {
    turn: Turn,
    clock: Arc<dyn crate::clock::Clock>,
    asking: Option<futures_util::future::BoxFuture<'static, Result<Pieces, ModelError>>>,
    pieces: Option<Pieces>,
    text: String,
    deltas: u64,
    end: Option<Result<(Finish, Option<super::Usage>), ModelError>>,
    over: bool,
}

impl Speaking {
    async fn next(&mut self) -> Option<TurnEvent> {
        if self.over {
            return None;
        }
        if let Some(asking) = self.asking.take() {
            match asking.await {
                Ok(pieces) => self.pieces = Some(pieces),
                Err(error) => self.end = Some(Err(error)),
            }
        }
        if self.end.is_none() {
            let told = self.listen().await;
            if !told.is_empty() {
                self.deltas += 1;
                let id = TurnEventId { turn: self.turn.id, fence: self.turn.fence, n: self.deltas };
                return Some(TurnEvent::Delta { id, text: told });
            }
        }
        self.over = true;
        self.pieces = None;
        Some(TurnEvent::Done(Box::new(self.ended())))
    }

    /// The text that is there, as soon as there is some; empty at the end.
    async fn listen(&mut self) -> String {
        let mut told = String::new();
        let Some(pieces) = &mut self.pieces else { return told };
        let mut piece = pieces.next().await;
        loop {
            match piece {
                Some(Ok(Piece::Text(text))) => told.push_str(&text.replace('\0', "\u{fffd}")),
                Some(Ok(Piece::End { finish, usage })) => self.end = Some(Ok((finish, usage))),
                Some(Err(error)) => self.end = Some(Err(error)),
                None => {
                    let cut = ModelError::new(ModelFault::Truncated, "the stream stopped without an end");
                    self.end = Some(Err(cut));
                }
            }
            if self.end.is_some() {
                break;
            }
            piece = if told.is_empty() {
                pieces.next().await
            } else {
                // What is there already goes along.
                match pieces.next().now_or_never() {
                    Some(piece) => piece,
                    None => break,
                }
            };
        }
        self.text.push_str(&told);
        told
    }

    fn ended(&mut self) -> TurnView {
        let mut turn = self.turn.clone();
        turn.finished_at = Some(self.clock.now());
        let end = match self.end.take() {
            Some(Ok((Finish::ContentFilter, _))) if self.text.is_empty() => {
                Err(ModelError::new(ModelFault::Refused, "content filter"))
            }
            Some(Ok(_)) if self.text.is_empty() => {
                Err(ModelError::new(ModelFault::Malformed, "an empty reply"))
            }
            Some(end) => end,
            None => Err(ModelError::new(ModelFault::Truncated, "no end")),
        };
        match end {
            Ok((finish, usage)) => {
                turn.status = TurnStatus::Completed;
                turn.finish = Some(finish);
                turn.usage = usage;
            }
            Err(error) => {
                tracing::warn!(code = error.fault.code(), detail = %error.detail, "the model failed");
                turn.status = TurnStatus::Failed;
                turn.error = Some(TurnError {
                    code: error.fault.code().to_owned(),
                    detail: error.fault.text().to_owned(),
                });
            }
        }
        TurnView { turn, reply: std::mem::take(&mut self.text), quote: None }
    }
}
