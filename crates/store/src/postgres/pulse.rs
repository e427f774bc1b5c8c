//! Whether the server still answers. One that hangs (a network that swallows everything, a frozen
//! machine) closes no connection and refuses nothing, and none of its own time limits comes to an
//! end: whoever waits for it is told so by us (ADR 0012).

use super::connect::connect;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use maru_domain::error::StoreError;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, timeout};

/// When a call has waited for so long, we ask whether the server answers at all. Most calls take a
/// few milliseconds; one may wait for a lock for longer.
const ASK_AFTER: Duration = Duration::from_millis(750);
/// So long the answer may take. With the wait before it, a call fails within two seconds.
const ANSWER: Duration = Duration::from_secs(1);
/// While the server is lost it is asked this often, each time on a new connection, which may take so long.
const AGAIN: Duration = Duration::from_millis(250);
const REACH: Duration = Duration::from_secs(2);
/// A line that was not used for so long proves nothing: a network forgets idle connections.
const FRESH: Duration = Duration::from_secs(60);

/// Asks on a connection of its own, so that a pool that is all taken proves nothing either.
pub(super) struct Pulse {
    url: String,
    line: Mutex<Line>,
    lost: watch::Sender<bool>,
    runtime: Handle,
}

#[derive(Default)]
struct Line {
    conn: Option<AsyncPgConnection>,
    answered: Option<Instant>,
}

impl Pulse {
    pub(super) fn new(url: &str, runtime: Handle) -> Arc<Self> {
        let (lost, _) = watch::channel(false);
        Arc::new(Self { url: url.to_owned(), line: Mutex::default(), lost, runtime })
    }

    /// Waits for a call as long as the server answers, to others if not to this one. While it is
    /// lost, nothing is even tried. What becomes of a call that is given up, nobody knows.
    pub(super) async fn guard<T>(
        self: &Arc<Self>,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let mut lost = self.lost.subscribe();
        if *lost.borrow_and_update() {
            return Err(silent(true));
        }
        let mut call = std::pin::pin!(call);
        loop {
            tokio::select! {
                biased;
                done = &mut call => return done,
                _ = lost.wait_for(|lost| *lost) => return Err(silent(false)),
                () = self.ask_in_time() => {}
            }
        }
    }

    /// True while the server does not answer.
    pub(super) fn is_lost(&self) -> bool {
        *self.lost.borrow()
    }

    async fn ask_in_time(self: &Arc<Self>) {
        sleep(ASK_AFTER).await;
        let mut line = self.line.lock().await;
        // Many wait at once; one question serves all.
        let just_now = line.answered.is_some_and(|at| at.elapsed() < ASK_AFTER);
        if just_now || self.is_lost() || line.answers(&self.url).await {
            return;
        }
        tracing::error!("PostgreSQL does not answer: calls are refused until it does");
        self.lost.send_replace(true);
        self.find_again();
    }

    /// Asks until the server answers, or nobody wants to know any more.
    fn find_again(self: &Arc<Self>) {
        let pulse = Arc::downgrade(self);
        self.runtime.spawn(async move {
            while let Some(pulse) = pulse.upgrade() {
                if let Ok(Ok(conn)) = timeout(REACH, connect(pulse.url.clone())).await {
                    let mut line = pulse.line.lock().await;
                    *line = Line { conn: Some(conn), answered: Some(Instant::now()) };
                    tracing::info!("PostgreSQL answers again");
                    pulse.lost.send_replace(false);
                    return;
                }
                drop(pulse);
                sleep(AGAIN).await;
            }
        });
    }
}

impl Line {
    async fn answers(&mut self, url: &str) -> bool {
        let fresh = self.answered.is_some_and(|at| at.elapsed() < FRESH);
        if let Some(mut conn) = self.conn.take().filter(|_| fresh) {
            match timeout(ANSWER, conn.batch_execute("SELECT 1")).await {
                Ok(Ok(())) => {
                    *self = Self { conn: Some(conn), answered: Some(Instant::now()) };
                    return true;
                }
                Err(_) => return false,
                // Closed: the server was restarted, perhaps.
                Ok(Err(_)) => {}
            }
        }
        match timeout(ANSWER, connect(url.to_owned())).await {
            Ok(Ok(conn)) => {
                *self = Self { conn: Some(conn), answered: Some(Instant::now()) };
                true
            }
            // A server that has no room for us lives.
            Ok(Err(error)) => {
                let text = error.to_string();
                text.contains("too many clients") || text.contains("connection slots")
            }
            Err(_) => false,
        }
    }
}

fn silent(certain: bool) -> StoreError {
    StoreError::Unavailable { certain, source: "PostgreSQL does not answer".into() }
}
