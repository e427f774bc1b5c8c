//! `maru serve`: migrate, recover, listen, and end in order.

mod banner;
mod sockets;

pub(crate) use banner::reachable;

use crate::database;
use crate::http::{self, State};
use crate::settings::Settings;
use crate::wire::{Wired, wire};
use actix_web::{HttpServer, web};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use maru_domain::error::BoxError;
use maru_domain::turns::ports::Spawner;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How long open connections may take to end once all turns have.
const CONNECTIONS: Duration = Duration::from_secs(3);
/// How long the server's own tasks may take after that.
const TASKS: Duration = Duration::from_secs(2);
/// A head that has not arrived by then is refused with 408.
const HEAD: Duration = Duration::from_secs(5);
/// An idle connection is kept for so long.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Keys and caches that have expired are swept this often.
const SWEEP: Duration = Duration::from_secs(600);

/// Why the server could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// In words for the person who started it.
    #[error("{0}")]
    Start(BoxError),
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}; choose another with --bind")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The web server has failed.
    #[error("the web server has failed: {0}")]
    Run(std::io::Error),
}

fn start(error: impl Into<BoxError>) -> ServeError {
    ServeError::Start(error.into())
}

/// Serves until SIGTERM or SIGINT. Prints where it listens to standard output.
///
/// # Errors
/// See [`ServeError`].
pub fn serve(settings: Settings) -> LocalBoxFuture<'static, Result<(), ServeError>> {
    async move {
        let location = settings.location().map_err(start)?;
        // First: the tables under a running server are not ours to change.
        let _held = maru_store::lock(&location).map_err(start)?;
        let migrated = database::migrate_held(&settings).await.map_err(start)?;
        if let Some(kept) = &migrated.kept {
            tracing::info!(file = %kept.display(), "the database as it was before the migrations is kept");
        }
        for migration in &migrated.applied {
            tracing::info!(migration, "migrated");
        }
        // Before any turn is taken up: whoever cannot listen must not start work.
        let listener = listen(settings.server.bind)?;
        // Before anything counts.
        let metrics = metrics_handle().map_err(start)?;
        let wired = wire(&settings).await.map_err(start)?;
        recover(&wired).await.map_err(start)?;
        let address = listener.local_addr().map_err(start)?;
        let state = web::Data::new(State::new(&settings, &wired, metrics));
        start_tasks(&wired, &state);
        let app_state = state.clone();
        let server = HttpServer::new(move || http::app(app_state.clone()))
            .workers(workers(&settings))
            .client_request_timeout(HEAD)
            .keep_alive(KEEP_ALIVE)
            .shutdown_timeout(CONNECTIONS.as_secs())
            .disable_signals()
            .on_connect(sockets::set_options)
            .listen(listener)
            .map_err(ServeError::Run)?
            .run();
        let handle = server.handle();
        // Before the banner: whoever has read it may send a signal.
        let mut signals = Signals::new().map_err(start)?;
        let shares = shares(&settings, &wired).await;
        banner::print(&settings, address, &location.shown(), shares.as_deref());
        let running = std::pin::pin!(server);
        let ending = async {
            signals.next().await;
            tracing::info!("stopping: running replies may end first");
            let in_order = async {
                drain(&settings, &wired, &state).await;
                handle.stop(true).await;
            };
            tokio::select! {
                () = in_order => {}
                () = signals.next() => handle.stop(false).await,
            }
        };
        let (served, ()) = futures_util::future::join(running, ending.boxed_local()).await;
        served.map_err(ServeError::Run)?;
        wired.tasks.finish(TASKS).await;
        if let Err(error) = wired.store.tidy(&location).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the database was left with its log beside it"
            );
        }
        crate::telemetry::finish().await;
        tracing::info!("stopped");
        Ok(())
    }
    .boxed_local()
}

/// What is shared with other instances, and whether it is there.
async fn shares(settings: &Settings, wired: &Wired) -> Option<String> {
    let redis = wired.redis.as_ref()?;
    let url = settings.redis.url.shown();
    Some(match redis.ping().await {
        Ok(()) => url,
        Err(why) => {
            tracing::warn!(redis = url, why, "Redis does not answer; starting without it");
            format!("{url} (does not answer; going on without it)")
        }
    })
}

/// The end in order: say that we are about to go, let balancers notice, let turns end.
async fn drain(settings: &Settings, wired: &Wired, state: &State) {
    state.status.drain();
    tokio::time::sleep(settings.server.drain_delay.0).await;
    // Not before balancers have noticed: clients of sockets come again at once.
    state.status.close_sockets();
    wired.services.engine.drain(settings.server.drain_timeout.0).await;
    // What is left tells of turns that run elsewhere: their readers go there, and are told so by an
    // end instead of a broken connection.
    state.status.end_streams();
}

/// SIGTERM and SIGINT; a second one means now.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// A single instance has all leases to itself: those of an earlier start are void at once.
async fn recover(wired: &Wired) -> Result<(), BoxError> {
    if wired.store.is_embedded() {
        let voided = wired.store.ports.turns.void_leases(wired.services.engine.lease().owner).await?;
        if voided > 0 {
            tracing::warn!(turns = voided, "an earlier start was cut off; its turns are taken up again");
        }
    }
    wired.services.engine.take_up(None).await;
    Ok(())
}

fn start_tasks(wired: &Wired, state: &web::Data<State>) {
    let stopping = wired.tasks.stopping();
    wired.tasks.spawn(Box::pin(Arc::clone(&wired.services.engine).heartbeat(stopping.clone())));
    if let Some(memory) = &wired.memory {
        wired.tasks.spawn(Box::pin(memory.clone().run(stopping.clone())));
    }
    let (once, clock) = (Arc::clone(&wired.services.once), Arc::clone(&wired.services.clock));
    let metrics = state.metrics.clone();
    wired.tasks.spawn(Box::pin(async move {
        loop {
            if let Err(error) = once.purge(clock.now()).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "could not forget old idempotency keys"
                );
            }
            metrics.run_upkeep();
            tokio::select! {
                () = stopping.cancelled() => return,
                () = clock.sleep(SWEEP) => {}
            }
        }
    }));
}

fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let listen = || {
        let socket =
            socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(1024)?;
        Ok(TcpListener::from(socket))
    };
    listen().map_err(|source| ServeError::Listen { address, source })
}

fn workers(settings: &Settings) -> usize {
    match settings.server.workers {
        0 => std::thread::available_parallelism().map_or(2, usize::from),
        workers => workers,
    }
}

/// The recorder is the process's; a second server in it (in tests) shares the first one's.
fn metrics_handle() -> Result<PrometheusHandle, BoxError> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
    let handle = PrometheusBuilder::new().set_buckets(&seconds)?.install_recorder()?;
    Ok(HANDLE.get_or_init(|| handle).clone())
}
