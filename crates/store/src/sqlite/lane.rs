//! Threads that own SQLite connections. One writer groups what is queued into one commit; readers
//! work beside it. A query runs right on its lane's thread: nothing can cancel it half-way, and no
//! two of our own connections ever wait for one lock (ADR 0002).

use crate::error::{Abort, unavailable};
use diesel::SqliteConnection;
use diesel_async::SimpleAsyncConnection;
use diesel_async::sync_connection_wrapper::{SpawnBlocking, SyncConnectionWrapper};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use maru_domain::error::{BoxError, StoreError};
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, MutexGuard};
use tokio::sync::{mpsc, oneshot};

/// Runs a query where it stands: the lane's thread may block.
pub struct Inline;

impl SpawnBlocking for Inline {
    fn spawn_blocking<'a, R: Send + 'static>(
        &mut self,
        task: impl FnOnce() -> R + Send + 'static,
    ) -> BoxFuture<'a, Result<R, BoxError>> {
        ready(Ok(task())).boxed()
    }

    fn get_runtime() -> Self {
        Self
    }
}

/// A connection that is used on its lane's thread only.
pub type Conn = SyncConnectionWrapper<SqliteConnection, Inline>;

/// Opens a lane's connection, again after it has failed.
pub type Open = Box<dyn Fn() -> Result<Conn, StoreError> + Send>;

/// The largest number of jobs in one commit. Large enough to hide the cost of fsync, small enough
/// that the first of a group does not wait for long.
const GROUP: usize = 64;
const PANICKED: &str = "a query has panicked";
/// Jobs that may wait. A full lane makes its callers wait, which bounds memory.
const QUEUE: usize = 1024;

/// Tells a caller the outcome, once it is known whether the commit has succeeded.
type Answer = Box<dyn FnOnce(Result<(), Commit>) + Send>;
/// A unit of work.
type Job = Box<dyn for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, (Done, Answer)> + Send>;

/// What a caller wants done.
type Work<T> = Box<dyn for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Abort<T>>> + Send>;

/// The job that does `work`. Work is of one type for each answer, so that this is not compiled for every query.
fn job<T: Send + 'static>(work: Work<T>, sender: oneshot::Sender<Result<T, StoreError>>) -> Job {
    Box::new(move |conn| {
        async move {
            let (done, end) = match AssertUnwindSafe(work(conn)).catch_unwind().await {
                Ok(Ok(value)) => (Ok(value), Done::Keep),
                Ok(Err(abort)) => (Err(abort), Done::Undo),
                Err(_) => (Err(Abort::Error(StoreError::Internal(PANICKED.into()))), Done::Panicked),
            };
            let answer: Answer = Box::new(move |commit| {
                let _ = sender.send(match (done, commit) {
                    (Ok(value) | Err(Abort::With(value)), Ok(())) => Ok(value),
                    (Err(Abort::Error(error)), Ok(())) => Err(error),
                    (Ok(_), Err(Commit { certain, why })) => {
                        Err(StoreError::Unavailable { certain, source: why.into() })
                    }
                    // A refusal may rest on what others of the group had written.
                    (Err(Abort::With(_) | Abort::Error(StoreError::Conflict(_))), Err(failed)) => {
                        Err(unavailable(failed.why))
                    }
                    (Err(Abort::Error(error)), Err(_)) => Err(error),
                });
            });
            (end, answer)
        }
        .boxed()
    })
}

/// How a job has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    /// Its changes are to be kept.
    Keep,
    /// Its changes are to be undone.
    Undo,
    /// The same, and nobody knows what else it has left behind on the connection.
    Panicked,
}

/// Why a group was not committed.
#[derive(Clone, Debug)]
struct Commit {
    certain: bool,
    why: String,
}

/// How a lane treats its jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Groups of jobs in one transaction.
    Write,
    /// Each job alone, without a transaction of ours.
    Read,
}

/// A thread with a connection and a queue before it.
#[derive(Clone)]
pub struct Lane(mpsc::Sender<Job>);

impl Lane {
    /// Opens the connection and starts the thread.
    pub fn start(name: &str, kind: Kind, open: Open) -> Result<Self, StoreError> {
        let conn = open()?;
        let (sender, jobs) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new().name(format!("maru-{name}"));
        let lane = Thread { conn: Some(conn), open, jobs, kind };
        thread.spawn(move || lane.run()).map_err(unavailable)?;
        Ok(Self(sender))
    }

    /// Runs `work` on the lane and answers when it is durable.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Abort<T>>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        self.put(job(Box::new(work), sender)).await?;
        // A job that could not be run is dropped with its sender; the lane has logged why.
        receiver.await.map_err(|_| unavailable("the database cannot be used now; nothing was done"))?
    }

    async fn put(&self, job: Job) -> Result<(), StoreError> {
        self.0.send(job).await.map_err(|_| unavailable("the database thread has stopped"))
    }

    /// How many jobs wait.
    #[cfg(test)]
    pub fn waiting(&self) -> usize {
        self.0.max_capacity() - self.0.capacity()
    }

    /// True while the lane's thread lives.
    pub fn is_open(&self) -> bool {
        !self.0.is_closed()
    }
}

struct Thread {
    conn: Option<Conn>,
    open: Open,
    jobs: mpsc::Receiver<Job>,
    kind: Kind,
}

impl Thread {
    fn run(mut self) {
        let mut group = Vec::with_capacity(GROUP);
        let most = match self.kind {
            Kind::Write => GROUP,
            Kind::Read => 1,
        };
        while self.jobs.blocking_recv_many(&mut group, most) > 0 {
            // Every future here is ready when it is polled: `Inline` has done the work by then.
            let kind = self.kind;
            let outcome = match (self.reopened(), kind) {
                (Err(error), _) => {
                    refuse(&mut group, &error.to_string());
                    Ok(())
                }
                (Ok(conn), Kind::Write) => now(write(conn, &mut group)),
                (Ok(conn), Kind::Read) => now(read(conn, &mut group)),
            };
            if let Err(broken) = outcome {
                tracing::error!(why = broken, "the database failed; the connection is opened again");
                self.conn = None;
            }
        }
    }

    fn reopened(&mut self) -> Result<&mut Conn, StoreError> {
        match &mut self.conn {
            Some(conn) => Ok(conn),
            empty => Ok(empty.insert((self.open)()?)),
        }
    }
}

/// A connection that whoever asks uses on his own thread, one at a time.
pub struct Look(Mutex<LookConn>);

struct LookConn {
    conn: Option<Conn>,
    open: Open,
}

impl Look {
    /// The connection is opened when it is first used.
    pub fn new(open: Open) -> Self {
        Self(Mutex::new(LookConn { conn: None, open }))
    }

    /// The connection, if nobody else has it now.
    pub fn free(&self) -> Option<Looking<'_>> {
        self.0.try_lock().ok().map(Looking)
    }
}

/// A connection that nobody else has now.
pub struct Looking<'a>(MutexGuard<'a, LookConn>);

impl Looking<'_> {
    /// Runs `work` here and now.
    pub fn run<T>(
        mut self,
        work: impl for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Abort<T>>>,
    ) -> Result<T, StoreError> {
        // Out of its place while it is used: after a panic it is not trusted again.
        let mut conn = match self.0.conn.take() {
            Some(conn) => conn,
            None => (self.0.open)()?,
        };
        match now(AssertUnwindSafe(work(&mut conn)).catch_unwind()) {
            Err(_) => Err(StoreError::Internal(PANICKED.into())),
            Ok(done) => {
                self.0.conn = Some(conn);
                done.or_else(Abort::ended)
            }
        }
    }
}

/// Takes the value of a future that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        // Cannot happen with `Inline`; spinning beats losing a job if it ever does.
        std::thread::yield_now();
    }
}

/// An error means that the connection can no longer be trusted: a snapshot that panics is still open.
async fn read(conn: &mut Conn, group: &mut Vec<Job>) -> Result<(), String> {
    for job in group.drain(..) {
        let (done, answer) = job(conn).await;
        answer(Ok(()));
        if done == Done::Panicked {
            return Err(PANICKED.to_owned());
        }
    }
    Ok(())
}

fn refuse(group: &mut Vec<Job>, why: &str) {
    // The jobs were not run: dropping them tells their callers that nothing was written.
    tracing::warn!(why, jobs = group.len(), "the database cannot be written");
    group.clear();
}

/// Runs a group in one transaction, each job in a savepoint of its own, and answers after `COMMIT`.
/// An error means that the connection can no longer be trusted.
async fn write(conn: &mut Conn, group: &mut Vec<Job>) -> Result<(), String> {
    if let Err(error) = conn.batch_execute("BEGIN IMMEDIATE").await {
        refuse(group, &error.to_string());
        return Ok(());
    }
    let alone = group.len() == 1;
    let mut answers = Vec::with_capacity(group.len());
    let (mut kept, mut panicked) = (false, false);
    for job in group.drain(..) {
        if alone {
            let (done, answer) = job(conn).await;
            (kept, panicked) = (done == Done::Keep, done == Done::Panicked);
            answers.push(answer);
            continue;
        }
        if let Err(error) = conn.batch_execute("SAVEPOINT job").await {
            let _ = conn.batch_execute("ROLLBACK").await;
            return Err(fail(answers, &error.to_string(), true));
        }
        let (done, answer) = job(conn).await;
        let end = if done == Done::Keep { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" };
        answers.push(answer);
        if let Err(error) = conn.batch_execute(end).await {
            let _ = conn.batch_execute("ROLLBACK").await;
            return Err(fail(answers, &error.to_string(), true));
        }
        kept |= done == Done::Keep;
        panicked |= done == Done::Panicked;
    }
    let end = if kept { "COMMIT" } else { "ROLLBACK" };
    match conn.batch_execute(end).await {
        Ok(()) => {
            answers.into_iter().for_each(|answer| answer(Ok(())));
            if panicked { Err(PANICKED.to_owned()) } else { Ok(()) }
        }
        Err(error) => {
            // After a failed fsync nobody knows what is on the disk: only a retry with the same key can tell.
            let _ = conn.batch_execute("ROLLBACK").await;
            Err(fail(answers, &error.to_string(), false))
        }
    }
}

fn fail(answers: Vec<Answer>, why: &str, certain: bool) -> String {
    let failed = Commit { certain, why: why.to_owned() };
    answers.into_iter().for_each(|answer| answer(Err(failed.clone())));
    failed.why
}
