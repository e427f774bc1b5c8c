//! How a run ends its turn: the end is committed, and only then told; or the turn is left to another.

use super::Run;
use crate::error::StoreError;
use crate::events::ports::Notice;
use crate::fail_point;
use crate::quotes::Quote;
use crate::turns::away::interrupted_error;
use crate::turns::ports::{Ended, Ending, Finish, ModelError, ModelFault};
use crate::turns::registry::{Settled, SettledVersion};
use crate::turns::{TurnError, TurnStatus, TurnView};
use std::error::Error;

impl Run {
    pub(super) async fn end_of_reply(&mut self) -> bool {
        match self.transcript.end {
            // The provider withheld everything: that is a failure, not an empty answer.
            Some((Finish::ContentFilter, _)) if self.transcript.is_empty() => {
                self.end_of_failure(ModelError::new(ModelFault::Refused, "content filter")).await
            }
            Some(_) if self.transcript.is_empty() => {
                self.end_of_failure(ModelError::new(ModelFault::Malformed, "an empty reply")).await
            }
            _ => self.end(TurnStatus::Completed, None, false).await,
        }
    }

    pub(super) async fn end_of_failure(&mut self, error: ModelError) -> bool {
        tracing::warn!(code = error.fault.code(), detail = %error.detail, "the model failed");
        let withdraw = self.claimed.turn.withdraw_on_failure;
        let error = TurnError { code: error.fault.code().to_owned(), detail: error.fault.text().to_owned() };
        self.end(TurnStatus::Failed, Some(error), withdraw).await
    }

    /// Commits the end, and only then tells anybody.
    pub(super) async fn end(&mut self, status: TurnStatus, error: Option<TurnError>, withdraw: bool) -> bool {
        let ending = Ending {
            turn: self.id(),
            fence: self.claimed.turn.fence,
            status,
            text: std::mem::take(&mut self.transcript.text),
            model: self.claimed.turn.model.clone(),
            usage: self.transcript.end.and_then(|(_, usage)| usage),
            finish: self.transcript.end.map(|(finish, _)| finish),
            error,
            quote: self.quote.take().filter(|_| status == TurnStatus::Completed),
            withdraw,
            now: self.engine.ports.clock.now(),
        };
        fail_point!("turn.before_final_commit");
        let (text, quote) = (ending.text.clone(), ending.quote.clone());
        match self.engine.patiently(|| self.engine.ports.store.finish(ending.clone())).await {
            Ok(Some(ended)) => {
                fail_point!("turn.after_final_commit");
                self.tell(ended, text, quote, withdraw).await
            }
            Ok(None) => self.give_up().await,
            Err(error @ (StoreError::Internal(_) | StoreError::Conflict(_))) => {
                tracing::error!(error = &error as &dyn Error, "the store refuses the end of the turn");
                self.engine.end_as_broken(self.claimed.turn.clone()).await
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn Error,
                    "could not store the end of the turn; it will be taken over"
                );
                self.give_up().await
            }
        }
    }

    async fn tell(&mut self, ended: Ended, text: String, quote: Option<Quote>, withdrawn: bool) -> bool {
        // Readers get the rest as a delta before the end, so that deltas alone are the whole text.
        self.transcript.text = text;
        self.publish().await;
        let (id, room, status) = (self.id(), ended.turn.room_id, ended.turn.status);
        let settled = if withdrawn {
            Settled::Withdrawn(Box::new(ended.turn))
        } else {
            let reply = std::mem::take(&mut self.transcript.text);
            let version =
                SettledVersion { room_version: ended.room_version, own_writes: self.own_writes + 1 };
            Settled::Ended {
                view: Box::new(TurnView { turn: ended.turn, reply, quote }),
                version: Some(version),
            }
        };
        self.engine.ports.buffer.close(id, self.claimed.turn.fence).await;
        self.engine.registry.settle(id, Some(settled));
        self.engine.ports.bus.publish(Notice::Room { room, seq: ended.last_seq }).await;
        metrics::counter!("maru_turns_total", "status" => status.as_str()).increment(1);
        tracing::info!(status = status.as_str(), "turn ended");
        fail_point!("turn.after_done");
        ended.queued
    }

    /// The server stops: a turn without text goes back, one with text ends here.
    pub(super) async fn hand_over(&mut self) -> bool {
        if self.claimed.turn.status == TurnStatus::Pending && self.transcript.is_empty() {
            let released = self.engine.ports.store.release(self.id(), self.claimed.turn.fence).await;
            if let Err(error) = released {
                tracing::warn!(
                    error = &error as &dyn Error,
                    "could not give the turn back; its lease will expire"
                );
            }
            self.engine.ports.buffer.close(self.id(), self.claimed.turn.fence).await;
            self.engine.registry.settle(self.id(), None);
            return false;
        }
        self.end(TurnStatus::Interrupted, Some(interrupted_error()), false).await
    }

    /// Somebody else has the turn, or it is gone: stop without a word to the store.
    pub(super) async fn give_up(&mut self) -> bool {
        let id = self.id();
        self.engine.ports.buffer.close(id, self.claimed.turn.fence).await;
        let stored = self.engine.ports.store.find(id).await;
        let settled = match stored {
            Ok(None) => Some(Settled::Gone),
            Ok(Some(view)) if view.turn.status.is_terminal() => {
                Some(Settled::Ended { view: Box::new(view), version: None })
            }
            Ok(Some(_)) | Err(_) => None,
        };
        self.engine.registry.settle(id, settled);
        // Whoever ended the turn may have been unable to see who waits behind it.
        true
    }
}
