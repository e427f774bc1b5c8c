//! What handlers can reach.

use crate::settings::Settings;
use crate::wire::{Redis, Wired};
use jiff::tz::TimeZone;
use maru_domain::services::Services;
use maru_store::Store;
use metrics_exporter_prometheus::PrometheusHandle;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What every handler can reach.
pub struct State {
    /// The use cases.
    pub services: Services,
    /// The database, for readiness.
    pub store: Store,
    /// What is shared with other instances, for readiness.
    pub redis: Option<Arc<Redis>>,
    /// The counters.
    pub metrics: PrometheusHandle,
    /// Whether the server is about to stop.
    pub status: Status,
    /// The largest body, in bytes.
    pub body_limit: usize,
    /// How long a body may take.
    pub body_timeout: Duration,
    /// Origins that browsers may call from.
    pub cors_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// The zone of the pages and of the contracts that show local times.
    pub zone: TimeZone,
    /// The zone of the token API's GET answers.
    pub token_chats_zone: TimeZone,
    /// The open contracts may be used without a token.
    pub anonymous: bool,
    /// What `/readyz` says of the settings that durability rests on.
    pub durability: String,
}

impl State {
    /// What handlers can reach under these settings.
    #[must_use]
    pub fn new(settings: &Settings, wired: &Wired, metrics: PrometheusHandle) -> Self {
        let (services, store) = (wired.services.clone(), wired.store.clone());
        let durability = match (store.is_embedded(), settings.store.durability) {
            (true, crate::settings::Durable::Full) => "full",
            (true, crate::settings::Durable::Normal) => "normal",
            (false, _) => "as the PostgreSQL server is set",
        };
        Self {
            services,
            store,
            redis: wired.redis.clone(),
            metrics,
            status: Status::default(),
            body_limit: settings.server.body_limit,
            body_timeout: settings.server.body_timeout.0,
            cors_origins: settings.server.cors_origins.0.clone(),
            trusted_proxies: settings.server.trusted_proxies.0.clone(),
            zone: settings.time.zone.rules(),
            token_chats_zone: settings.time.token_chats_zone.rules(),
            anonymous: settings.allows_anonymous(),
            durability: durability.to_owned(),
        }
    }
}

/// Whether the server is about to stop, and how much it has to do.
#[derive(Default)]
pub struct Status {
    draining: AtomicBool,
    closing: CancellationToken,
    ending: CancellationToken,
    in_flight: AtomicUsize,
}

impl Status {
    /// From now on `/readyz` says no.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// True once the server is about to stop.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// From now on sockets are closed: those that wait for their client at once, others after the
    /// answer that they are giving.
    pub fn close_sockets(&self) {
        self.closing.cancel();
    }

    /// From now on every stream ends: all turns of this process have.
    pub fn end_streams(&self) {
        self.ending.cancel();
    }

    /// Cancelled once streams are to end, whatever they tell.
    pub(super) fn ending(&self) -> &CancellationToken {
        &self.ending
    }

    /// Cancelled once sockets are to be closed.
    pub(super) fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// Counts a request in, until the guard is dropped; answers how many there are with it.
    pub(super) fn enter(&self) -> (InFlight<'_>, usize) {
        let requests = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        (InFlight(self), requests)
    }
}

/// A request that is being served.
pub(super) struct InFlight<'s>(&'s Status);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
