//! Waiting for the end of a turn, wherever it runs.

use super::away::STORE_PATIENCE;
use super::registry::{Settled, Watch};
use super::{Engine, TurnView};
use crate::error::{Fault, codes};
use crate::ids::TurnId;
use std::time::Duration;

/// Turns of other instances are looked at this often by those who wait for them.
const ASK_STORE_EVERY: Duration = Duration::from_millis(250);

/// How a turn stands, as far as this process can know.
pub(super) enum Standing {
    /// It has ended.
    Ended(Settled),
    /// It runs here.
    Here,
    /// It waits, or runs on another instance; what is stored of it.
    Elsewhere(Box<TurnView>),
}

impl Engine {
    /// Waits for the end of a turn, wherever it runs.
    ///
    /// # Errors
    /// `DRAINING` when the server stops before the turn has ended, or when the store is away.
    pub async fn wait(&self, turn: TurnId) -> Result<Settled, Fault> {
        self.wait_on(self.watch(turn)).await
    }

    /// A place to wait for a turn, taken before it is started so that its end is not missed.
    pub(crate) fn watch(&self, turn: TurnId) -> Watch {
        self.registry.watch(turn)
    }

    /// Waits for the end of a turn that was just sent, as long as a reply may take and its end is tried to be stored.
    /// A disk that stays full, or a long queue, must hold nobody for ever.
    pub(crate) async fn wait_patiently(&self, watch: Watch) -> Result<Settled, Fault> {
        tokio::select! {
            settled = self.wait_on(watch) => settled,
            () = self.ports.clock.sleep(self.settings.total + STORE_PATIENCE) => {
                Err(Fault::new(&codes::REPLY_NOT_READY).retry_after(Duration::from_secs(1)))
            }
        }
    }

    /// Waits for the end of a turn at a place taken before.
    pub(crate) async fn wait_on(&self, mut watch: Watch) -> Result<Settled, Fault> {
        loop {
            if let Some(settled) = self.look(&mut watch).await? {
                return Ok(settled);
            }
        }
    }

    /// The end of a turn, if it has one. Otherwise returns when there may be news: see [`Engine::news`].
    pub(super) async fn look(&self, watch: &mut Watch) -> Result<Option<Settled>, Fault> {
        match self.standing(watch).await? {
            Standing::Ended(settled) => Ok(Some(settled)),
            going => {
                self.news(watch, &going).await;
                Ok(None)
            }
        }
    }

    /// How a turn stands now.
    ///
    /// # Errors
    /// `DRAINING` when it runs elsewhere and this server stops, or when the store is away.
    pub(super) async fn standing(&self, watch: &Watch) -> Result<Standing, Fault> {
        let known = watch.settled.borrow().clone();
        if let Some(known) = known {
            return Ok(Standing::Ended(known.as_ref().clone()));
        }
        // A turn of this process settles through the registry; the store tells of all others.
        if self.registry.is_running(watch.turn) {
            return Ok(Standing::Here);
        }
        match self.ports.store.find(watch.turn).await? {
            None => Ok(Standing::Ended(Settled::Gone)),
            Some(view) if view.turn.status.is_terminal() => {
                Ok(Standing::Ended(Settled::Ended { view: Box::new(view), version: None }))
            }
            Some(_) if self.is_draining() => {
                Err(Fault::new(&codes::DRAINING).retry_after(Duration::from_secs(1)))
            }
            Some(view) => Ok(Standing::Elsewhere(Box::new(view))),
        }
    }

    /// Returns when there may be news: the turn was begun, ended or handed over here, or it is time to look again
    /// what another instance does.
    pub(super) async fn news(&self, watch: &mut Watch, standing: &Standing) {
        let elsewhere = matches!(standing, Standing::Elsewhere(_));
        let forgotten = tokio::select! {
            changed = watch.settled.changed() => changed.is_err(),
            () = self.ports.clock.sleep(ASK_STORE_EVERY), if elsewhere => false,
        };
        if forgotten {
            *watch = self.watch(watch.turn);
        }
    }
}
