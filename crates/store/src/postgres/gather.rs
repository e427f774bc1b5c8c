//! Rooms that several requests look for at the same time are found by one query. Every request for a page asks what is
//! current, and a query for thirty rooms costs the server and us hardly more than one for a single room (ADR 0022).
//!
//! Nobody waits for others to come: whoever finds fewer than two queries on their way goes at once, and those who come
//! meanwhile go together. A query begins after everybody in it has asked, so each sees what was committed by then.

use super::rooms::by_ids;
use super::{Call, Conn, Store, to_its_end};
use crate::error::{from_diesel, unavailable};
use crate::types::DbId;
use futures_util::FutureExt;
use maru_domain::error::StoreError;
use maru_domain::ids::RoomId;
use maru_domain::rooms::Room;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// So many queries may be on their way: while one is answered the next can be asked.
const AT_ONCE: usize = 2;
/// The most rooms of one query.
const MOST: usize = 128;

type Answer = Result<Option<Room>, StoreError>;

/// Those who ask for rooms.
#[derive(Default)]
pub(super) struct Gather(Mutex<Asking>);

#[derive(Default)]
struct Asking {
    waiting: Vec<(DbId, oneshot::Sender<Answer>)>,
    on_their_way: usize,
}

impl Store {
    /// The room of that id, if it is there now.
    pub(crate) async fn room(&self, id: RoomId) -> Answer {
        let (tell, told) = oneshot::channel();
        if let Some(mut way) = self.gather.join(DbId(id.0), tell) {
            let (pool, pulse) = (self.pool.clone(), Arc::clone(&self.pulse));
            self.runtime.spawn(async move {
                while way.is_wanted() {
                    let arrived = Arc::new(AtomicBool::new(false));
                    let (gather, arrives) = (Arc::clone(&way.gather), Arc::clone(&arrived));
                    let call: Call = Box::new(move |conn| {
                        arrives.store(true, Ordering::Relaxed);
                        async move { gather.answer(conn).await }.boxed()
                    });
                    let done = to_its_end(pool.clone(), Arc::clone(&pulse), call).await;
                    // A query that fails has told its own askers; the others get another connection.
                    if let (Err(error), false) = (done, arrived.load(Ordering::Relaxed)) {
                        way.gather.refuse(&error);
                    }
                }
            });
        }
        told.await.unwrap_or_else(|_| Err(unavailable("PostgreSQL does not answer")))
    }
}

impl Gather {
    fn asking(&self) -> MutexGuard<'_, Asking> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a question to the others; a way when somebody has to set out with it.
    fn join(self: &Arc<Self>, id: DbId, tell: oneshot::Sender<Answer>) -> Option<Way> {
        let mut asking = self.asking();
        asking.waiting.push((id, tell));
        if asking.on_their_way == AT_ONCE {
            return None;
        }
        asking.on_their_way += 1;
        Some(Way { gather: Arc::clone(self), has_ended: false })
    }

    /// Takes the questions that are there now, asks them all, and tells everybody.
    async fn answer(&self, conn: &mut Conn) -> Result<(), StoreError> {
        let mut askers: HashMap<DbId, Vec<oneshot::Sender<Answer>>> = HashMap::new();
        {
            let mut asking = self.asking();
            let most = asking.waiting.len().min(MOST);
            for (id, tell) in asking.waiting.drain(..most) {
                askers.entry(id).or_default().push(tell);
            }
        }
        if askers.is_empty() {
            // The other query has taken them all.
            return Ok(());
        }
        let ids: Vec<DbId> = askers.keys().copied().collect();
        let rows = match by_ids(conn, &ids).await {
            Ok(rows) => rows,
            Err(error) => {
                let error = from_diesel(error);
                askers.into_values().flatten().for_each(|tell| drop(tell.send(Err(same(&error)))));
                return Err(error);
            }
        };
        for row in rows {
            let askers = askers.remove(&row.id).unwrap_or_default();
            let room = Room::try_from(row);
            for tell in askers {
                let _ = tell.send(room.as_ref().map(|room| Some(room.clone())).map_err(same));
            }
        }
        askers.into_values().flatten().for_each(|tell| drop(tell.send(Ok(None))));
        Ok(())
    }

    /// Tells everybody who waits that it cannot be known.
    fn refuse(&self, error: &StoreError) {
        let waiting = std::mem::take(&mut self.asking().waiting);
        waiting.into_iter().for_each(|(_, tell)| drop(tell.send(Err(same(error)))));
    }
}

/// A task that goes to the database and back until nobody waits.
struct Way {
    gather: Arc<Gather>,
    has_ended: bool,
}

impl Way {
    /// True while somebody waits; the way has ended otherwise, and whoever comes now sets out anew.
    fn is_wanted(&mut self) -> bool {
        let mut asking = self.gather.asking();
        self.has_ended = asking.waiting.is_empty();
        asking.on_their_way -= usize::from(self.has_ended);
        !self.has_ended
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        if !self.has_ended {
            // A query has panicked, or the server ends: nobody may wait for this one.
            let mut asking = self.gather.asking();
            asking.on_their_way -= 1;
            asking.waiting.clear();
        }
    }
}

/// One error for several who have asked.
fn same(error: &StoreError) -> StoreError {
    match error {
        StoreError::Unavailable { certain, source } => {
            StoreError::Unavailable { certain: *certain, source: source.to_string().into() }
        }
        StoreError::Conflict(rule) => StoreError::Conflict(rule.clone()),
        StoreError::Internal(source) => StoreError::Internal(source.to_string().into()),
    }
}
