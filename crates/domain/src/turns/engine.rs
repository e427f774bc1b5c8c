//! The turn engine: takes turns up, runs them, keeps their leases and ends them, whatever becomes
//! of the clients (design §4).

use super::Budget;
use super::ports::{Claimed, Lease, Models, Spawner, StreamBuffer, TurnStore};
use super::registry::{Registry, Stop};
use super::run::Run;
use crate::accounts::ports::IdentityCache;
use crate::clock::Clock;
use crate::events::RoomHints;
use crate::events::ports::{Bus, EventStore, Notice};
use crate::ids::{InstanceId, RoomId, TurnId};
use crate::quotes::ports::QuoteStore;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// How many orphaned turns one sweep takes up.
const CLAIMS_PER_SWEEP: i64 = 64;

/// A hint's number where whoever hints does not know it: readers look at the log anyway.
const UNKNOWN_SEQ: i64 = 0;

/// What the engine works with.
#[derive(Clone)]
pub struct EnginePorts {
    /// Turns.
    pub store: Arc<dyn TurnStore>,
    /// The logs of rooms.
    pub events: Arc<dyn EventStore>,
    /// The latest deltas.
    pub buffer: Arc<dyn StreamBuffer>,
    /// Hints between instances.
    pub bus: Arc<dyn Bus>,
    /// Who was recognised lately, and is forgotten when another instance says so.
    pub identities: Arc<dyn IdentityCache>,
    /// Who answers.
    pub models: Arc<dyn Models>,
    /// Quotes for the threads that end with one.
    pub quotes: Arc<dyn QuoteStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where tasks run.
    pub spawner: Arc<dyn Spawner>,
}

/// The engine's numbers.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// This process.
    pub instance: InstanceId,
    /// How long a lease lasts without a heartbeat.
    pub lease: Duration,
    /// Leases are renewed, and orphans looked for, this often.
    pub heartbeat: Duration,
    /// How often a turn that has no text yet is sent to the model, at most.
    pub attempts: i32,
    /// How much history goes upstream.
    pub budget: Budget,
    /// The longest that a reply may take. Whoever waits for one waits so long, and a little longer for the store.
    pub total: Duration,
    /// Other instances may be on the same database. What they change is then looked for at every beat, because their
    /// hints may be lost, or have no way to come.
    pub shared: bool,
}

impl EngineSettings {
    /// The design's numbers for an instance that has its database to itself.
    #[must_use]
    pub fn new(instance: InstanceId, budget: Budget) -> Self {
        Self {
            instance,
            lease: Duration::from_secs(10),
            heartbeat: Duration::from_secs(2),
            attempts: 3,
            budget,
            total: Duration::from_mins(10),
            shared: false,
        }
    }

    /// The same for one of several instances: readers of a room wait for a beat at most, and so does a cancel. The
    /// others wait for a dead one as long as its lease lasts, so it lasts six beats only.
    #[must_use]
    pub fn shared(self) -> Self {
        Self { lease: Duration::from_secs(6), heartbeat: Duration::from_secs(1), shared: true, ..self }
    }
}

/// Runs turns.
pub struct Engine {
    pub(crate) ports: EnginePorts,
    pub(super) settings: EngineSettings,
    pub(super) registry: Arc<Registry>,
    hints: RoomHints,
    draining: AtomicBool,
    idle: watch::Sender<usize>,
}

impl Engine {
    /// An engine that has nothing to do yet; [`Engine::heartbeat`] keeps it alive.
    #[must_use]
    pub fn new(ports: EnginePorts, settings: EngineSettings) -> Arc<Self> {
        Arc::new(Self {
            ports,
            settings,
            registry: Arc::default(),
            hints: RoomHints::default(),
            draining: AtomicBool::new(false),
            idle: watch::Sender::new(0),
        })
    }

    /// The lease that this instance takes on turns.
    #[must_use]
    pub fn lease(&self) -> Lease {
        Lease { owner: self.settings.instance.clone(), lasts: self.settings.lease }
    }

    /// Hints that a room has changed, whichever instance has changed it, from now on.
    pub(crate) fn hints(&self, room: RoomId) -> BoxStream<'static, ()> {
        let hints = stream::unfold(self.hints.listen(room), |mut hints| async move {
            hints.changed().await.ok().map(|()| ((), hints))
        });
        hints.boxed()
    }

    /// Hints to those who read a room's log that there is more of it.
    pub(crate) async fn tell_room(&self, room: RoomId) {
        self.ports.bus.publish(Notice::Room { room, seq: UNKNOWN_SEQ }).await;
    }

    /// True once the server is about to stop: no new turns.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Runs a turn whose lease is ours, as a task of the server.
    pub fn start(self: &Arc<Self>, claimed: Claimed) {
        let Some(running) = self.registry.begin(claimed.turn.id) else {
            // The run that is under way has lost its lease to this claim and can write no more.
            self.registry.stop(claimed.turn.id, Stop::Gone);
            return;
        };
        let engine = Arc::clone(self);
        self.idle.send_modify(|running| *running += 1);
        self.ports.spawner.spawn(Box::pin(async move {
            let (room, turn) = (claimed.turn.room_id, claimed.turn.clone());
            let run = Run::new(Arc::clone(&engine), running, claimed);
            let next = match AssertUnwindSafe(run.finish()).catch_unwind().await {
                Ok(queued) => queued,
                Err(_) => {
                    tracing::error!(turn = %turn.id, "a run has panicked");
                    engine.end_as_broken(turn).await
                }
            };
            engine.idle.send_modify(|running| *running -= 1);
            if next && !engine.is_draining() {
                engine.take_up(Some(room)).await;
            }
        }));
    }

    /// Takes up turns that nobody runs, of one room or of all.
    pub async fn take_up(self: &Arc<Self>, room: Option<RoomId>) {
        match self.ports.store.claim(self.lease(), room, CLAIMS_PER_SWEEP).await {
            Ok(claims) => claims.into_iter().for_each(|claimed| self.start(claimed)),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "could not look for waiting turns")
            }
        }
    }

    /// Keeps leases alive, takes up orphans and listens for cancels, until the server stops.
    pub async fn heartbeat(self: Arc<Self>, stop: tokio_util::sync::CancellationToken) {
        // Beside each other: notices, however many come, put no beat off, and a slow store no notice.
        let beats = async {
            loop {
                self.ports.clock.sleep(self.settings.heartbeat).await;
                self.beat().await;
            }
        };
        let notices = self.ports.bus.listen().for_each(async |notice| match notice {
            Notice::Cancel(turn) => {
                self.registry.stop(turn, Stop::Cancelled);
            }
            Notice::Room { room, .. } => self.hints.tell(room),
            Notice::User(user) => self.ports.identities.forget_user(user),
            // A lost cancel is found by the next beat.
            Notice::Missed => self.hints.tell_all(),
        });
        // A bus that falls silent for good is no reason to stop the heart.
        let notices = notices.then(|()| std::future::pending::<()>());
        tokio::select! {
            () = stop.cancelled() => {}
            () = beats => {}
            () = notices => {}
        }
    }

    /// One beat: what [`Engine::heartbeat`] does each time.
    pub async fn beat(self: &Arc<Self>) {
        self.hints.sweep();
        if self.settings.shared {
            self.look_at_rooms().await;
        }
        let running = self.registry.running();
        if !running.is_empty() {
            match self.ports.store.renew(self.lease(), running).await {
                Ok(to_stop) => {
                    for turn in to_stop {
                        self.registry.stop(turn, Stop::Cancelled);
                    }
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "could not renew leases");
                    // Or it could take up what it runs itself.
                    return;
                }
            }
        }
        if !self.is_draining() {
            self.take_up(None).await;
        }
    }

    /// Wakes the readers of rooms that another instance has changed, whether or not it could say so.
    async fn look_at_rooms(&self) {
        let rooms = self.hints.read_ones();
        if rooms.is_empty() {
            return;
        }
        // A store that is away is looked at again at the next beat.
        if let Ok(heads) = self.ports.events.heads(rooms.clone()).await {
            self.hints.compare(&rooms, &heads);
        }
    }

    /// True while this process runs the turn.
    pub(super) fn runs(&self, turn: TurnId) -> bool {
        self.registry.is_running(turn)
    }

    /// True when another instance may hold what this one does not.
    pub(super) fn is_shared(&self) -> bool {
        self.settings.shared
    }

    /// Takes no new turns, gives the running ones `patience`, then hands over those without text
    /// and ends the others as interrupted.
    pub async fn drain(&self, patience: Duration) {
        self.draining.store(true, Ordering::Relaxed);
        let mut running = self.idle.subscribe();
        let all_ended = async move {
            let _ = running.wait_for(|running| *running == 0).await;
        };
        tokio::pin!(all_ended);
        tokio::select! {
            () = &mut all_ended => return,
            () = self.ports.clock.sleep(patience) => {}
        }
        for turn in self.registry.running() {
            self.registry.stop(turn, Stop::HandOver);
        }
        tokio::select! {
            () = all_ended => {}
            () = self.ports.clock.sleep(Duration::from_secs(3)) => tracing::warn!("some turns did not stop in time"),
        }
    }
}
