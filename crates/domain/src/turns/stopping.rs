//! Stopping turns before their end, wherever they run.

use super::registry::{Settled, Stop};
use super::{Engine, TurnStatus, TurnView};
use crate::error::Fault;
use crate::events::ports::Notice;
use crate::ids::TurnId;
use std::time::Duration;

/// How long a cancel waits for the runner to end the turn, before it ends it over the runner's head.
const CANCEL_PATIENCE: Duration = Duration::from_secs(1);

impl Engine {
    /// Stops a turn and answers how it stands: cancelled, or however it had ended before.
    ///
    /// When this returns, no more text of the turn is stored or told to anybody.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn cancel(&self, turn: TurnId) -> Result<Option<TurnView>, Fault> {
        let watch = self.watch(turn);
        let Some(view) = self.ports.store.request_cancel(turn, self.ports.clock.now()).await? else {
            return Ok(None);
        };
        // One that has ended may still be about to tell the last of it.
        if !self.registry.stop(turn, Stop::Cancelled) {
            if view.turn.status.is_terminal() {
                self.ended_by_us(&view, view.turn.fence).await;
                return Ok(Some(view));
            }
            self.ports.bus.publish(Notice::Cancel(turn)).await;
        }
        // The runner knows more of the text than the store: give it a second to end the turn itself.
        tokio::select! {
            ended = self.wait_on(watch) => match ended? {
                Settled::Ended { view, .. } => Ok(Some(*view)),
                Settled::Withdrawn(_) | Settled::Gone => Ok(None),
            },
            () = self.ports.clock.sleep(CANCEL_PATIENCE) => {
                let forced = self.ports.store.force_cancel(turn, self.ports.clock.now()).await?;
                if let Some(forced) = &forced {
                    self.ended_by_us(forced, view.turn.fence).await;
                }
                Ok(forced)
            }
        }
    }

    /// Tells whoever waits for or reads a turn that has ended and that nobody here runs. `fence` is
    /// the one that its runner had, if it had one.
    async fn ended_by_us(&self, view: &TurnView, fence: i64) {
        let turn = view.turn.id;
        if view.turn.status == TurnStatus::Cancelled {
            if view.turn.fence != fence {
                // Shuts a runner out that lives on, as the new fence does in the store.
                self.ports.buffer.open(turn, view.turn.fence).await;
            }
            self.ports.buffer.close(turn, view.turn.fence).await;
        }
        self.registry.settle(turn, Some(Settled::Ended { view: Box::new(view.clone()), version: None }));
    }

    /// Cancels a turn that has not ended; one that has is left alone.
    ///
    /// # Errors
    /// When the store is away.
    pub(crate) async fn end_running(&self, turn: TurnId) -> Result<(), Fault> {
        let found = self.ports.store.find(turn).await?;
        if found.is_some_and(|view| !view.turn.status.is_terminal()) {
            self.cancel(turn).await?;
        }
        Ok(())
    }

    /// Tells the runner of a turn, wherever it is, that the store knows of somebody who wants it to stop.
    pub(crate) async fn stop(&self, turn: TurnId) {
        if !self.registry.stop(turn, Stop::Cancelled) {
            self.ports.bus.publish(Notice::Cancel(turn)).await;
        }
    }

    /// Tells the runners of turns whose room is gone.
    pub fn abandon(&self, turns: impl IntoIterator<Item = TurnId>) {
        for turn in turns {
            if self.registry.stop(turn, Stop::Gone) {
                continue;
            }
            self.registry.settle(turn, Some(Settled::Gone));
            let ports = self.ports.clone();
            self.ports.spawner.spawn(Box::pin(async move {
                ports.bus.publish(Notice::Cancel(turn)).await;
                // The runner may be dead, and readers wait for more.
                if let Some(stream) = ports.buffer.read(turn, u64::MAX).await {
                    ports.buffer.close(turn, stream.fence).await;
                }
            }));
        }
    }
}
