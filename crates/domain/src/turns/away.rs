//! A store that is away, or refuses: turns end all the same.

use super::ports::Ending;
use super::registry::Settled;
use super::{Engine, Turn, TurnError, TurnStatus, TurnView};
use crate::error::StoreError;
use std::error::Error;
use std::time::Duration;

/// How long a store that is away is asked again. Then the lease has long expired, and whoever takes
/// the turn over ends it.
const STORE_TRIES: u32 = 60;
pub(super) const STORE_PAUSE: Duration = Duration::from_millis(500);
/// How long that is.
pub(super) const STORE_PATIENCE: Duration = STORE_PAUSE.saturating_mul(STORE_TRIES);

impl Engine {
    /// Asks the store again and again while it is away, for as long as it makes sense.
    pub(super) async fn patiently<T, A>(&self, mut ask: impl FnMut() -> A + Send) -> Result<T, StoreError>
    where
        A: Future<Output = Result<T, StoreError>> + Send,
    {
        let mut tries = 0;
        loop {
            match ask().await {
                Err(StoreError::Unavailable { .. }) if tries < STORE_TRIES => {
                    tries += 1;
                    self.ports.clock.sleep(STORE_PAUSE).await;
                }
                done => return done,
            }
        }
    }

    /// Ends a turn whose run could not go on by a fault of ours, which must not leave it without an
    /// end. What is stored of its text is kept.
    pub(super) async fn end_as_broken(&self, turn: Turn) -> bool {
        let settled = match self.patiently(|| self.ports.store.find(turn.id)).await {
            Ok(Some(view)) => self.finish_as_broken(&turn, view).await,
            Ok(None) => Some(Settled::Gone),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn Error,
                    "could not end a broken turn; it will be taken over"
                );
                None
            }
        };
        self.ports.buffer.close(turn.id, turn.fence).await;
        self.registry.settle(turn.id, settled);
        true
    }

    async fn finish_as_broken(&self, turn: &Turn, stored: TurnView) -> Option<Settled> {
        let error =
            TurnError { code: "internal".to_owned(), detail: "something went wrong on our side".to_owned() };
        let ending = Ending {
            turn: turn.id,
            fence: turn.fence,
            status: TurnStatus::Failed,
            text: stored.reply,
            model: stored.turn.model,
            usage: None,
            error: Some(error),
            quote: None,
            finish: None,
            withdraw: turn.withdraw_on_failure,
            now: self.ports.clock.now(),
        };
        match self.patiently(|| self.ports.store.finish(ending.clone())).await {
            Ok(Some(ended)) if turn.withdraw_on_failure => Some(Settled::Withdrawn(Box::new(ended.turn))),
            Ok(_) => None,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn Error,
                    "could not end a broken turn; it will be taken over"
                );
                None
            }
        }
    }
}

/// What a turn keeps that had text when its server stopped.
pub(super) fn interrupted_error() -> TurnError {
    TurnError {
        code: "interrupted".to_owned(),
        detail: "the server stopped in the middle of the reply; send the message again".to_owned(),
    }
}
